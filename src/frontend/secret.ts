/**
 * A shared secret (CHAP, DH-HMAC-CHAP). Its bytes are private and appear in no text form of the object: not in
 * JSON, not in a log, not in an inspection. Whoever needs them borrows them for the length of one call.
 */
import { timingSafeEqual } from 'node:crypto'

export class Secret {
  readonly #bytes: Uint8Array

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The secret that `text` spells in UTF-8. */
  static fromText(text: string): Secret {
    return new Secret(Uint8Array.from(Buffer.from(text, 'utf8')))
  }

  /** A copy of `bytes`. */
  static fromBytes(bytes: Uint8Array): Secret {
    return new Secret(Uint8Array.from(bytes))
  }

  get lengthBytes(): number {
    return this.#bytes.byteLength
  }

  /** Lends the bytes to `reader`, which neither changes nor keeps them. */
  lend<T>(reader: (bytes: Uint8Array) => T): T {
    return reader(this.#bytes)
  }

  /** Whether both are the same, in a time that depends on their lengths only. */
  equals(other: Secret): boolean {
    return this.lengthBytes === other.lengthBytes && timingSafeEqual(this.#bytes, other.#bytes)
  }

  toJSON(): string {
    return '[secret]'
  }
}

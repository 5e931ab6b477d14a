/**
 * A password, token or CHAP secret. It never reaches a log, a message or JSON by accident: every conversion to
 * text gives a placeholder, and the bytes come out only by `reveal`. Comparison takes the same time wherever the
 * values differ.
 */
import { createHash, timingSafeEqual } from 'node:crypto'

const PLACEHOLDER = '[secret]'

export class Secret {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = Uint8Array.from(bytes)
  }

  get lengthBytes(): number {
    return this.#bytes.byteLength
  }

  /** The bytes themselves, for the computation that needs them. Not to be kept, never to be printed. */
  reveal(): Uint8Array {
    return this.#bytes
  }

  /** Whether `candidate` is this secret; the time taken does not depend on where they differ. */
  equals(candidate: Uint8Array): boolean {
    return timingSafeEqual(digest(this.#bytes), digest(candidate))
  }

  toString(): string {
    return PLACEHOLDER
  }

  toJSON(): string {
    return PLACEHOLDER
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return PLACEHOLDER
  }
}

const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

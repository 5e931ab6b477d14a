/**
 * Keys of an encrypted repository. The repository's key encrypts nothing itself: each attempt and each small object has a
 * salt of its own, and a key is derived of both (HKDF-SHA256, RFC 5869), so that nonces may simply be counted. What an
 * object is bound to (its name, its volume) is authenticated with it, and one cannot stand in for another.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import { BlockError } from '../base/errors.ts'
import { encodeText } from './core/bytes.ts'

export const SALT_BYTES = 16
export const TAG_BYTES = 16
const KEY_BYTES = 32

export class Keyring {
  readonly #key: Uint8Array | null

  /** INVALID_ARGUMENT when `keyHex` is not 64 hexadecimal digits. */
  constructor(keyHex: string | null) {
    if (keyHex !== null && !/^[0-9a-fA-F]{64}$/.test(keyHex)) {
      throw new BlockError(
        'INVALID_ARGUMENT',
        'the key of a repository is 32 bytes, written as 64 hexadecimal digits',
      )
    }
    this.#key = keyHex === null ? null : Uint8Array.from(Buffer.from(keyHex, 'hex'))
  }

  get isEncrypting(): boolean {
    return this.#key !== null
  }

  /** Tells one key from another and nothing else about it; null without a key. */
  check(): string | null {
    const derived = this.#derive(new Uint8Array(SALT_BYTES), 'basalt backup key check')
    return derived === null ? null : Buffer.from(derived.subarray(0, 8)).toString('hex')
  }

  /** For the frames that were encrypted under `salt`. */
  frameKey(salt: Uint8Array): Uint8Array | null {
    return this.#derive(salt, 'basalt backup frames')
  }

  /** Encrypts a part of the object `name`; each part of an object has a `part` of its own. As it is, without a key. */
  seal(salt: Uint8Array, name: string, part: string, plain: Uint8Array): Uint8Array {
    const key = this.#derive(salt, `basalt backup ${part} of ${name}`)
    if (key === null) return plain
    const cipher = createCipheriv('aes-256-gcm', key, new Uint8Array(12))
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  }

  /** What `seal` was given; undefined when it was not sealed with this key for this part of this object, or is damaged. */
  unseal(salt: Uint8Array, name: string, part: string, sealed: Uint8Array): Uint8Array | undefined {
    const key = this.#derive(salt, `basalt backup ${part} of ${name}`)
    if (key === null) return sealed
    if (sealed.byteLength < TAG_BYTES) return undefined
    const end = sealed.byteLength - TAG_BYTES
    const decipher = createDecipheriv('aes-256-gcm', key, new Uint8Array(12))
    decipher.setAuthTag(sealed.subarray(end))
    const plain = decipher.update(sealed.subarray(0, end))
    try {
      decipher.final()
    } catch (error) {
      if (error instanceof Error && /authenticate/.test(error.message)) return undefined
      throw error
    }
    return plain
  }

  #derive(salt: Uint8Array, info: string): Uint8Array | null {
    return this.#key === null ? null : new Uint8Array(hkdfSync('sha256', this.#key, salt, info, KEY_BYTES))
  }
}

/** SHA-256 of the pieces, one after the other; texts as UTF-8 and a zero byte. */
export function digestOf(...pieces: readonly (Uint8Array | string)[]): Uint8Array {
  const hash = createHash('sha256')
  for (const piece of pieces) {
    hash.update(typeof piece === 'string' ? encodeText(`${piece}\0`) : piece)
  }
  return new Uint8Array(hash.digest())
}

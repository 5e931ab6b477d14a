/**
 * Secrets that the registry keeps for servers (CHAP), encrypted with a key that is not in the registry: a copy of the
 * registry alone, in a backup say, tells none of them. AES-256-GCM; the sealed form names its key, so that keys can be
 * changed: put a new line first in the key file and restart the master; what is sealed from then on has the new key,
 * what was sealed before is opened with the old line, which stays until nothing needs it.
 *
 *     key file:  basalt-secrets-key KEY-ID BASE64(32 bytes)      one line a key, the first one seals
 *     sealed:    v1.KEY-ID.BASE64URL(nonce 12 bytes, ciphertext, tag 16 bytes)
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { BlockError } from '../../base/errors.ts'
import type { Random } from '../../base/ports/random.ts'
import { Secret } from '../../frontend/secret.ts'

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const KEY_ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const LINE = /^basalt-secrets-key ([0-9a-f]{8}) ([A-Za-z0-9+/]{43}=)$/
const SEALED = /^v1\.([0-9a-f]{8})\.([A-Za-z0-9_-]{38,})$/
/** More than a CHAP secret ever has. */
const TEXT_BYTES_MAX = 1024

interface Key {
  readonly id: string
  readonly bytes: Secret
}

/** A line for a key file, with a new key. */
export function newSecretsKeyLine(random: Random): string {
  const id = Buffer.from(random.bytes(KEY_ID_BYTES)).toString('hex')
  return `basalt-secrets-key ${id} ${Buffer.from(random.bytes(KEY_BYTES)).toString('base64')}\n`
}

export class Sealer {
  readonly #random: Random
  readonly #current: Key
  readonly #keys: ReadonlyMap<string, Key>

  /** `keyFile` is the text of a key file; `what` names it in errors (INVALID_ARGUMENT). */
  constructor(random: Random, keyFile: string, what: string) {
    this.#random = random
    const keys = new Map<string, Key>()
    const lines = keyFile.split('\n').map((line) => line.trim())
    for (const [index, line] of lines.entries()) {
      if (line === '') continue
      const [, id = '', base64 = ''] = LINE.exec(line) ?? []
      if (id === '' || keys.has(id)) {
        throw new BlockError(
          'INVALID_ARGUMENT',
          `${what}: line ${index + 1} is not 'basalt-secrets-key ID KEY' with an ID of its own; 'basalt cluster init' writes such files`,
        )
      }
      keys.set(id, { id, bytes: Secret.fromBytes(Buffer.from(base64, 'base64')) })
    }
    const [current] = keys.values()
    if (current === undefined) throw new BlockError('INVALID_ARGUMENT', `${what}: it holds no key`)
    this.#current = current
    this.#keys = keys
  }

  /** The key that seals. */
  get keyId(): string {
    return this.#current.id
  }

  /** Encrypts up to 1 KiB of text; each time another result. */
  seal(text: string): string {
    const plain = Buffer.from(text, 'utf8')
    if (plain.byteLength > TEXT_BYTES_MAX) {
      throw new BlockError('INVALID_ARGUMENT', `a secret has at most ${TEXT_BYTES_MAX} bytes`)
    }
    const { id, bytes } = this.#current
    const nonce = this.#random.bytes(NONCE_BYTES)
    const sealed = bytes.lend((key) => {
      const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(additional(id))
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    })
    return `v1.${id}.${sealed.toString('base64url')}`
  }

  /** What was sealed. NOT_FOUND when its key is not in the file; CORRUPT when it was changed, or is not sealed at all. */
  open(sealed: string): Secret {
    const [, id = '', base64 = ''] = SEALED.exec(sealed) ?? []
    if (id === '') throw new BlockError('CORRUPT', 'a sealed secret has a form that is not known')
    const key = this.#keys.get(id)
    if (key === undefined) {
      throw new BlockError(
        'NOT_FOUND',
        `a secret was sealed with key ${id}, which the secrets key file does not hold; add its line again, or set the secret anew`,
        { facts: { keyId: id } },
      )
    }
    const content = Buffer.from(base64, 'base64url')
    const nonce = content.subarray(0, NONCE_BYTES)
    const tag = content.subarray(content.byteLength - TAG_BYTES)
    return key.bytes.lend((bytes) => {
      const decipher = createDecipheriv(CIPHER, bytes, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(additional(id))
      decipher.setAuthTag(tag)
      const start = decipher.update(content.subarray(NONCE_BYTES, content.byteLength - TAG_BYTES))
      try {
        return Secret.fromBytes(Buffer.concat([start, decipher.final()]))
      } catch (cause) {
        throw new BlockError('CORRUPT', `a secret sealed with key ${id} was changed`, {
          facts: { keyId: id },
          cause,
        })
      }
    })
  }
}

const additional = (keyId: string): Buffer => Buffer.from(`basalt secret v1 ${keyId}`, 'ascii')

/**
 * Secrets of DH-HMAC-CHAP as people write them (NVM Express Base 2.0, Secret Representation):
 *
 *     DHHC-1:HH:BASE64(key || CRC-32 of the key, little-endian):
 *
 * with keys of 32, 48 or 64 bytes, and HH the hash by which the key is transformed before it is used: 00 none, 01
 * SHA-256, 02 SHA-384, 03 SHA-512. The hash need not be as long as the key.
 */
import { formatDhchapSecret, readDhchapSecret } from '../../base/dhchap-secret.ts'
import type { Random } from '../../base/ports/random.ts'
import { Secret } from '../../frontend/secret.ts'
import { HASHES, type HashName, hashOfId, hmac } from './hash.ts'

const KEY_LENGTHS = [32, 48, 64] as const
/** A text with fewer or more bytes is no secret that was cut or grew by a character, but something else. */
const KEY_BYTES = { MIN: 32, MAX: 68 } as const

export interface DhchapKey {
  readonly key: Secret
  /** How the key is transformed; undefined: it is used as it is. */
  readonly hash: HashName | undefined
}

/** What is wrong with a secret; never the secret itself. */
export type SecretFault = 'form' | 'key-length' | 'checksum'

/** Reads a secret. */
export function parseSecret(text: string): DhchapKey | SecretFault {
  const read = readDhchapSecret(text)
  if (typeof read === 'string') return 'form'
  const { key, hash, isChecked } = read
  const lengthBytes = key.byteLength
  if (lengthBytes < KEY_BYTES.MIN || lengthBytes > KEY_BYTES.MAX) return 'form'
  if (!KEY_LENGTHS.some((length) => length === lengthBytes)) return 'key-length'
  if (!isChecked) return 'checksum'
  return { key: Secret.fromBytes(key), hash: hashOfId(hash) }
}

/** As `parseSecret` reads it: hand it to nobody but the owner. */
export function formatSecret({ key, hash }: DhchapKey): string {
  return key.lend((bytes) =>
    formatDhchapSecret({ key: bytes, hash: hash === undefined ? 0 : HASHES[hash].id }),
  )
}

/** A new key, as long as its hash; 32 bytes without. */
export function generateKey(random: Random, hash: HashName | undefined = 'sha256'): DhchapKey {
  const lengthBytes = hash === undefined ? KEY_LENGTHS[0] : HASHES[hash].lengthBytes
  return { key: Secret.fromBytes(random.bytes(lengthBytes)), hash }
}

/** Kt: the key as the side named `nqn` proves itself with it. */
export function transformKey({ key, hash }: DhchapKey, nqn: string): Uint8Array {
  return key.lend((bytes) =>
    hash === undefined ? Uint8Array.from(bytes) : hmac(hash, bytes, nqn, 'NVMe-over-Fabrics'),
  )
}

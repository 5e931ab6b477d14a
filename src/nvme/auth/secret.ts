/**
 * Secrets of DH-HMAC-CHAP as people write them (NVM Express Base 2.0, Secret Representation):
 *
 *     DHHC-1:HH:BASE64(key || CRC-32 of the key, little-endian):
 *
 * with keys of 32, 48 or 64 bytes, and HH the hash by which the key is transformed before it is used: 00 none, 01
 * SHA-256, 02 SHA-384, 03 SHA-512. The hash need not be as long as the key.
 */
import type { Random } from '../../base/ports/random.ts'
import { Secret } from '../../frontend/secret.ts'
import { HASHES, type HashName, hashOfId, hmac } from './hash.ts'

const KEY_LENGTHS = [32, 48, 64] as const
const CRC_BYTES = 4
const FORM = /^DHHC-1:0([0-3]):([A-Za-z0-9+/]{48,96}={0,2}):$/

export interface DhchapKey {
  readonly key: Secret
  /** How the key is transformed; undefined: it is used as it is. */
  readonly hash: HashName | undefined
}

/** What is wrong with a secret; never the secret itself. */
export type SecretFault = 'form' | 'key-length' | 'checksum'

/** Reads a secret. */
export function parseSecret(text: string): DhchapKey | SecretFault {
  const form = FORM.exec(text)
  if (form === null) return 'form'
  const encoded = form[2] ?? ''
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.toString('base64') !== encoded) return 'form'
  const key = bytes.subarray(0, -CRC_BYTES)
  if (!KEY_LENGTHS.some((length) => length === key.byteLength)) return 'key-length'
  if (bytes.readUInt32LE(key.byteLength) !== crc32(key)) return 'checksum'
  return { key: Secret.fromBytes(key), hash: hashOfId(Number(form[1])) }
}

/** As `parseSecret` reads it: hand it to nobody but the owner. */
export function formatSecret({ key, hash }: DhchapKey): string {
  return key.lend((bytes) => {
    const whole = Buffer.alloc(bytes.byteLength + CRC_BYTES)
    whole.set(bytes)
    whole.writeUInt32LE(crc32(bytes), bytes.byteLength)
    return `DHHC-1:0${hash === undefined ? 0 : HASHES[hash].id}:${whole.toString('base64')}:`
  })
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

/** CRC-32 of IEEE 802.3, bit by bit: for a few bytes. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : 0xedb88320)
  }
  return ~crc >>> 0
}

/**
 * Secrets of DH-HMAC-CHAP as people pass them on: `DHHC-1:HH:BASE64:`, where HH is the hash that transforms the key (00:
 * none) and BASE64 the key followed by its CRC-32, least significant byte first (NVMe Base 2.0, Secret Representation).
 * The check value finds a typing error before a host is locked out by it.
 */
import { BlockError } from './errors.ts'

const FORM = /^DHHC-1:0([0-3]):([A-Za-z0-9+/]+={0,2}):$/
/** By HH: lengths of keys in bytes. A transformed key is as long as its hash. */
const LENGTHS: readonly (readonly number[])[] = [[32, 48, 64], [32], [48], [64]]
const CHECK_BYTES = 4

export interface DhchapKey {
  /** 0: used as it is; 1, 2, 3: transformed with SHA-256, SHA-384, SHA-512. */
  readonly hash: number
  readonly key: Uint8Array
}

/** The two parts of the text, before anything else of it is checked. */
interface Representation extends DhchapKey {
  /** The check value is that of the key. */
  readonly isChecked: boolean
}

/** 'form': the text has not that form; 'base64': its part is none. */
export function readDhchapSecret(secret: string): Representation | 'form' | 'base64' {
  const found = FORM.exec(secret)
  if (found === null) return 'form'
  const [, hashDigit = '', base64 = ''] = found
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) return 'base64'
  const lengthBytes = Math.max(0, bytes.length - CHECK_BYTES)
  const key = Uint8Array.from(bytes.subarray(0, lengthBytes))
  const isChecked = bytes.length >= CHECK_BYTES && crc32(key) === bytes.readUInt32LE(lengthBytes)
  return { hash: Number(hashDigit), key, isChecked }
}

export function formatDhchapSecret({ hash, key }: DhchapKey): string {
  const whole = Buffer.alloc(key.byteLength + CHECK_BYTES)
  whole.set(key)
  whole.writeUInt32LE(crc32(key), key.byteLength)
  return `DHHC-1:0${hash}:${whole.toString('base64')}:`
}

/** As it may be set: INVALID_ARGUMENT, which names `what` and never shows the secret. */
export function parseDhchapSecret(secret: string, what: string): DhchapKey {
  const read = readDhchapSecret(secret)
  if (read === 'form') throw refused(`${what} is not of the form DHHC-1:HH:BASE64:`)
  if (read === 'base64') throw refused(`${what} has a part that is no base64`)
  const { hash, key, isChecked } = read
  const lengths = LENGTHS[hash] ?? []
  if (!lengths.includes(key.byteLength)) {
    throw refused(`${what} has a key of ${key.byteLength} bytes; with 0${hash} it has ${lengths.join(', ')}`)
  }
  if (!isChecked) throw refused(`${what} has a wrong check value: a character of it is wrong or missing`)
  return { hash, key }
}

const refused = (message: string): BlockError =>
  new BlockError('INVALID_ARGUMENT', `${message}; make one with 'nvme gen-dhchap-key'`, {
    facts: { reason: 'dhchap_secret' },
  })

/** CRC-32 of IEEE 802.3: of a few bytes, so bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1))
  }
  return ~crc >>> 0
}

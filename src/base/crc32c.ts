/**
 * CRC-32C (Castagnoli, as in RFC 3720 appendix B.4), chained by seed: `crc32c(b, crc32c(a))` is the
 * checksum of a followed by b. Payloads go to the native library; short headers stay in TypeScript,
 * because the call out costs more than 200 bytes of table look-ups.
 */
import { crc32c as nativeCrc32c } from '@node-rs/crc32'

const NATIVE_FROM_BYTES = 200
const POLYNOMIAL = 0x82f63b78

/** Eight tables of 256: `TABLES[k * 256 + b]` is the checksum of byte b followed by k zero bytes. */
const TABLES = ((): Uint32Array => {
  const tables = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[byte] = crc >>> 0
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let k = 1; k < 8; k++) {
      const previous = tables[(k - 1) * 256 + byte]!
      tables[k * 256 + byte] = (previous >>> 8) ^ tables[previous & 0xff]!
    }
  }
  return tables
})()

/** CRC-32C of `bytes`, continuing from `seed` (the checksum of what came before; 0 at the start). */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  if (bytes.byteLength >= NATIVE_FROM_BYTES) return nativeCrc32c(bytes, seed)
  return crc32cOfRange(bytes, 0, bytes.byteLength, seed)
}

/** CRC-32C of `bytes[start, end)` in TypeScript, without a `subarray`. */
export function crc32cOfRange(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  const t = TABLES
  let crc = ~seed
  let i = start
  for (; i + 8 <= end; i += 8) {
    const a = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    crc =
      t[1792 + (a & 0xff)]! ^
      t[1536 + ((a >>> 8) & 0xff)]! ^
      t[1280 + ((a >>> 16) & 0xff)]! ^
      t[1024 + (a >>> 24)]! ^
      t[768 + bytes[i + 4]!]! ^
      t[512 + bytes[i + 5]!]! ^
      t[256 + bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 0xff]!
  return ~crc >>> 0
}

/** CRC-32C of one unsigned 32-bit word, little-endian, continuing from `seed`; no bytes are built. */
export function crc32cOfWord(word: number, seed: number): number {
  const t = TABLES
  const a = ~seed ^ word
  const crc =
    t[768 + (a & 0xff)]! ^ t[512 + ((a >>> 8) & 0xff)]! ^ t[256 + ((a >>> 16) & 0xff)]! ^ t[a >>> 24]!
  return ~crc >>> 0
}

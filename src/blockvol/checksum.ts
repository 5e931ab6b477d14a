/**
 * The checksum of a block: CRC-32C of its content, seeded with its block number, LSN and flags. So content
 * that is right but stands at another place, or is of another write, does not pass.
 */
import { crc32c, crc32cOfWord } from '../base/crc32c.ts'

const TWO_32 = 0x1_0000_0000

/** Checksum of `content` (4096 bytes) as version `lsn` of block `block`. */
export function blockChecksum(content: Uint8Array, block: number, lsn: number, flags = 0): number {
  let seed = crc32cOfWord(block >>> 0, 0)
  seed = crc32cOfWord((Math.floor(block / TWO_32) | (flags << 16)) >>> 0, seed)
  seed = crc32cOfWord(lsn >>> 0, seed)
  seed = crc32cOfWord(Math.floor(lsn / TWO_32), seed)
  return crc32c(content, seed)
}

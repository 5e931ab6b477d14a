import { describe, expect, it } from 'vitest'
import { blockChecksum } from './checksum.ts'

const CONTENT = new Uint8Array(4096).fill(0x5a)
const BLOCK = 0x3_0000_0007
const LSN = 0x2_0000_0006

describe('the checksum of a block', () => {
  /** Computed with a bitwise CRC-32C over block, flags and LSN as four little-endian words, then the content. */
  it('is a CRC-32C of place, version and content', () => {
    expect(blockChecksum(CONTENT, BLOCK, LSN)).toBe(0xfee7_10b8)
  })

  it('differs when the same content stands elsewhere, is of another write, or has other flags', () => {
    const meant = blockChecksum(CONTENT, BLOCK, LSN)
    for (const block of [BLOCK + 1, BLOCK - 2 ** 32, BLOCK + 2 ** 32]) {
      expect(blockChecksum(CONTENT, block, LSN)).not.toBe(meant)
    }
    for (const lsn of [LSN + 1, LSN - 2 ** 32]) expect(blockChecksum(CONTENT, BLOCK, lsn)).not.toBe(meant)
    expect(blockChecksum(CONTENT, BLOCK, LSN, 1)).not.toBe(meant)
  })

  it('differs when any single bit of the content differs', () => {
    const meant = blockChecksum(CONTENT, BLOCK, LSN)
    const changed = Uint8Array.from(CONTENT)
    for (let at = 0; at < 4096; at += 7) {
      changed[at]! ^= 1 << (at % 8)
      expect(blockChecksum(changed, BLOCK, LSN)).not.toBe(meant)
      changed[at] = 0x5a
    }
  })
})

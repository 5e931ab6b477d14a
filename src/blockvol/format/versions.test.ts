import { describe, expect, it } from 'vitest'
import { flipped, hex } from '../../../test/blockvol/hex.ts'
import { viewOf } from '../../base/binary.ts'
import { crc32c } from '../../base/crc32c.ts'
import { BlockError } from '../../base/errors.ts'
import { checkVersionsHeader, encodeVersionsHeader } from './versions.ts'

const UUID = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i)

/** Computed by hand from the table in docs/formats/versions.md; the checksum with a bitwise CRC-32C. */
const GOLDEN = hex(`
  42 4c 56 53 01 00 00 00            # magic "BLVS", version, padding
  a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af
  00*36
  9d 70 e9 91                        # checksum
  00*4032`)

/** The golden page with another byte at `at`, and a checksum that is right for it. */
function resealed(at: number): Uint8Array {
  const other = flipped(GOLDEN, at, 2)
  viewOf(other).setUint32(60, crc32c(other.subarray(0, 60)), true)
  return other
}

const verdict = (page: Uint8Array, uuid: Uint8Array = UUID): string => {
  try {
    checkVersionsHeader(page, uuid, 'versions')
    return 'accepted'
  } catch (error) {
    return error instanceof BlockError ? error.code : String(error)
  }
}

describe('the head of the versions file', () => {
  it('is the bytes of the table, both ways', () => {
    expect(encodeVersionsHeader(UUID)).toEqual(GOLDEN)
    expect(verdict(GOLDEN)).toBe('accepted')
  })

  it('is refused when a single byte of its page changed', () => {
    for (let at = 0; at < 4096; at++) expect(verdict(flipped(GOLDEN, at)), `byte ${at}`).toBe('CORRUPT')
  })

  it('is refused when it is of another release, or its padding is not zero', () => {
    expect(verdict(resealed(4))).toBe('UNKNOWN_FORMAT')
    for (const padding of [6, 7, 24, 59]) expect(verdict(resealed(padding)), `${padding}`).toBe('CORRUPT')
  })

  it('is refused when it is of another volume', () => {
    expect(verdict(GOLDEN, flipped(UUID, 3))).toBe('CORRUPT')
  })
})

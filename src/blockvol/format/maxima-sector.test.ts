import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flipped, hex } from '../../../test/blockvol/hex.ts'
import { viewOf } from '../../base/binary.ts'
import { crc32c } from '../../base/crc32c.ts'
import { decodeMaxima, encodeMaxima, MAXIMA_SECTOR_BYTES, SECTOR_GRAINS } from './maxima-sector.ts'

/** Computed by hand from the table in docs/formats/block-map.md; the checksum with a bitwise CRC-32C. */
const GOLDEN = hex(`
  42 4c 4d 58 01 00 00 00            # magic "BLMX", version, padding
  02 00 00 00 00 00 00 00            # sector 2
  94 7d fc 43 00*12                  # checksum, padding
  01 00 00 00 00 00 00 00            # grain 120
  05 04 03 02 01 00 00 00            # grain 121
  00*464`)

const MEANT = new Float64Array(SECTOR_GRAINS)
MEANT[0] = 1
MEANT[1] = 0x01_0203_0405

/** The golden sector with another byte at `at`, and a checksum that is right for it. */
function resealed(at: number): Uint8Array {
  const other = flipped(GOLDEN, at, 2)
  viewOf(other).setUint32(16, crc32c(other.subarray(20), crc32c(other.subarray(0, 16))), true)
  return other
}

describe('a sector of the maxima', () => {
  it('is the bytes of the table, both ways', () => {
    expect(encodeMaxima(2, MEANT)).toEqual(GOLDEN)
    expect(decodeMaxima(2, GOLDEN)).toEqual(MEANT)
  })

  it('comes back as it was written', () => {
    const lsns = fc.array(fc.maxSafeNat(), { minLength: SECTOR_GRAINS, maxLength: SECTOR_GRAINS })
    fc.assert(
      fc.property(fc.maxSafeNat(), lsns, (index, values) => {
        const maxima = Float64Array.from(values)
        expect(decodeMaxima(index, encodeMaxima(index, maxima))).toEqual(maxima)
      }),
    )
  })

  it('is damaged when a single bit of it changed', () => {
    for (let at = 0; at < MAXIMA_SECTOR_BYTES; at++) {
      expect(decodeMaxima(2, flipped(GOLDEN, at, 1 << (at % 8))), `byte ${at}`).toBeUndefined()
    }
  })

  it('is damaged when it is of another place or another version, or its padding is not zero', () => {
    expect(decodeMaxima(3, GOLDEN)).toBeUndefined()
    for (const at of [4, 6, 7, 20, 31]) expect(decodeMaxima(2, resealed(at)), `byte ${at}`).toBeUndefined()
    expect(decodeMaxima(2, resealed(40))).toBeDefined()
  })

  it('that was never written knows of no change', () => {
    expect(decodeMaxima(7, new Uint8Array(MAXIMA_SECTOR_BYTES))).toEqual(new Float64Array(SECTOR_GRAINS))
  })
})

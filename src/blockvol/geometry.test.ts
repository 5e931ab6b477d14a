import { describe, expect, it } from 'vitest'
import { GIB, KIB, MIB, TIB } from '../base/units.ts'
import { defaultLogBytes, LOG_BYTES_MAX, LOG_BYTES_MIN } from '../base/volume-limits.ts'
import { checkGeometry, grainBlocks } from './geometry.ts'

const refused = (sizeBytes: number, logicalBlockBytes = 512, logBytes = MIB): string | undefined => {
  try {
    checkGeometry(sizeBytes, logicalBlockBytes, logBytes)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

describe('sizes of a volume', () => {
  it('are whole blocks from 1 MiB to 64 TiB', () => {
    for (const size of [MIB, MIB + 4096, 64 * TIB]) expect(refused(size)).toBeUndefined()
    for (const size of [0, MIB - 4096, 64 * TIB + 4096, MIB + 512, -MIB, Number.NaN]) {
      expect(refused(size), `${size}`).toMatch(/^size /)
    }
  })

  it('have logical blocks of 512 or 4096', () => {
    expect(refused(MIB, 4096)).toBeUndefined()
    for (const unit of [0, 1024, 8192]) expect(refused(MIB, unit)).toMatch(/^logical block /)
  })

  it('have logs of whole blocks from 64 KiB to 4 GiB', () => {
    for (const log of [LOG_BYTES_MIN, LOG_BYTES_MAX]) expect(refused(MIB, 512, log)).toBeUndefined()
    for (const log of [0, LOG_BYTES_MIN - 4096, LOG_BYTES_MAX + 4096, LOG_BYTES_MIN + 512]) {
      expect(refused(MIB, 512, log)).toMatch(/^log size /)
    }
  })

  it('have by default a log of 256 MiB or a quarter of the volume, whichever is less', () => {
    expect(defaultLogBytes(MIB)).toBe(256 * KIB)
    expect(defaultLogBytes(MIB + 4096)).toBe(256 * KIB)
    expect(defaultLogBytes(GIB)).toBe(256 * MIB)
    expect(defaultLogBytes(64 * TIB)).toBe(256 * MIB)
  })

  it('have grains of max(1 MiB, size / 2^20), in whole pages of the map', () => {
    expect(grainBlocks(MIB)).toBe(256)
    expect(grainBlocks(TIB)).toBe(256)
    expect(grainBlocks(TIB + 4096)).toBe(512)
    expect(grainBlocks(64 * TIB)).toBe(256 * 64)
  })
})

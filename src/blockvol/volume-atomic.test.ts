import { describe, expect, it } from 'vitest'
import { filled, freshVolume, portsWith, readBlock, useScratch } from '../../test/blockvol/scratch.ts'
import { BLOCK_BYTES, KIB, MIB } from '../base/units.ts'

const scratch = useScratch()

describe('a write of at most atomicWriteBytesMax', () => {
  it.each([
    [512, MIB - BLOCK_BYTES, [0, 512, 4096, 7 * 512]],
    [4096, MIB, [0, 4096]],
  ] as const)(
    'is one entry of the log wherever it begins, with logical blocks of %d',
    async (logicalBlockBytes, most, offsets) => {
      const volume = await freshVolume(portsWith(), scratch.next(), {
        create: { logicalBlockBytes, logBytes: 16 * MIB },
      })
      expect(volume.atomicWriteBytesMax).toBe(most)
      for (const [i, offsetBytes] of offsets.entries()) {
        const before = volume.status().appendedLsn
        await volume.write(offsetBytes, filled(i + 1, most))
        expect(volume.status().appendedLsn - before, `at ${offsetBytes}`).toBe(1)
      }
      const before = volume.status().appendedLsn
      await volume.write(BLOCK_BYTES, filled(9, MIB + BLOCK_BYTES))
      expect(volume.status().appendedLsn - before).toBe(2)
      await volume.close()
    },
  )

  it('is smaller where the log is small', async () => {
    const volume = await freshVolume(portsWith(), scratch.next(), { create: { logBytes: 128 * KIB } })
    expect(volume.atomicWriteBytesMax).toBe(3 * BLOCK_BYTES)
    const before = volume.status().appendedLsn
    await volume.write(512, filled(1, 3 * BLOCK_BYTES))
    expect(volume.status().appendedLsn - before).toBe(1)
    expect((await readBlock(volume, 0))[511]).toBe(0)
    await volume.close()
  })
})

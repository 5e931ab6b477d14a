import { expect, it } from 'vitest'
import { GIB, KIB, MIB } from '../base/units.ts'
import { refuseData } from './guard.ts'

const BLOCK = 4096

/** A device of zeros, but for one byte at `dataAt`. */
function device(sizeBytes: number, dataAt: number | undefined) {
  const reads: number[] = []
  const read = async (lba: number, blocks: number, target: Uint8Array): Promise<void> => {
    reads.push(blocks * BLOCK)
    const at = dataAt === undefined ? -1 : dataAt - lba * BLOCK
    if (at >= 0 && at < blocks * BLOCK) target[at] = 1
  }
  const capacity = { blocks: sizeBytes / BLOCK, logicalBlockBytes: BLOCK }
  return { reads, refused: () => refuseData({ read }, capacity) }
}

it('looks through a small device whole', async () => {
  for (const dataAt of [0, 5 * MIB + 7, 15 * MIB, 16 * MIB - 1]) {
    await expect(device(16 * MIB, dataAt).refused()).rejects.toMatchObject({ code: 'CONFLICT' })
  }
  await device(16 * MIB, undefined).refused()
})

it('finds a large area in the midst of a large device, and reads little of it', async () => {
  const sizeBytes = 10 * GIB
  const { reads, refused } = device(sizeBytes, undefined)
  await refused()
  expect(reads.reduce((sum, one) => sum + one, 0)).toBeLessThan(20 * MIB)
  for (let at = 0; at + 41 * MIB < sizeBytes; at += 997 * MIB) {
    const area = { from: at, to: at + 41 * MIB }
    const read = async (lba: number, blocks: number, target: Uint8Array): Promise<void> => {
      if (lba * BLOCK < area.to && (lba + blocks) * BLOCK > area.from) target.fill(1)
    }
    const capacity = { blocks: sizeBytes / BLOCK, logicalBlockBytes: BLOCK }
    await expect(refuseData({ read }, capacity)).rejects.toMatchObject({ code: 'CONFLICT' })
  }
})

it('takes a device that is no multiple of a sample', async () => {
  const sizeBytes = 100 * MIB + 3 * BLOCK
  await device(sizeBytes, undefined).refused()
  await expect(device(sizeBytes, sizeBytes - 1).refused()).rejects.toThrow(/byte 104865792/)
  await expect(device(64 * KIB, 60 * KIB).refused()).rejects.toMatchObject({ code: 'CONFLICT' })
})

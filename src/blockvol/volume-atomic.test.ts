import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  copyAsCrashed,
  filled,
  freshVolume,
  openVolume,
  portsWith,
  readBlock,
  useScratch,
} from '../../test/blockvol/scratch.ts'
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

  it('is there as a whole or not at all, whatever pages of the log a crash left of it', async () => {
    const directory = scratch.next()
    const volume = await freshVolume(portsWith(), directory)
    const [old, young] = [filled(1, 9 * BLOCK_BYTES), filled(2, volume.atomicWriteBytesMax)]
    await volume.write(0, old)
    await volume.flush()
    const before = readFileSync(`${directory}/log`)
    await volume.write(512, young)
    const after = readFileSync(`${directory}/log`)
    const pages = changedPages(before, after)
    expect(pages.length).toBeGreaterThan(young.byteLength / BLOCK_BYTES)
    // each page alone missing, and each prefix of the pages there
    const losses = [...pages.map((page) => [page]), ...pages.map((_, i) => pages.slice(i)), []]
    const outcomes = new Set<string>()
    for (const lost of losses) {
      const copy = copyAsCrashed(directory, scratch.next())
      const log = Uint8Array.from(after)
      for (const at of lost) log.set(before.subarray(at, at + BLOCK_BYTES), at)
      writeFileSync(`${copy}/log`, log)
      const reopened = await openVolume(portsWith(), copy)
      const found = new Uint8Array(young.byteLength)
      await reopened.read(512, found)
      await reopened.close()
      if (Buffer.compare(found, young) === 0) outcomes.add('all')
      else if (Buffer.compare(found, old.subarray(512, 512 + found.byteLength)) === 0) outcomes.add('none')
      else outcomes.add('a part')
    }
    expect([...outcomes].toSorted()).toEqual(['all', 'none'])
    await volume.close()
  })
})

/** Offsets of the pages in which two states of a file differ. */
function changedPages(before: Uint8Array, after: Uint8Array): number[] {
  const pages: number[] = []
  for (let at = 0; at < after.byteLength; at += BLOCK_BYTES) {
    const end = at + BLOCK_BYTES
    if (Buffer.compare(before.subarray(at, end), after.subarray(at, end)) !== 0) pages.push(at)
  }
  return pages
}

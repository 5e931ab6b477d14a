import { describe, expect, it } from 'vitest'
import { filledBlock, inVirtualTime, Side } from '../../../test/blockvol/resync-pair.ts'
import { codeOf } from '../../io/test-support.ts'
import { SnapshotImage } from './image.ts'

describe('restores that are not flushed', () => {
  it('and go back and forth are looked at a few times each', () =>
    inVirtualTime(1, async (scheduler) => {
      const side = new Side(scheduler, 1)
      await side.create()
      const volume = await side.open()
      const { dirty, flusher } = volume.parts
      await flusher.close(new Error('nothing is flushed'))
      await volume.write(0, filledBlock(1))
      await volume.createSnapshot(1n)
      await volume.write(0, filledBlock(2))
      const rounds = 12
      for (let round = 1; round <= rounds; round++) {
        const id = BigInt(1 + round)
        await volume.createSnapshot(id)
        await volume.restoreSnapshot(1n)
        await volume.restoreSnapshot(id)
      }
      const untouched = new Uint8Array(4096)
      let lookups = 0
      const lookupAt = dirty.lookupAt.bind(dirty)
      dirty.lookupAt = (block, lsn) => {
        lookups++
        return lookupAt(block, lsn)
      }
      expect(await volume.read(0)).toEqual(filledBlock(2))
      for (const { id, lsn } of volume.snapshots) {
        expect(await volume.readAt(0, lsn)).toEqual(filledBlock(id === 1n ? 1 : 2))
        // of one that nobody changed every restore says so, however deep it lies under others
        expect(await volume.readAt(1, lsn)).toEqual(untouched)
      }
      const restores = dirty.generations.filter(({ restore }) => restore !== undefined)
      expect(restores).toHaveLength(2 * rounds)
      expect(lookups).toBeLessThan(volume.snapshots.length * restores.length * 16)
    }))

  it('leave a block with the change that it had, through all of them', () =>
    inVirtualTime(2, async (scheduler) => {
      const side = new Side(scheduler, 1)
      await side.create()
      const volume = await side.open()
      const { views } = volume.parts
      await volume.write(0, filledBlock(1)) // 2
      await volume.write(1, filledBlock(2))
      await volume.createSnapshot(1n)
      await volume.write(1, filledBlock(3))
      await volume.createSnapshot(2n)
      await volume.write(2, filledBlock(4))
      const lsnOf = async (block: number): Promise<number> =>
        (await views.locateAt(block, Number.POSITIVE_INFINITY)).lsn
      const before = await Promise.all([0, 1].map(lsnOf))
      await volume.restoreSnapshot(2n)
      const second = volume.lsn
      expect(await Promise.all([0, 1, 2, 3].map(lsnOf))).toEqual([...before, second, 0])
      await volume.restoreSnapshot(1n)
      const first = volume.lsn
      expect(await Promise.all([0, 1, 2, 3].map(lsnOf))).toEqual([before[0], first, first, 0])
      await volume.restoreSnapshot(2n)
      const last = volume.lsn
      expect(await Promise.all([0, 1, 2, 3].map(lsnOf))).toEqual([before[0], last, last, 0])
      const kept = await Promise.all([0, 1, 2, 3].map((block) => volume.read(block)))
      expect(kept).toEqual([1, 3, 0, 0].map(filledBlock))
      await volume.checkpoint()
      expect(await Promise.all([0, 1, 2, 3].map(lsnOf))).toEqual([before[0], last, last, 0])
      expect(await Promise.all([0, 1, 2, 3].map((block) => volume.read(block)))).toEqual(kept)
    }))
})

describe('an image that is open', () => {
  it('is not of a snapshot that a primary after this one made again by the same id', () =>
    inVirtualTime(3, async (scheduler) => {
      const side = new Side(scheduler, 1)
      await side.create()
      const volume = await side.open()
      const { dirty, maxima, views, state } = volume.parts
      await volume.write(0, filledBlock(1))
      await volume.createSnapshot(1n)
      let { current } = state
      const image = new SnapshotImage({
        volume: { uuid: '', logicalBlockBytes: 512 },
        snapshot: current.snapshots[0]!,
        state: () => current,
        ...{ dirty, maxima, views },
        ensureServing: () => undefined,
        onClosed: () => undefined,
      })
      const target = new Uint8Array(4096)
      await image.read(0, target)
      expect(target).toEqual(filledBlock(1))
      await volume.write(0, filledBlock(2))
      await volume.deleteSnapshot(1n)
      await volume.createSnapshot(1n)
      current = state.current
      expect(await codeOf(image.read(0, target))).toBe('NOT_FOUND')
      expect(await codeOf(image.changed({ sinceLsn: 0, fromBlock: 0, limit: 1 }))).toBe('NOT_FOUND')
    }))
})

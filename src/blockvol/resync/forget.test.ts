import { describe, expect, it } from 'vitest'
import type { BareVolume } from '../../../test/blockvol/bare-volume.ts'
import { filledBlock, inVirtualTime, SIZE_BLOCKS, Side } from '../../../test/blockvol/resync-pair.ts'
import type { Scheduler } from '../../../test/sim/scheduler.ts'

/** What is in the log goes into the extents; the map has not heard of it when the power goes, and the log is given up above `above`. */
async function interruptedAndCut(side: Side, scheduler: Scheduler, above: number): Promise<BareVolume> {
  let isOver = false
  side.restart(side.storage.afterProcessCrash(), {
    onEffect: ({ kind, path }) => {
      if (kind !== 'datasync' || !path.endsWith('extents/000000') || isOver) return
      isOver = true
      side.process.life.end()
    },
  })
  let volume = await side.open()
  void volume.checkpoint()
  while (!isOver) await new Promise<void>((resolve) => scheduler.schedule('wait', '', 1, resolve))
  side.restart(side.storage.afterProcessCrash())
  volume = await side.open()
  await volume.forgetOverwritten(above)
  await volume.close()
  await side.restartLog(above)
  return side.open({ isFilling: true })
}

describe('giving up a history', () => {
  it('makes exactly what is above unknown, durably, and finds it again', () =>
    inVirtualTime(8, async (scheduler) => {
      const side = new Side(scheduler, 1)
      await side.create()
      let volume = await side.open()
      await volume.write(3, filledBlock(3))
      await volume.write(600, filledBlock(600))
      const above = volume.lsn
      await volume.checkpoint()
      await volume.write(4, filledBlock(4))
      await volume.trim(600, 1)
      await volume.writeSame(1000, 30, filledBlock(7))
      await volume.checkpoint()
      const pages = [0, Math.floor(600 / 256), Math.floor(1000 / 256), Math.floor(1029 / 256)]
      const expectForgotten = async (): Promise<void> => {
        for (let block = 0; block < SIZE_BLOCKS; block++) {
          const isAbove = block === 4 || block === 600 || (block >= 1000 && block < 1030)
          const kind = isAbove ? 'unknown' : block === 3 ? 'data' : 'empty'
          expect(await volume.entry(block)).toMatchObject({ kind })
        }
      }
      const unknown = await volume.forget(above, above)
      for (let page = 0; page * 256 < SIZE_BLOCKS; page++)
        expect(unknown.has(page)).toBe(pages.includes(page))
      await expectForgotten()
      side.restart(side.storage.afterPowerLoss(() => 'none'))
      volume = await side.open({ isFilling: true })
      await expectForgotten()
      expect((await volume.forget(above, above)).ranges).toEqual(unknown.ranges)
    }))
})

describe('what is left of the log', () => {
  it('is flushed with the snapshots that its restores go back to, though they are deleted since', () =>
    inVirtualTime(9, async (scheduler) => {
      const side = new Side(scheduler, 1)
      await side.create()
      let volume = await side.open()
      await volume.write(5, filledBlock(1))
      await volume.checkpoint()
      await volume.createSnapshot(1n)
      await volume.write(5, filledBlock(2))
      await volume.restoreSnapshot(1n)
      await volume.deleteSnapshot(1n)
      await volume.close()
      volume = await side.open()
      await volume.forget(volume.lsn, volume.lsn)
      await volume.checkpoint()
      expect(await volume.read(5)).toEqual(filledBlock(1))
    }))
})

describe('a flush that did not end', () => {
  it('and whose log is given up leaves no entry with other content', () =>
    inVirtualTime(13, async (scheduler) => {
      const side = new Side(scheduler, 1)
      await side.create()
      let volume = await side.open()
      for (const block of [0, 1, 2, 3, 600]) await volume.write(block, filledBlock(block + 1))
      await volume.checkpoint()
      const above = volume.lsn
      await volume.write(1, filledBlock(50))
      await volume.trim(600, 10)
      await volume.writeSame(1000, 3, filledBlock(51))
      await volume.write(3, filledBlock(52))
      volume = await interruptedAndCut(side, scheduler, above)
      const kinds = await Promise.all([0, 1, 2, 3, 600, 1000].map((block) => volume.entry(block)))
      expect(kinds.map(({ kind }) => kind)).toEqual([
        'data',
        'unknown',
        'data',
        'unknown',
        'unknown',
        'empty',
      ])
      for (const block of [0, 2]) expect(await volume.read(block)).toEqual(filledBlock(block + 1))
      const unknown = await volume.forget(above, above)
      expect([0, 1, 2, 3].map((page) => unknown.has(page))).toEqual([true, false, true, false])
    }))

  it('and that was to restore a snapshot leaves no entry with what the snapshot has', () =>
    inVirtualTime(14, async (scheduler) => {
      const side = new Side(scheduler, 1)
      await side.create()
      let volume = await side.open()
      for (const block of [0, 1, 2, 3, 4, 600, 601]) await volume.write(block, filledBlock(block + 1))
      await volume.createSnapshot(1n)
      for (const block of [1, 2, 600, 700]) await volume.write(block, filledBlock(block + 50))
      await volume.trim(3, 1)
      await volume.checkpoint()
      const above = volume.lsn
      await volume.restoreSnapshot(1n)
      // beside blocks that the restore leaves alone
      await volume.write(4, filledBlock(90))
      volume = await interruptedAndCut(side, scheduler, above)
      const blocks = [0, 1, 2, 3, 4, 600, 601, 700]
      const kinds = await Promise.all(blocks.map((block) => volume.entry(block)))
      expect(kinds.map(({ kind }) => kind)).toEqual([
        'data',
        'unknown',
        'unknown',
        'hole',
        'unknown',
        'unknown',
        'data',
        'unknown',
      ])
      for (const block of [0, 601]) expect(await volume.read(block)).toEqual(filledBlock(block + 1))
      expect(await volume.read(3)).toEqual(filledBlock(0))
      const unknown = await volume.forget(above, above)
      expect([0, 1, 2, 3].map((page) => unknown.has(page))).toEqual([true, false, true, false])
    }))
})

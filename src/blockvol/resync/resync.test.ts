import { describe, expect, it } from 'vitest'
import type { BareVolume } from '../../../test/blockvol/bare-volume.ts'
import {
  applyAll,
  contentOf,
  copyAll,
  filledBlock,
  inVirtualTime,
  LiveLane,
  NOTHING_UNKNOWN,
  randomChange,
  SIZE_BLOCKS,
  Side,
} from '../../../test/blockvol/resync-pair.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { isZero } from '../../base/binary.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'

async function expectSame(found: BareVolume, meant: BareVolume, what: string): Promise<void> {
  for (let block = 0; block < SIZE_BLOCKS; block++) {
    const [a, b] = [await found.read(block), await meant.read(block)]
    if (Buffer.compare(a, b) !== 0) {
      const entries = JSON.stringify([await found.entry(block), await meant.entry(block)])
      expect.fail(`${what}: block ${block} differs: ${entries}`)
    }
  }
}

/** A volume with some history and a replica of it that follows up to some LSN, and then has its own. */
async function diverged(
  scheduler: ConstructorParameters<typeof Side>[0],
  random: SeededRandom,
): Promise<{ source: BareVolume; sinkSide: Side; base: number }> {
  const sourceSide = new Side(scheduler, 1)
  const sinkSide = new Side(scheduler, 1000)
  await sourceSide.create()
  await sinkSide.create()
  const source = await sourceSide.open()
  for (let i = random.integer(60); i > 0; i--) await randomChange(source, random)
  const base = random.chance(0.3) ? 0 : source.lsn
  const follower = await sinkSide.open()
  if (base > 0) {
    await applyAll(follower, source.shipped)
    if (random.chance(0.5)) await follower.checkpoint()
  }
  if (random.chance(0.5)) {
    for (let i = random.integer(20); i > 0; i--) await randomChange(follower, random)
  }
  await follower.checkpoint()
  const unknown = await follower.forget(base, base)
  await follower.close()
  for (const { start, end } of unknown.ranges) expect(end).toBeGreaterThan(start)
  for (let i = random.integer(60); i > 0; i--) await randomChange(source, random)
  return { source, sinkSide, base }
}

describe('a resync', () => {
  it.each(Array.from({ length: 40 }, (_, i) => i + 1))(
    'makes the same volume of any history, while hosts go on writing (seed %i)',
    (seed) =>
      inVirtualTime(seed, async (scheduler) => {
        const random = new SeededRandom(seed)
        const { source, sinkSide, base } = await diverged(scheduler, random)
        let target = source.lsn
        await sinkSide.restartLog(target)
        let sink = await sinkSide.open({ isFilling: true })
        for (let interruptions = random.integer(3); interruptions > 0; interruptions--) {
          // a session that is cut off by a power loss somewhere
          const unknown = await sink.forget(target, base)
          const lane = new LiveLane(source, sink, target)
          const steps = random.integer(10)
          const scan = source.source({ base, target, unknown })
          for (let i = 0; i < steps; i++) {
            const offers = await scan.next()
            if (offers === undefined) break
            if (random.chance(0.5)) await randomChange(source, random)
            const put = sink.sink.offered(offers).then(async (wanted) => {
              await sink.sink.put(await contentOf(scan, offers, wanted))
            })
            if (random.chance(0.5)) await lane.send(random.integer(20))
            if (random.chance(0.3)) await sink.checkpoint()
            if (i < steps - 1) await put
            else await Promise.race([put, sinkSide.process.clock.sleep(random.integer(5))])
          }
          sinkSide.restart(sinkSide.storage.afterPowerLoss(() => (random.chance(0.5) ? 'all' : 'none')))
          target = source.lsn
          sink = await sinkSide.open({ isFilling: true })
          await sink.forget(target, base)
          await sink.close()
          await sinkSide.restartLog(target)
          sink = await sinkSide.open({ isFilling: true })
        }
        const unknown = await sink.forget(target, base)
        const lane = new LiveLane(source, sink, target)
        const beside: Promise<void>[] = []
        await copyAll(source.source({ base, target, unknown }), sink, async () => {
          if (random.chance(0.3)) beside.push(randomChange(source, random))
          if (random.chance(0.3)) await lane.send(random.integer(10))
          if (random.chance(0.2)) beside.push(sink.checkpoint())
        })
        await Promise.all(beside)
        await lane.send()
        if (random.chance(0.5)) await sink.checkpoint()
        sink.filled()
        await expectSame(sink, source, 'before the checkpoint')
        await sink.checkpoint()
        await source.checkpoint()
        await expectSame(sink, source, 'after it')
        expect(sink.sink.badBlocks).toBe(0)
        await sink.close()
        // what the disk has, too
        sinkSide.restart(sinkSide.storage.afterPowerLoss(() => 'none'))
        sink = await sinkSide.open()
        await expectSame(sink, source, 'after a power loss')
      }),
  )

  it('brings the trims of a clone that is not filled, where nobody ever wrote too', () =>
    inVirtualTime(7, async (scheduler) => {
      const [sourceSide, sinkSide] = [new Side(scheduler, 1), new Side(scheduler, 1000)]
      await sourceSide.create()
      await sinkSide.create()
      const source = await sourceSide.open()
      const volume = '11111111-2222-4333-8444-555555555555'
      const sizeBytes = SIZE_BLOCKS * BLOCK_BYTES
      await source.parts.snapshots.setOrigin({ volume, snapshot: 1n, sizeBytes }, {})
      await source.trim(600, 3)
      const target = source.lsn
      await sinkSide.restartLog(target)
      const sink = await sinkSide.open({ isFilling: true })
      const unknown = await sink.forget(target, 0)
      sink.awaitBase(0)
      sink.install(source.state)
      await copyAll(source.source({ base: 0, target, unknown }), sink)
      await sink.settle()
      sink.filled()
      expect((await sink.entry(599)).kind).toBe('empty')
      for (const block of [600, 601, 602]) {
        expect(await sink.entry(block)).toEqual({ lsn: target, kind: 'hole' })
        expect(isZero(await sink.read(block))).toBe(true)
      }
    }))

  it('that begins again sends no content that is there already', () =>
    inVirtualTime(5, async (scheduler) => {
      const random = new SeededRandom(5)
      const { source, sinkSide, base } = await diverged(scheduler, random)
      for (let i = 0; i < 20; i++) await randomChange(source, random)
      const target = source.lsn
      await sinkSide.restartLog(target)
      let sink = await sinkSide.open({ isFilling: true })
      const first = await copyAll(
        source.source({ base, target, unknown: await sink.forget(target, base) }),
        sink,
      )
      expect(first.wanted).toBeGreaterThan(20)
      await sink.close()
      sinkSide.restart(sinkSide.storage.afterPowerLoss(() => 'none'))
      // patterns that were in the source's log are in its map now
      await source.checkpoint()
      sink = await sinkSide.open({ isFilling: true })
      const again = await copyAll(
        source.source({ base, target, unknown: await sink.forget(target, base) }),
        sink,
      )
      expect(again.offered).toBeGreaterThan(20)
      expect(again.wanted).toBe(0)
      sink.filled()
      await expectSame(sink, source, 'in the end')
    }))

  it('offers a replica that lacks nothing nothing', () =>
    inVirtualTime(6, async (scheduler) => {
      const random = new SeededRandom(6)
      const { source } = await diverged(scheduler, random)
      await source.checkpoint()
      const scan = source.source({ base: source.lsn, target: source.lsn, unknown: NOTHING_UNKNOWN })
      for (let offers = await scan.next(); offers !== undefined; offers = await scan.next()) {
        expect(offers).toEqual([])
      }
      expect(scan.scannedBlocks).toBe(SIZE_BLOCKS)
    }))
})

describe('a block that the source does not have', () => {
  it('is unknown at the replica, whatever it had, and never zeros', () =>
    inVirtualTime(7, async (scheduler) => {
      const sourceSide = new Side(scheduler, 1)
      const sinkSide = new Side(scheduler, 1000)
      await sourceSide.create()
      await sinkSide.create()
      let source = await sourceSide.open()
      for (const block of [0, 1, 2, 3, 300]) await source.write(block, filledBlock(block + 1))
      const base = source.lsn
      const follower = await sinkSide.open()
      await applyAll(follower, source.shipped)
      await follower.checkpoint()
      await follower.close()
      for (const block of [1, 2, 40]) await source.write(block, filledBlock(block + 100))
      await source.checkpoint()
      await source.close()
      // block 2: content that fails its checksum; blocks 32 to 63: an entry of the map that is gone
      sourceSide.storage.flipBit(sourceSide.fileId('extents/000000'), 2 * 4096 + 99, 1)
      sourceSide.storage.flipBit(sourceSide.fileId('extents/000000.map'), 512 + 40, 1)
      sourceSide.restart()
      source = await sourceSide.open()
      const target = source.lsn
      await sinkSide.restartLog(target)
      const sink = await sinkSide.open({ isFilling: true })
      await copyAll(source.source({ base, target, unknown: await sink.forget(base, base) }), sink)
      expect(await sink.entry(0)).toMatchObject({ kind: 'data' })
      expect(await sink.read(1)).toEqual(filledBlock(101))
      expect(await sink.entry(2)).toMatchObject({ kind: 'unknown' })
      for (let block = 32; block < 64; block++)
        expect(await sink.entry(block)).toMatchObject({ kind: 'unknown' })
      await expect(sink.read(2)).rejects.toMatchObject({ code: 'MEDIUM' })
      expect(sink.sink.badBlocks).toBe(33)
      // found again, for the next session
      const again = await sink.forget(target, base)
      expect(again.ranges).toEqual([{ start: 0, end: 1 }])
    }))
})

describe('a resync to an earlier target than the one before', () => {
  it('leaves the log what the one before did not know up to its own target', () =>
    inVirtualTime(9, async (scheduler) => {
      const side = new Side(scheduler, 1)
      await side.create()
      await side.restartLog(100)
      let volume = await side.open({ isFilling: true })
      // whether the newest version there counts was not decided yet
      const bad = [4, 5].map(
        (block) => ({ block, lsn: 100, kind: 'bad', checksum: 0, isVersion: false }) as const,
      )
      await volume.sink.offered(bad)
      expect((await volume.forget(100, 90)).has(0)).toBe(true)
      await volume.close()
      await side.restartLog(90)
      volume = await side.open({ isFilling: true })
      await volume.write(4, filledBlock(91))
      await volume.checkpoint()
      expect(await volume.read(4)).toEqual(filledBlock(91))
      await volume.write(5, filledBlock(92))
      volume.filled()
      await volume.checkpoint()
      expect(await volume.read(5)).toEqual(filledBlock(92))
      for (const block of [4, 5]) expect(await volume.entry(block)).toMatchObject({ kind: 'data' })
    }))
})

describe('a replica whose base is on its way', () => {
  async function replica(scheduler: ConstructorParameters<typeof Side>[0]): Promise<BareVolume> {
    const side = new Side(scheduler, 1)
    await side.create()
    await side.restartLog(100)
    return side.open({ isFilling: true })
  }
  const base = async (volume: BareVolume, lsn: number, blocks: readonly number[]): Promise<void> => {
    await volume.sink.put(
      blocks.map((block) => {
        const data = filledBlock(lsn)
        return { block, lsn, isVersion: false, content: { checksum: blockChecksum(data, block, lsn), data } }
      }),
    )
  }

  it('keeps a trim against an older version that comes later, also where nothing was', () =>
    inVirtualTime(9, async (scheduler) => {
      const volume = await replica(scheduler)
      await volume.trim(10, 500)
      await volume.checkpoint()
      expect(await volume.entry(10)).toEqual({ lsn: 101, kind: 'hole' })
      expect(await volume.entry(509)).toEqual({ lsn: 101, kind: 'hole' })
      expect(await volume.entry(510)).toEqual({ lsn: 0, kind: 'empty' })
      await base(volume, 90, [9, 10, 509, 510])
      expect(await volume.entry(9)).toEqual({ lsn: 90, kind: 'data' })
      expect(await volume.entry(10)).toEqual({ lsn: 101, kind: 'hole' })
      expect(await volume.entry(509)).toEqual({ lsn: 101, kind: 'hole' })
      expect(await volume.entry(510)).toEqual({ lsn: 90, kind: 'data' })
    }))

  it('keeps a newer version of the base against what its log brings later', () =>
    inVirtualTime(10, async (scheduler) => {
      const volume = await replica(scheduler)
      await volume.write(1, filledBlock(1)) // 101
      await volume.writeSame(4, 4, filledBlock(2)) // 102
      await volume.trim(8, 300) // 103
      await base(volume, 200, [1, 5, 9, 280])
      await volume.checkpoint()
      for (const block of [1, 5, 9, 280]) {
        expect(await volume.entry(block)).toEqual({ lsn: 200, kind: 'data' })
        expect(await volume.read(block)).toEqual(filledBlock(200))
      }
      for (const block of [4, 6, 7]) expect(await volume.read(block)).toEqual(filledBlock(2))
      for (const block of [8, 10, 279, 281, 307])
        expect(await volume.entry(block)).toEqual({ lsn: 103, kind: 'hole' })
    }))

  it('wants a block that its log has newer: that entry may never be committed', () =>
    inVirtualTime(11, async (scheduler) => {
      const volume = await replica(scheduler)
      await volume.write(1, filledBlock(1))
      const offer = { block: 1, lsn: 90, kind: 'data', checksum: 1, isVersion: false } as const
      expect(await volume.sink.offered([offer, { ...offer, block: 2 }])).toEqual([0, 1])
    }))

  it('refuses blocks outside the volume, and one block twice', () =>
    inVirtualTime(12, async (scheduler) => {
      const volume = await replica(scheduler)
      await expect(base(volume, 90, [SIZE_BLOCKS])).rejects.toMatchObject({ code: 'PROTOCOL' })
      await expect(base(volume, 90, [4, 4])).rejects.toMatchObject({ code: 'PROTOCOL' })
    }))
})

/**
 * A resync with snapshots: random histories of writes, trims, snapshots, deletions and restores before the session, during it
 * and after interruptions. In the end every snapshot and the head are on both sides what a plain model says.
 */
import { describe, expect, it } from 'vitest'
import type { BareVolume } from '../../../test/blockvol/bare-volume.ts'
import {
  applyAll,
  contentOf,
  filledBlock,
  inVirtualTime,
  LiveLane,
  Side,
} from '../../../test/blockvol/resync-pair.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import type { Scheduler } from '../../../test/sim/scheduler.ts'
import type { ResyncSource } from './source.ts'

/** Most changes are here, so that blocks are hit again between two snapshots. */
const HOT_BLOCKS = 40
/** On both sides of a boundary between pages of the map. */
const FAR = 250
const SIZE_BLOCKS = 320
const firstWord = (content: Uint8Array): number => new Uint32Array(content.buffer, content.byteOffset)[0]!

/** The source, and what it has to hold. */
class Modelled {
  readonly volume: BareVolume
  readonly #random: SeededRandom
  #head: number[] = Array(SIZE_BLOCKS).fill(0)
  readonly #snapshots = new Map<bigint, number[]>()
  #lastId = 0n

  constructor(volume: BareVolume, random: SeededRandom) {
    this.volume = volume
    this.#random = random
  }

  async change(): Promise<void> {
    const random = this.#random
    const count = 1 + random.integer(4)
    const block = random.chance(0.8) ? random.integer(HOT_BLOCKS) : FAR + random.integer(60)
    const ids = [...this.#snapshots.keys()]
    const id = ids[random.integer(Math.max(1, ids.length))]
    const what = random.weighted({
      write: 60,
      trim: 12,
      same: 12,
      create: 10,
      delete: 5,
      restore: 4,
      flush: 8,
    })
    if (what === 'write') {
      const value = random.u32()
      const data = new Uint8Array(count * 4096)
      for (let i = 0; i < count; i++) data.set(filledBlock(value + i), i * 4096)
      for (let i = 0; i < count; i++) this.#head[block + i] = (value + i) >>> 0
      await this.volume.write(block, data)
    } else if (what === 'trim') {
      const blocks = random.chance(0.1) ? SIZE_BLOCKS - block : count
      this.#head.fill(0, block, block + blocks)
      await this.volume.trim(block, blocks)
    } else if (what === 'same') {
      const value = random.u32()
      this.#head.fill(value, block, block + count)
      await this.volume.writeSame(block, count, filledBlock(value))
    } else if (what === 'create') {
      this.#snapshots.set(++this.#lastId, [...this.#head])
      await this.volume.createSnapshot(this.#lastId)
    } else if (what === 'flush') await this.volume.checkpoint()
    else if (id !== undefined && what === 'delete') {
      this.#snapshots.delete(id)
      await this.volume.deleteSnapshot(id)
    } else if (id !== undefined) {
      this.#head = [...this.#snapshots.get(id)!]
      await this.volume.restoreSnapshot(id)
    }
  }

  async changes(most: number): Promise<void> {
    for (let i = this.#random.integer(most); i > 0; i--) await this.change()
  }

  async expectIn(volume: BareVolume, what: string): Promise<void> {
    const { snapshots } = volume
    expect(snapshots.map(({ id }) => id).sort()).toEqual([...this.#snapshots.keys()].sort())
    for (let block = 0; block < SIZE_BLOCKS; block++) {
      const head = firstWord(await volume.read(block))
      if (head !== this.#head[block])
        expect.fail(`${what}: block ${block}: ${await this.#show(volume, block)}`)
      for (const { id, lsn } of snapshots) {
        const found = await volume.readAt(block, lsn).then(firstWord, (error: unknown) => String(error))
        if (found === this.#snapshots.get(id)![block]) continue
        expect.fail(`${what}: block ${block} as of ${lsn}: ${found}; ${await this.#show(volume, block)}`)
      }
    }
  }

  async #show(volume: BareVolume, block: number): Promise<string> {
    const of = async (one: BareVolume): Promise<unknown> => ({
      entry: await one.entry(block),
      kept: (await one.parts.versions.of(block)).map(({ lsn, kind }) => `${lsn} ${kind}`),
      snapshots: one.snapshots.map(({ lsn }) => lsn),
    })
    return JSON.stringify([await of(volume), await of(this.volume)])
  }
}

/** Goes through a scan, as long as `goesOn`. */
async function copy(source: ResyncSource, sink: BareVolume, goesOn: () => Promise<boolean>): Promise<void> {
  while (source.hasMore) {
    if (!(await goesOn())) return
    const offers = await source.next()
    if (offers === undefined || !(await goesOn())) return
    const wanted = await sink.sink.offered(offers)
    if (!(await goesOn())) return
    const blocks = await contentOf(source, offers, wanted)
    if (!(await goesOn())) return
    if (blocks.length > 0) await sink.sink.put(blocks)
  }
}

describe('a resync of a volume with snapshots', () => {
  it.each(Array.from({ length: 60 }, (_, i) => i + 1))(
    'brings every version that a snapshot sees (seed %i)',
    (seed) =>
      inVirtualTime(seed, async (scheduler) => {
        const random = new SeededRandom(seed)
        const [sourceSide, sinkSide] = [new Side(scheduler, 1), new Side(scheduler, 1000)]
        await sourceSide.create()
        await sinkSide.create()
        const source = await sourceSide.open()
        const model = new Modelled(source, random)
        await model.changes(60)
        const base = random.chance(0.3) ? 0 : source.lsn
        const follower = await sinkSide.open()
        if (base > 0) await applyAll(follower, source.shipped)
        await follower.checkpoint()
        if (base > 0) await model.expectIn(follower, 'as a replica')
        await follower.close()
        await model.changes(60)
        for (let interruptions = random.integer(3); interruptions >= 0; interruptions--) {
          const target = source.lsn
          await sinkSide.restartLog(target)
          const sink = await sinkSide.open({ isFilling: true, holdsRestores: true })
          const unknown = await sink.forget(target, base)
          sink.awaitBase(base)
          sink.install(source.state)
          const lane = new LiveLane(source, sink, target)
          const beside: Promise<unknown>[] = []
          let steps = interruptions === 0 ? Number.POSITIVE_INFINITY : random.integer(10)
          await copy(source.source({ base, target, unknown }), sink, async () => {
            if (random.chance(0.4)) await model.changes(4)
            if (random.chance(0.4)) await lane.send(random.integer(20))
            // a restore keeps it waiting, until the base is there
            if (random.chance(0.3)) beside.push(sink.checkpoint().catch(() => undefined))
            return steps-- > 0
          })
          if (interruptions > 0) {
            sinkSide.restart(sinkSide.storage.afterPowerLoss(() => (random.chance(0.5) ? 'all' : 'none')))
            continue
          }
          await sink.sink.settle()
          sink.whole()
          await lane.send()
          await Promise.all(beside)
          await sink.settle()
          sink.filled()
          await model.expectIn(sink, 'filled')
          await sink.checkpoint()
          await source.checkpoint()
          await model.expectIn(source, 'the source')
          await model.expectIn(sink, 'after its checkpoint')
          expect(sink.sink.badBlocks).toBe(0)
          await model.changes(40)
          await lane.send()
          await sink.checkpoint()
          await sink.parts.versions.settled()
          await model.expectIn(sink, 'after what came later')
          await expectSameEntries(sink, source)
          await sink.close()
          sinkSide.restart(sinkSide.storage.afterPowerLoss(() => 'none'))
          await model.expectIn(await sinkSide.open(), 'after a power loss')
        }
      }),
  )

  it('brings what a restore behind the target made, over entries that come before it', () =>
    inVirtualTime(3, async (scheduler) => {
      const [sourceSide, sinkSide] = [new Side(scheduler, 1), new Side(scheduler, 1000)]
      await sourceSide.create()
      await sinkSide.create()
      const source = await sourceSide.open()
      await source.write(5, filledBlock(1))
      await source.createSnapshot(1n)
      await source.checkpoint()
      const target = source.lsn
      await sinkSide.restartLog(target)
      const sink = await sinkSide.open({ isFilling: true, holdsRestores: true })
      const unknown = await sink.forget(target, 0)
      sink.awaitBase(0)
      sink.install(source.state)
      const lane = new LiveLane(source, sink, target)
      const scan = source.source({ base: 0, target, unknown })
      await source.write(5, filledBlock(2))
      await source.writeSame(6, 2, filledBlock(3))
      await source.trim(5, 1)
      await source.restoreSnapshot(1n)
      await source.checkpoint()
      await copy(scan, sink, () => Promise.resolve(true))
      await sink.sink.settle()
      sink.whole()
      await lane.send()
      await sink.settle()
      sink.filled()
      await sink.checkpoint()
      await expectSameEntries(sink, source)
      for (const [block, word] of [1, 0, 0].entries()) {
        expect(firstWord(await sink.read(5 + block))).toBe(word)
        expect(firstWord(await sink.readAt(5 + block, target))).toBe(word)
      }
    }))

  it.each(['base', 'log'])(
    'does not know what a snapshot sees of a block that the disk lost meanwhile (%s)',
    (by) =>
      inVirtualTime(2, async (scheduler) => {
        const [sourceSide, sinkSide] = [new Side(scheduler, 1), new Side(scheduler, 1000)]
        await sourceSide.create()
        await sinkSide.create()
        const source = await sourceSide.open()
        await source.write(5, filledBlock(1))
        const base = source.lsn
        const follower = await sinkSide.open()
        await applyAll(follower, source.shipped)
        await follower.checkpoint()
        await follower.close()
        const { lsn: snapshot } = await source.createSnapshot(1n)
        if (by === 'base') await source.write(5, filledBlock(2))
        const target = source.lsn
        if (by === 'log') await source.write(5, filledBlock(2))
        await source.checkpoint()
        await sinkSide.restartLog(target)
        const sink = await sinkSide.open({ isFilling: true, holdsRestores: true })
        const unknown = await sink.forget(target, base)
        expect(unknown.isEmpty).toBe(true)
        await sink.lose(5)
        sink.awaitBase(base)
        sink.install(source.state)
        const lane = new LiveLane(source, sink, target)
        await copy(source.source({ base, target, unknown }), sink, () => Promise.resolve(true))
        await sink.sink.settle()
        sink.whole()
        await lane.send()
        await sink.settle()
        sink.filled()
        await sink.checkpoint()
        expect(firstWord(await sink.read(5))).toBe(2)
        await expect(sink.readAt(5, snapshot)).rejects.toThrow(/MEDIUM|copy|known/)
      }),
  )

  it.each(
    ['what it kept', 'what its map had', 'the newest'].flatMap((lost) =>
      [false, true].map((isAsked) => ({ lost, isAsked })),
    ),
  )(
    'does not take for known what a snapshot sees of a block that the source has lost ($lost, asked for: $isAsked)',
    ({ lost, isAsked }) =>
      inVirtualTime(4, async (scheduler) => {
        const [sourceSide, sinkSide] = [new Side(scheduler, 1), new Side(scheduler, 1000)]
        await sourceSide.create()
        await sinkSide.create()
        const source = await sourceSide.open()
        await source.write(6, filledBlock(9))
        const base = source.lsn
        const follower = await sinkSide.open()
        await applyAll(follower, source.shipped)
        if (isAsked) await follower.write(5, filledBlock(7))
        await follower.checkpoint()
        await follower.close()
        await source.write(5, filledBlock(1))
        await source.checkpoint()
        const { lsn: snapshot } = await source.createSnapshot(1n)
        await source.lose(5)
        if (lost !== 'the newest') await source.write(5, filledBlock(2))
        if (lost === 'what it kept') await source.checkpoint()
        await source.write(6, filledBlock(10))
        const target = source.lsn
        await sinkSide.restartLog(target)
        const sink = await sinkSide.open({ isFilling: true, holdsRestores: true })
        const unknown = await sink.forget(base, base)
        expect(unknown.isEmpty).toBe(!isAsked)
        sink.awaitBase(base)
        sink.install(source.state)
        const lane = new LiveLane(source, sink, target)
        await copy(source.source({ base, target, unknown }), sink, () => Promise.resolve(true))
        await sink.sink.settle()
        sink.whole()
        await lane.send()
        await sink.settle()
        sink.filled()
        await sink.checkpoint()
        if (lost === 'the newest') await expect(sink.read(5)).rejects.toThrow(/MEDIUM|copy|known/)
        else expect(firstWord(await sink.read(5))).toBe(2)
        expect(firstWord(await sink.readAt(6, snapshot))).toBe(9)
        await expect(sink.readAt(5, snapshot)).rejects.toThrow(/MEDIUM|copy|known/)
      }),
  )

  it('knows what a snapshot sees of a block that it gave up, and that was first written after it', () =>
    inVirtualTime(5, async (scheduler) => {
      const [sourceSide, sinkSide] = [new Side(scheduler, 1), new Side(scheduler, 1000)]
      await sourceSide.create()
      await sinkSide.create()
      const source = await sourceSide.open()
      await source.write(6, filledBlock(9))
      const base = source.lsn
      const follower = await sinkSide.open()
      await applyAll(follower, source.shipped)
      await follower.write(5, filledBlock(7))
      await follower.checkpoint()
      await follower.close()
      const { lsn: snapshot } = await source.createSnapshot(1n)
      const target = source.lsn
      await source.write(5, filledBlock(2))
      await sinkSide.restartLog(target)
      const sink = await sinkSide.open({ isFilling: true, holdsRestores: true })
      const unknown = await sink.forget(base, base)
      sink.awaitBase(base)
      sink.install(source.state)
      const lane = new LiveLane(source, sink, target)
      await copy(source.source({ base, target, unknown }), sink, () => Promise.resolve(true))
      await sink.sink.settle()
      sink.whole()
      await lane.send()
      await sink.settle()
      sink.filled()
      await sink.checkpoint()
      expect(firstWord(await sink.read(5))).toBe(2)
      expect(firstWord(await sink.readAt(5, snapshot))).toBe(0)
    }))

  it('does not take for untouched below its base what its own disk lost, beside what came above it', () =>
    inVirtualTime(6, async (scheduler) => {
      const [sourceSide, sinkSide] = [new Side(scheduler, 1), new Side(scheduler, 1000)]
      await sourceSide.create()
      await sinkSide.create()
      const source = await sourceSide.open()
      await source.write(5, filledBlock(1))
      const base = source.lsn
      const follower = await sinkSide.open()
      await applyAll(follower, source.shipped)
      await follower.checkpoint()
      await follower.lose(5)
      await follower.close()
      const { lsn: before } = await source.createSnapshot(1n)
      await source.write(5, filledBlock(2))
      const { lsn: between } = await source.createSnapshot(2n)
      await source.write(5, filledBlock(3))
      const target = source.lsn
      await sinkSide.restartLog(target)
      const sink = await sinkSide.open({ isFilling: true, holdsRestores: true })
      const unknown = await sink.forget(base, base)
      expect(unknown.isEmpty).toBe(true)
      sink.awaitBase(base)
      sink.install(source.state)
      await copy(source.source({ base, target, unknown }), sink, () => Promise.resolve(true))
      await sink.sink.settle()
      sink.whole()
      await sink.settle()
      sink.filled()
      expect(firstWord(await sink.read(5))).toBe(3)
      expect(firstWord(await sink.readAt(5, between))).toBe(2)
      await expect(sink.readAt(5, before)).rejects.toThrow(/MEDIUM|copy|known/)
    }))

  it('keeps what a snapshot sees of a block that was trimmed since, and flushed after the base came', () =>
    inVirtualTime(1, async (scheduler) => {
      const [sourceSide, sinkSide] = [new Side(scheduler, 1), new Side(scheduler, 1000)]
      await sourceSide.create()
      await sinkSide.create()
      const source = await sourceSide.open()
      await source.write(5, filledBlock(1))
      const { lsn: written } = await source.createSnapshot(1n)
      const target = source.lsn
      await source.trim(5, 1)
      const { lsn: trimmed } = await source.createSnapshot(2n)
      await sinkSide.restartLog(target)
      let sink = await sinkSide.open({ isFilling: true, holdsRestores: true })
      const unknown = await sink.forget(target, 0)
      sink.awaitBase(0)
      sink.install(source.state)
      await copy(source.source({ base: 0, target, unknown }), sink, () => Promise.resolve(true))
      await sink.sink.settle()
      sink.whole()
      await new LiveLane(source, sink, target).send()
      await sink.settle()
      sink.filled()
      await sink.checkpoint()
      await sink.parts.versions.settled()
      const expectBoth = async (volume: BareVolume): Promise<void> => {
        expect(firstWord(await volume.readAt(5, written))).toBe(1)
        expect(firstWord(await volume.readAt(5, trimmed))).toBe(0)
        expect(firstWord(await volume.read(5))).toBe(0)
      }
      await expectBoth(source)
      await expectBoth(sink)
      await sink.close()
      sink = await sinkSide.open()
      await expectBoth(sink)
    }))
})

describe('a version that a snapshot sees, replaced by a log entry when the scan comes to it', () => {
  const BLOCK = 7

  /** A source with one block, which a snapshot sees, perhaps changed since, and a replica without anything that is filled up to there. */
  async function begun(scheduler: Scheduler, head?: number) {
    const [sourceSide, sinkSide] = [new Side(scheduler, 1), new Side(scheduler, 1000)]
    await sourceSide.create()
    await sinkSide.create()
    let source = await sourceSide.open()
    await source.write(BLOCK, filledBlock(1))
    const snapshot = await source.createSnapshot(1n)
    if (head !== undefined) {
      await source.write(BLOCK, filledBlock(head))
      await source.checkpoint()
      await source.close()
      // the log does not have it any more
      source = await sourceSide.open()
    }
    const target = source.lsn
    await sinkSide.restartLog(target)
    const sink = await sinkSide.open({ isFilling: true, holdsRestores: true })
    const unknown = await sink.forget(target, 0)
    sink.awaitBase(0)
    sink.install(source.state)
    const lane = new LiveLane(source, sink, target)
    return { source, sink, snapshot, lane, scan: source.source({ base: 0, target, unknown }) }
  }

  async function fill(sink: BareVolume, lane: LiveLane): Promise<void> {
    await sink.sink.settle()
    sink.whole()
    await lane.send()
    await sink.settle()
    sink.filled()
  }

  it.each([
    { title: 'in the log', isFlushed: false, head: undefined },
    { title: 'flushed', isFlushed: true, head: undefined },
    { title: 'in the log, over a version that no snapshot sees', isFlushed: false, head: 4 },
    { title: 'flushed, over a version that no snapshot sees', isFlushed: true, head: 4 },
  ])('stays apart from the zeros of a trim at the source, $title', ({ isFlushed, head }) =>
    inVirtualTime(1, async (scheduler) => {
      const { source, sink, snapshot, lane, scan } = await begun(scheduler, head)
      await source.trim(BLOCK, 2)
      if (isFlushed) await source.checkpoint()
      await copy(scan, sink, async () => true)
      await fill(sink, lane)
      expect(firstWord(await sink.readAt(BLOCK, snapshot.lsn))).toBe(1)
      await sink.checkpoint()
      expect(firstWord(await sink.readAt(BLOCK, snapshot.lsn))).toBe(1)
      // what comes next must not bring the old content back to those who are to see the zeros
      const later = await source.createSnapshot(2n)
      await source.write(BLOCK, filledBlock(2))
      await lane.send()
      await sink.checkpoint()
      expect(firstWord(await sink.readAt(BLOCK, snapshot.lsn))).toBe(1)
      expect(firstWord(await sink.readAt(BLOCK, later.lsn))).toBe(0)
      expect(firstWord(await sink.read(BLOCK))).toBe(2)
    }),
  )

  it('is what is left when a newer one goes between offer and content', () =>
    inVirtualTime(1, async (scheduler) => {
      const { source, sink, snapshot, lane, scan } = await begun(scheduler, 2)
      let calls = 0
      await copy(scan, sink, async () => {
        // the offers are here, and nothing is read yet
        if (++calls === 3) {
          await source.trim(BLOCK, 2)
          await source.checkpoint()
        }
        return true
      })
      await fill(sink, lane)
      await sink.checkpoint()
      const later = await source.createSnapshot(2n)
      await source.write(BLOCK, filledBlock(3))
      await lane.send()
      await sink.checkpoint()
      expect(firstWord(await sink.readAt(BLOCK, snapshot.lsn))).toBe(1)
      expect(firstWord(await sink.readAt(BLOCK, later.lsn))).toBe(0)
    }))
})

/** What a later resync, a backup or a comparison goes by. */
async function expectSameEntries(a: BareVolume, b: BareVolume): Promise<void> {
  await b.checkpoint()
  for (let block = 0; block < SIZE_BLOCKS; block++) {
    const [one, other] = [await a.entry(block), await b.entry(block)]
    const isZeros = one.kind !== 'data' && other.kind !== 'data' && one.kind !== 'unknown'
    // a trim leaves a tombstone on untouched blocks of a replica that is filled
    if (!isZeros) expect([block, one]).toEqual([block, other])
  }
}

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Gate, HookedDisk, injected } from '../../../test/blockvol/hooked-disk.ts'
import { realDisk, useScratch } from '../../../test/blockvol/scratch.ts'
import { idleClock, Life, SimClock } from '../../../test/sim/clock.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import type { DiskFile } from '../../base/ports/disk.ts'
import { codeOf } from '../../io/test-support.ts'
import { ENTRY_FLAG_HOLE, type MapPage, PAGE_BYTES } from '../format/map-page.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from '../geometry.ts'
import { SegmentFiles } from '../segments.ts'
import { BlockMap } from './block-map.ts'
import { GrainMaxima } from './maxima.ts'

const SEGMENT_PAGES = SEGMENT_BLOCKS / PAGE_BLOCKS
/** The least that a cache holds, however small it is asked to be. */
const CACHED_PAGES_MIN = 16

describe('the block map', () => {
  const scratch = useScratch()
  let disk: HookedDisk
  let directory: string
  let maximaFile: DiskFile
  let files: SegmentFiles
  let checkpointLsn: number
  let damaged: number[]
  let unknown: number[]
  let scheduler: Scheduler
  let sizeBlocks: number

  beforeEach(async () => {
    disk = new HookedDisk(realDisk)
    directory = scratch.next()
    await disk.makeDirectory(directory)
    maximaFile = await disk.open(`${directory}/maxima`, { create: 'new' })
    checkpointLsn = 0
    damaged = []
    unknown = []
    scheduler = new Scheduler(1)
    sizeBlocks = Number.MAX_SAFE_INTEGER
  })
  afterEach(async () => {
    await files.close()
    await maximaFile.close()
  })

  async function open(
    grainBlocks: number = PAGE_BLOCKS * 2,
  ): Promise<{ map: BlockMap; maxima: GrainMaxima }> {
    const maxima = await GrainMaxima.open(maximaFile, grainBlocks, idleClock())
    files = await SegmentFiles.load(disk, directory, '.map')
    const map = new BlockMap({
      clock: new SimClock(scheduler, new Life()),
      files,
      cacheBytes: 0,
      maxima,
      checkpointLsn: () => checkpointLsn,
      sizeBlocks: () => sizeBlocks,
      onDamage: (sector) => damaged.push(sector),
      onUnknown: (block) => unknown.push(block),
    })
    return { map, maxima }
  }

  /** Writes one entry on each of `pages`, all in one batch. */
  async function write(map: BlockMap, pages: readonly number[], lsn: number, slot = 7): Promise<void> {
    const edited: MapPage[] = []
    for (const index of pages) {
      const page = await map.edit(index)
      page.set(slot, lsn, 0, index)
      edited.push(page)
    }
    await map.write(edited, lsn)
    await map.sync()
  }

  it('gives pages that nobody wrote as empty ones, without making a file', async () => {
    const { map } = await open()
    const page = await map.get(5)
    expect([page.lsn(0), page.hasContent(0), page.isWritten]).toEqual([0, false, false])
    expect(map.getNow(5)).toBe(page)
    expect(await disk.list(directory)).toEqual(['maxima'])
  })

  it('keeps what was written, over segments and openings', async () => {
    const pages = [0, 1, SEGMENT_PAGES - 1, SEGMENT_PAGES, 3 * SEGMENT_PAGES + 9]
    const { map } = await open()
    await write(map, pages, 40)
    await files.close()
    const { map: again } = await open()
    for (const index of pages) {
      const page = await again.get(index)
      expect([page.lsn(7), page.checksum(7), page.lsn(8)]).toEqual([40, index, 0])
    }
    expect(await disk.list(directory)).toEqual(['000000.map', '000001.map', '000003.map', 'maxima'])
  })

  it('never loses an edit to the cache, however many pages are edited and read meanwhile', async () => {
    const { map } = await open()
    const edited: MapPage[] = []
    for (let index = 0; index < 5 * CACHED_PAGES_MIN; index++) {
      const page = await map.edit(index)
      page.set(3, 100 + index, 0, index)
      edited.push(page)
      await map.get(10_000 + index)
      expect(map.getNow(20_000 + index)).toBeDefined()
    }
    for (const page of edited) expect(await map.get(page.index)).toBe(page)
    await map.write(edited, 500)
    for (let index = 0; index < 3 * CACHED_PAGES_MIN; index++) await map.get(30_000 + index)
    for (const page of edited) {
      const again = await map.get(page.index)
      expect(again).not.toBe(page)
      expect(again.lsn(3)).toBe(100 + page.index)
    }
  })

  it('shows readers the page that is edited, and the same one while it is written', async () => {
    const { map } = await open()
    await write(map, [4], 10)
    const page = await map.edit(4)
    page.set(7, 20, ENTRY_FLAG_HOLE, 0)
    const gate = new Gate()
    disk.hook = ({ name }) => (name === 'writeMany' ? gate.pass() : undefined)
    const written = map.write([page], 20)
    await gate.reached
    for (let index = 100; index < 100 + 3 * CACHED_PAGES_MIN; index++) await map.get(index)
    expect(map.getNow(4)).toBe(page)
    expect((await map.get(4)).isHole(7)).toBe(true)
    gate.open()
    await written
  })

  it('is the same as a plain table under random edits, reads and openings', async () => {
    const random = new SeededRandom(5)
    const naive = new Map<number, number>()
    let { map } = await open()
    let lsn = 0
    for (let round = 0; round < 60; round++) {
      const pages = new Set(Array.from({ length: 1 + random.integer(40) }, () => random.integer(120)))
      const slot = random.integer(256)
      lsn++
      await write(
        map,
        [...pages].sort((a, b) => a - b),
        lsn,
        slot,
      )
      for (const index of pages) naive.set(index * 256 + slot, lsn)
      checkpointLsn = lsn
      for (let i = 0; i < 30; i++) {
        const block = random.integer(120 * 256)
        const page = map.getNow(Math.floor(block / 256)) ?? (await map.get(Math.floor(block / 256)))
        expect(page.lsn(block % 256)).toBe(naive.get(block) ?? 0)
      }
      if (random.chance(0.1)) {
        await files.close()
        map = (await open()).map
      }
    }
    for (const [block, meant] of naive)
      expect((await map.get(Math.floor(block / 256))).lsn(block % 256)).toBe(meant)
    expect(damaged).toEqual([])
  })

  it('makes the blocks of a damaged sector unknown, once per load, and no others', async () => {
    const { map } = await open()
    await write(map, [2], 10, 40)
    await files.close()
    const raw = await disk.open(`${directory}/000000.map`, { create: 'never' })
    await raw.write([Uint8Array.of(1)], 2 * 4096 + 512 + 100)
    await raw.close()
    const { map: again } = await open()
    const page = await again.get(2)
    expect(damaged).toEqual([2 * 8 + 1])
    expect(unknown).toEqual(Array.from({ length: 32 }, (_, i) => 2 * 256 + 32 + i))
    expect(page.isUnknown(40)).toBe(true)
    expect(page.isUnknown(0)).toBe(false)
  })

  it('misses a page that its grain says was flushed later, and a file that is gone', async () => {
    const { map, maxima } = await open(PAGE_BLOCKS)
    await maxima.raise(3, 10)
    await maxima.raise(4, 90)
    await maxima.sync()
    await write(map, [3, 4], 10)
    await files.close()
    checkpointLsn = 89
    await (await open(PAGE_BLOCKS)).map.get(4)
    expect(damaged).toEqual([])
    await files.close()
    checkpointLsn = 90
    const { map: again } = await open(PAGE_BLOCKS)
    await again.get(3)
    expect(damaged).toEqual([])
    expect((await again.get(4)).isUnknown(0)).toBe(true)
    expect(damaged).toEqual([32, 33, 34, 35, 36, 37, 38, 39])
    await files.close()
    await disk.remove(`${directory}/000000.map`)
    expect((await (await open(PAGE_BLOCKS)).map.get(3)).isUnknown(7)).toBe(true)
  })

  it('gives a page that the disk does not give once more time, and takes it for damaged only in the end', async () => {
    const { map } = await open()
    await write(map, [2, 3], 10)
    await files.close()
    const { map: again } = await open()
    disk.isCached = () => false
    disk.hook = ({ name }) => {
      if (name === 'read') throw injected(name)
    }
    expect((await again.get(2)).lsn(7)).toBe(10)
    const failing = ({ name }: { name: string }): void => {
      if (name === 'read' || name === 'readUncached') throw injected(name)
    }
    disk.hook = failing
    for (let i = 0; i < 20; i++) expect(await codeOf(again.edit(3))).toBe('MEDIUM')
    disk.hook = () => undefined
    expect((await again.get(3)).lsn(7)).toBe(10)

    await files.close()
    const { map: third } = await open()
    disk.hook = failing
    expect(await codeOf(third.get(3))).toBe('MEDIUM')
    await scheduler.pass(10_000)
    for (let i = 0; i < 3; i++) expect(await codeOf(third.get(3))).toBe('MEDIUM')
    expect((await third.get(3)).isUnknown(7)).toBe(true)
    expect(unknown).toHaveLength(PAGE_BLOCKS)
  })

  it('knows that nobody has written past the end of the volume, whatever is damaged there', async () => {
    const { map } = await open()
    await write(map, [1], 10)
    await files.close()
    const file = await disk.open(`${directory}/000000.map`, { create: 'never' })
    await file.write([new Uint8Array(PAGE_BYTES).fill(0xff)], PAGE_BYTES)
    await file.close()
    sizeBlocks = PAGE_BLOCKS + 100
    const { map: again } = await open()
    const page = await again.get(1)
    expect([page.isUnknown(99), page.isUnknown(100), page.hasContent(100)]).toEqual([true, false, false])
    expect(unknown).toHaveLength(100)
  })

  it('makes the names of new files durable before it calls them written', async () => {
    const { map } = await open()
    const calls: string[] = []
    disk.hook = ({ name, path }) => {
      calls.push(`${name} ${path.slice(directory.length)}`)
    }
    await write(map, [1], 5)
    expect(calls).toContain('datasync /000000.map')
    expect(calls.indexOf('syncDirectory ')).toBeGreaterThan(calls.indexOf('open /000000.map'))
    calls.length = 0
    await write(map, [1], 6)
    expect(calls).not.toContain('syncDirectory ')
  })
})

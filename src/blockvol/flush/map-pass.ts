/**
 * Second pass of a flush: the block map learns what the first pass wrote. Maxima first and durable, then pages, in
 * block order, a bounded number at a time. A trim leaves a tombstone on every block that an entry ever touched, and
 * nothing on the others; on a replica that waits for its base it leaves one on those too, because an older version may
 * come later and has to lose against it.
 */
import { assert } from '../../base/assert.ts'
import { blockChecksum } from '../checksum.ts'
import type { DirtyRange } from '../dirty/range-table.ts'
import { ENTRY_FLAG_HOLE, ENTRY_FLAG_UNKNOWN, type MapPage, PAGE_BYTES } from '../format/map-page.ts'
import { PAGE_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'
import type { GrainMaxima } from '../map/maxima.ts'
import type { FlushPlan } from './flush-plan.ts'

const BATCH_PAGES = 128

export interface MapPassOptions {
  readonly plan: FlushPlan
  /** Everything up to here is in extents and map after this flush. */
  readonly lsn: number
  readonly map: BlockMap
  readonly maxima: GrainMaxima
  readonly skippedBlocks: ReadonlySet<number>
  readonly skippedRanges: ReadonlySet<DirtyRange>
  /**
   * The first flush after an operator accepted the loss of log entries: the map may hold versions newer than what
   * is left of the log, and goes back to what the log has.
   */
  readonly isAfterLoss: boolean
  /** The volume is a replica that waits for its base: the map may have newer versions, which stay. */
  readonly isFilling: boolean
  /** Zeros leave tombstones everywhere: what nobody touched may get, or have, another content than zeros. */
  readonly leavesAll: boolean
  /**
   * Snapshots may see what a damaged entry of the log held: blocks whose content was left out get an entry that says so.
   * Without snapshots the newer entry that let it be left out is all that anybody sees.
   */
  readonly hasSnapshots: boolean
  /** Content of a pattern range, for the checksums of its blocks. */
  readonly readPattern: (range: DirtyRange) => Promise<Uint8Array>
  /** A block has an entry with a good version now. */
  readonly onMapped: (block: number) => void
}

/** Raises the maxima of everything that the plan touches; durable. Returns the bytes written. */
export async function raiseMaxima({ plan, maxima, leavesAll }: MapPassOptions): Promise<number> {
  let grain = -1
  let greatest = 0
  for (const block of plan.blocks) {
    const at = maxima.grainOf(block)
    if (at !== grain) {
      if (grain >= 0) await maxima.raise(grain, greatest)
      grain = at
      greatest = 0
    }
    const lsn = plan.content(block)?.lsn ?? plan.rangeOf(block)?.lsn ?? 0
    if (lsn > greatest) greatest = lsn
  }
  if (grain >= 0) await maxima.raise(grain, greatest)
  for (const range of plan.ranges) {
    const end = maxima.grainOf(range.end - 1) + 1
    const isWhole = leavesAll || range.patternPosition >= 0 || range.isTouched
    for (let at = maxima.grainOf(range.start); at < end; at++) {
      if (!isWhole) at = await maxima.nextTouched(at, end)
      if (at < end) await maxima.raise(at, range.lsn)
    }
  }
  return maxima.sync()
}

/** Writes the map's pages; durable. Returns the bytes written. */
export async function writeMap(options: MapPassOptions): Promise<number> {
  const pass = new MapPass(options)
  await pass.mapBlocks()
  for (const range of options.plan.ranges) await pass.mapRange(range)
  await pass.write()
  await options.map.sync()
  return pass.writtenBytes
}

class MapPass {
  readonly #o: MapPassOptions
  #pages: MapPage[] = []
  writtenBytes = 0

  constructor(options: MapPassOptions) {
    this.#o = options
  }

  async #edit(index: number): Promise<MapPage> {
    const last = this.#pages[this.#pages.length - 1]
    if (last?.index === index) return last
    if (this.#pages.length === BATCH_PAGES || (last !== undefined && last.index > index)) await this.write()
    const page = await this.#o.map.edit(index)
    this.#pages.push(page)
    return page
  }

  async write(): Promise<void> {
    const pages = this.#pages
    this.#pages = []
    await this.#o.map.write(pages, this.#o.lsn)
    this.writtenBytes += pages.length * PAGE_BYTES
  }

  async mapBlocks(): Promise<void> {
    const { plan, skippedBlocks, isAfterLoss, isFilling, hasSnapshots, onMapped } = this.#o
    let page: MapPage | undefined
    for (const block of plan.blocks) {
      const index = Math.floor(block / PAGE_BLOCKS)
      if (page?.index !== index) page = await this.#edit(index)
      // the grain's maximum rose for a skipped block too, and the page has to keep up with it
      page.touch()
      const slot = block % PAGE_BLOCKS
      const planned = plan.content(block)
      if (skippedBlocks.has(block)) {
        const isNewer = planned !== undefined && page.lsn(slot) <= planned.lsn
        if (hasSnapshots && isNewer) page.set(slot, planned.lsn, ENTRY_FLAG_UNKNOWN, 0)
        continue
      }
      if (planned !== undefined) {
        if (isFilling && page.lsn(slot) > planned.lsn) continue
        assert(
          isAfterLoss || page.lsn(slot) <= planned.lsn,
          'the map never holds an LSN above the log that feeds it',
        )
        page.set(slot, planned.lsn, 0, planned.checksum)
      } else if (page.lsn(slot) === 0) {
        // written and then covered by a range, both in this generation: the range finds a touched block
        const range = plan.rangeOf(block)
        assert(range !== undefined, 'a block without content is covered by a range')
        page.set(slot, range.lsn, ENTRY_FLAG_HOLE, 0)
      }
      onMapped(block)
    }
  }

  async mapRange(range: DirtyRange): Promise<void> {
    const { maxima } = this.#o
    const leavesAll = this.#leavesAll(range)
    const isSkipped = this.#o.skippedRanges.has(range)
    const pattern = range.patternPosition < 0 || isSkipped ? undefined : await this.#o.readPattern(range)
    const pagesPerGrain = maxima.grainBlocks / PAGE_BLOCKS
    const endGrain = maxima.grainOf(range.end - 1) + 1
    const endPage = Math.ceil(range.end / PAGE_BLOCKS)
    for (let grain = maxima.grainOf(range.start); grain < endGrain; grain++) {
      if (pattern === undefined && !isSkipped && !leavesAll) grain = await maxima.nextTouched(grain, endGrain)
      const first = Math.max(grain * pagesPerGrain, Math.floor(range.start / PAGE_BLOCKS))
      const end = Math.min((grain + 1) * pagesPerGrain, endPage)
      for (let index = first; index < end && grain < endGrain; index++)
        await this.#mapPage(index, range, pattern)
    }
  }

  /** Whether a range of zeros leaves tombstones on blocks that the map says nobody touched. */
  #leavesAll(range: DirtyRange): boolean {
    return this.#o.leavesAll || range.isTouched
  }

  async #mapPage(index: number, range: DirtyRange, pattern: Uint8Array | undefined): Promise<void> {
    const page = await this.#edit(index)
    // a grain of one page vouches for its page, so the page has to keep up with the grain's maximum
    if (page.isWritten || this.#o.maxima.grainBlocks === PAGE_BLOCKS) page.touch()
    const start = Math.max(range.start, index * PAGE_BLOCKS)
    const end = Math.min(range.end, (index + 1) * PAGE_BLOCKS)
    if (this.#o.skippedRanges.has(range)) {
      for (let block = start; block < end && this.#o.hasSnapshots; block++) {
        const slot = block % PAGE_BLOCKS
        if (page.lsn(slot) <= range.lsn) page.set(slot, range.lsn, ENTRY_FLAG_UNKNOWN, 0)
      }
      return
    }
    const leavesAll = this.#leavesAll(range)
    for (let block = start; block < end; block++) {
      const slot = block % PAGE_BLOCKS
      const lsn = page.lsn(slot)
      const isUnknown = page.isUnknown(slot)
      if (lsn > range.lsn && (!this.#o.isAfterLoss || this.#o.plan.isContent(block))) continue
      if (pattern !== undefined) page.set(slot, range.lsn, 0, blockChecksum(pattern, block, range.lsn))
      else if (lsn > 0 || isUnknown || leavesAll) page.set(slot, range.lsn, ENTRY_FLAG_HOLE, 0)
      if (lsn > 0 || isUnknown || leavesAll || pattern !== undefined) this.#o.onMapped(block)
    }
  }
}

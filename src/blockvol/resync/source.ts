/**
 * The base of a resync at the volume that has it: which blocks another replica may lack, page of the map by page, and
 * their content when it is asked for. Changes nothing and holds nothing back; hosts go on writing meanwhile.
 *
 * The newest version of a block is where readers find it: in the dirty map, else in the map. So the scan does not wait
 * for a checkpoint to pass `target` (docs/adr/0015). What is newer than `target` comes to the replica as log entries.
 *
 * A page is visited when its grain's maximum is above `base`, or one of its blocks was dirty when the scan began, or the
 * replica does not know what it has there, or a trim in the dirty map covers it and its grain was ever written. What
 * becomes dirty later is newer than `target`.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'
import type { DirtyMap } from '../dirty/dirty-map.ts'
import type { DirtyRange } from '../dirty/range-table.ts'
import { PAGE_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'
import type { GrainMaxima } from '../map/maxima.ts'
import type { BlockReader } from '../reader.ts'
import type { BlockSource } from '../snapshots/located.ts'
import { type PageRange, PageSet } from './page-set.ts'

/** Most offers that `next` gives at once: those of two full pages. */
export const OFFERS_MAX = 2 * PAGE_BLOCKS
/** Pages and grains that one `next` looks at, so that a scan that finds nothing comes to an end too. */
const PAGES_PER_CALL = 64
const GRAINS_PER_CALL = 4096
/** A look-up that changes under the scan this often means a bug, not a race. */
const ATTEMPTS_MAX = 1000

/**
 * The newest version of a block that is not above the target. `empty`: no entry ever touched it. `bad`: what it holds is
 * not known here, and its LSN is the target; so it is of a block with a newer version that is not committed: should the
 * replica lose that entry again, it must not show what it had before.
 */
export interface Offer {
  readonly block: number
  readonly lsn: number
  readonly kind: 'data' | 'hole' | 'empty' | 'bad'
  /** Of data: CRC-32C as the block map has it, or will have it. 0 for the others. */
  readonly checksum: number
}

/** `changed`: there is a newer version now, committed, which comes as a log entry. `bad`: it cannot be had. */
export type Reading = 'ok' | 'changed' | 'bad'

export interface ResyncSourceParts {
  readonly dirty: DirtyMap
  readonly map: BlockMap
  readonly maxima: GrainMaxima
  readonly reader: BlockReader
  /** Blocks that the volume has now. */
  readonly sizeBlocks: () => number
  /** Everything up to here is committed, and cannot be lost any more. */
  readonly commitLsn: () => number
}

export interface ResyncSourceOptions {
  /** What the replica has up to here is the same as here. */
  readonly base: number
  /** Entries above it reach the replica through its log. Appended here, and committed. */
  readonly target: number
  /** Pages in which the replica has blocks that it does not know: everything is offered there. */
  readonly unknown: PageSet
}

export class ResyncSource {
  readonly base: number
  readonly target: number
  readonly sizeBlocks: number
  readonly #parts: ResyncSourceParts
  readonly #unknown: PageSet
  /** Visited whatever the maximum of their grain. */
  readonly #listed: PageSet
  /** Visited when their grain was ever written. */
  readonly #zeroed: PageSet
  #page = 0
  /** The pattern that was read last: a WRITE SAME covers many blocks. */
  #pattern: { readonly lsn: number; readonly position: number; readonly content: Uint8Array } | undefined

  constructor(parts: ResyncSourceParts, { base, target, unknown }: ResyncSourceOptions) {
    this.#parts = parts
    this.base = base
    this.target = target
    this.#unknown = unknown
    this.sizeBlocks = parts.sizeBlocks()
    this.#listed = PageSet.of(listedPages(parts.dirty, unknown))
    this.#zeroed = PageSet.of(zeroedPages(parts.dirty))
  }

  /** Blocks that the scan is past. */
  get scannedBlocks(): number {
    return Math.min(this.sizeBlocks, this.#page * PAGE_BLOCKS)
  }

  /**
   * The next offers, ascending by block, perhaps none; undefined when the scan is at its end. MEDIUM while a page of the
   * map cannot be read.
   */
  async next(): Promise<readonly Offer[] | undefined> {
    if (this.scannedBlocks === this.sizeBlocks) return undefined
    const offers: Offer[] = []
    for (let pages = 0; pages < PAGES_PER_CALL && offers.length <= OFFERS_MAX - PAGE_BLOCKS; pages++) {
      if (!(await this.#seek())) break
      await this.#offerPage(this.#page, offers)
      this.#page++
    }
    return offers
  }

  /** Goes to the next page that is visited; false when the scan ends, or has looked far enough for now, before one. */
  async #seek(): Promise<boolean> {
    const { maxima } = this.#parts
    const pagesPerGrain = maxima.grainBlocks / PAGE_BLOCKS
    const endPage = Math.ceil(this.sizeBlocks / PAGE_BLOCKS)
    for (let looked = 0; looked < GRAINS_PER_CALL; looked++) {
      if (this.#page >= endPage) return false
      const grain = Math.floor(this.#page / pagesPerGrain)
      const maximum = maxima.getNow(grain) ?? (await maxima.get(grain))
      if (maximum > this.base) return true
      const zeroed = maximum > 0 ? this.#zeroed.next(this.#page) : Number.POSITIVE_INFINITY
      const listed = Math.min(this.#listed.next(this.#page), zeroed)
      const endOfGrain = (grain + 1) * pagesPerGrain
      if (listed < endOfGrain) {
        this.#page = listed
        return listed < endPage
      }
      // space that nobody ever wrote is passed over in one step
      const farthest = Math.floor(Math.min(listed, endPage - 1) / pagesPerGrain)
      const touched = maximum > 0 ? grain + 1 : await maxima.nextTouched(grain + 1, farthest)
      this.#page = Math.min(Math.max(endOfGrain, touched * pagesPerGrain), endPage)
    }
    return false
  }

  async #offerPage(page: number, offers: Offer[]): Promise<void> {
    const isAll = this.#unknown.has(page)
    const end = Math.min((page + 1) * PAGE_BLOCKS, this.sizeBlocks)
    for (let block = page * PAGE_BLOCKS; block < end; block++) {
      const source = this.#parts.reader.locateNow(block) ?? (await this.#locate(block))
      const { lsn, kind } = source
      if (kind === 'unknown' || (lsn > this.target && lsn > this.#parts.commitLsn())) {
        offers.push({ block, lsn: this.target, kind: 'bad', checksum: 0 })
        continue
      }
      if (lsn > this.target || (lsn <= this.base && !isAll)) continue
      if (kind === 'zeros' || kind === 'origin') {
        offers.push({ block, lsn, kind: lsn === 0 ? 'empty' : 'hole', checksum: 0 })
      } else if (source.seedBlock === block) {
        offers.push({ block, lsn, kind: 'data', checksum: source.checksum })
      } else {
        const offer = await this.#offerPattern(block, source)
        if (offer !== undefined) offers.push(offer)
      }
    }
  }

  /** A block of a WRITE SAME that is still in the log: the checksum that it has by itself follows from the pattern. */
  async #offerPattern(block: number, { lsn, position }: BlockSource): Promise<Offer | undefined> {
    if (this.#pattern?.lsn !== lsn || this.#pattern.position !== position) {
      const content = new Uint8Array(BLOCK_BYTES)
      const isRead = await this.#readNewest(block, content)
      const now = await this.#locate(block)
      if (now.lsn !== lsn) return undefined
      if (!isRead) return { block, lsn, kind: 'bad', checksum: 0 }
      this.#pattern = { lsn, position, content }
    }
    return { block, lsn, kind: 'data', checksum: blockChecksum(this.#pattern.content, block, lsn) }
  }

  async #locate(block: number): Promise<NonNullable<ReturnType<BlockReader['locateNow']>>> {
    const { reader, map } = this.#parts
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const source = reader.locateNow(block)
      if (source !== undefined) return source
      await map.get(Math.floor(block / PAGE_BLOCKS))
    }
    throw new BlockError('BUSY', `block ${block}: its map page did not stay in memory`)
  }

  /** Whatever is newest; false when it cannot be had. */
  async #readNewest(block: number, target: Uint8Array): Promise<boolean> {
    const { reader } = this.#parts
    if (reader.readNow(block, target)) return true
    try {
      await reader.readAppended(block, target)
      return true
    } catch (error) {
      if (isBlockError(error, 'MEDIUM')) return false
      throw error
    }
  }

  /**
   * Content of these offers of data, one behind the other in `target`. Where the answer for one is not `ok`, its place in
   * `target` is undefined.
   */
  async read(offers: readonly Offer[], target: Uint8Array): Promise<readonly Reading[]> {
    const readings: Reading[] = []
    for (let i = 0; i < offers.length; ) {
      let end = i + 1
      while (end < offers.length && offers[end]!.block === offers[end - 1]!.block + 1) end++
      const run = target.subarray(i * BLOCK_BYTES, end * BLOCK_BYTES)
      const isRead = await this.#readNewest(offers[i]!.block, run)
      for (const first = i; i < end; i++) {
        const one = run.subarray((i - first) * BLOCK_BYTES, (i - first + 1) * BLOCK_BYTES)
        readings.push(isRead && matches(one, offers[i]!) ? 'ok' : await this.#readOne(offers[i]!, one))
      }
    }
    return readings
  }

  async #readOne(offer: Offer, target: Uint8Array): Promise<Reading> {
    if ((await this.#readNewest(offer.block, target)) && matches(target, offer)) return 'ok'
    const { lsn } = await this.#locate(offer.block)
    return lsn === offer.lsn || lsn > this.#parts.commitLsn() ? 'bad' : 'changed'
  }
}

const matches = (content: Uint8Array, { block, lsn, checksum }: Offer): boolean =>
  blockChecksum(content, block, lsn) === checksum

/** Whether the range gave its blocks content, or covers one that did. */
const isFill = (range: DirtyRange): boolean => range.patternPosition >= 0 || range.isTouched

function* listedPages(dirty: DirtyMap, unknown: PageSet): Generator<PageRange> {
  yield* unknown.ranges
  for (const { blocks, ranges } of dirty.generations) {
    for (const block of blocks.sortedBlocks()) {
      const page = Math.floor(block / PAGE_BLOCKS)
      yield { start: page, end: page + 1 }
    }
    for (const range of ranges.ranges) if (isFill(range)) yield pagesOf(range)
  }
}

function* zeroedPages(dirty: DirtyMap): Generator<PageRange> {
  for (const { ranges } of dirty.generations) {
    for (const range of ranges.ranges) if (!isFill(range)) yield pagesOf(range)
  }
}

const pagesOf = ({ start, end }: { start: number; end: number }): PageRange => ({
  start: Math.floor(start / PAGE_BLOCKS),
  end: Math.ceil(end / PAGE_BLOCKS),
})

/**
 * The base of a resync at the volume that has it: which versions of which blocks another replica may lack, page of the map by
 * page, and their content when it is asked for. Changes nothing and holds nothing back; hosts go on writing meanwhile.
 *
 * The newest version of a block is where readers find it: in the dirty map, else in the map. So the scan does not wait
 * for a checkpoint to pass `target` (docs/adr/0015). What is newer than `target` comes to the replica as log entries. Of
 * the older versions those are offered that a snapshot sees, also a snapshot that is made or deleted while the scan goes on.
 *
 * A restore comes as one log entry, and what it does follows from what the replica has. One that is not flushed hides
 * nothing from the scan; what a flushed one made of blocks is offered like any version, and those up to the target are
 * flushed first.
 *
 * A page is visited when its grain's maximum is above `base`, or one of its blocks was dirty when the scan began, or the
 * replica does not know what it has there, or a trim in the dirty map covers it and its grain was ever written, or the volume is
 * a clone that is not filled. What becomes dirty later is newer than `target`.
 */
import { isBlockError } from '../../base/errors.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'
import type { DirtyMap } from '../dirty/dirty-map.ts'
import type { DirtyRange } from '../dirty/range-table.ts'
import type { ExactVersions } from '../exact-versions.ts'
import { PAGE_BLOCKS } from '../geometry.ts'
import type { GrainMaxima } from '../map/maxima.ts'
import type { BlockReader } from '../reader.ts'
import { type ChainParts, chainsOf, type Link } from './block-chains.ts'
import { OFFERS_MAX, type Offer, type Reading } from './offer.ts'
import { type PageRange, PageSet } from './page-set.ts'

/** Pages and grains that one `next` looks at, so that a scan that finds nothing comes to an end too. */
const PAGES_PER_CALL = 64
const GRAINS_PER_CALL = 4096
export interface ResyncSourceParts extends ChainParts {
  readonly maxima: GrainMaxima
  readonly reader: BlockReader
  readonly exact: ExactVersions
  /** LSNs of the snapshots of every state since the last one that is committed, ascending. */
  readonly snapshots: () => readonly number[]
  /** Resolves when the checkpoint has reached an LSN that is committed. */
  readonly flushThrough: (lsn: number) => Promise<void>
  /** Blocks that the volume has now. */
  readonly sizeBlocks: () => number
  /** Everything up to here is committed, and cannot be lost any more. */
  readonly commitLsn: () => number
  /** A clone that is not filled: a trim changes what nobody ever wrote too, which is as the origin has it. */
  readonly isUnfilled: boolean
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
  /** Of the page before, and not given yet. */
  #offers: Offer[] = []
  /** Pages to be visited once more: what was offered of them is gone, and a restore's result stands there now. */
  readonly #again = new Set<number>()
  /** Pages that were visited again because of a restore, and the newest that was flushed then. */
  readonly #visited = new Map<number, number>()
  /** A restore that is flushed before pages are visited again. */
  #awaited = 0
  /** Restores up to the target are flushed. */
  #isSettled = false
  /** The pattern that was read last: a WRITE SAME covers many blocks. */
  #pattern: { readonly lsn: number; readonly position: number; readonly content: Uint8Array } | undefined

  constructor(parts: ResyncSourceParts, { base, target, unknown }: ResyncSourceOptions) {
    this.#parts = parts
    this.base = base
    this.target = target
    this.#unknown = unknown
    this.sizeBlocks = parts.sizeBlocks()
    this.#listed = PageSet.of(listedPages(parts, unknown))
    this.#zeroed = PageSet.of(zeroedPages(parts.dirty))
  }

  /** Whether `next` has something more: also again, after a `read`. */
  get hasMore(): boolean {
    return this.scannedBlocks < this.sizeBlocks || this.#offers.length > 0 || this.#again.size > 0
  }

  /** Blocks that the scan is past. */
  get scannedBlocks(): number {
    return Math.min(this.sizeBlocks, this.#page * PAGE_BLOCKS)
  }

  /**
   * The next offers, ascending by block, the versions of a block by their LSN, perhaps none; undefined when the scan is at its
   * end. MEDIUM while a page of the map or a list of versions cannot be read, or a restore cannot be flushed.
   */
  async next(): Promise<readonly Offer[] | undefined> {
    await this.#settleRestores()
    if (this.scannedBlocks === this.sizeBlocks && this.#offers.length === 0) {
      const [page] = this.#again
      if (page === undefined) return undefined
      await this.#visitAgain(page)
    }
    for (let pages = 0; pages < PAGES_PER_CALL && this.#offers.length <= OFFERS_MAX - PAGE_BLOCKS; pages++) {
      if (!(await this.#seek())) break
      await this.#offerPage(this.#page)
      this.#page++
    }
    return this.#offers.splice(0, OFFERS_MAX)
  }

  /** What a restore up to the target made of the blocks is not to be had before it is flushed. */
  async #settleRestores(): Promise<void> {
    if (this.#isSettled) return
    const restores = this.#parts.dirty.generations.flatMap(({ restore }) => restore?.lsn ?? [])
    const last = restores.findLast((lsn) => lsn <= this.target)
    if (last !== undefined) await this.#parts.flushThrough(last)
    this.#isSettled = true
  }

  async #visitAgain(page: number): Promise<void> {
    const { dirty, flushThrough } = this.#parts
    if (this.#awaited > dirty.flushedRestoreLsn) await flushThrough(this.#awaited)
    this.#again.delete(page)
    this.#visited.set(page, dirty.flushedRestoreLsn)
    await this.#offerPage(page)
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

  async #offerPage(page: number): Promise<void> {
    const chains = await chainsOf(this.#parts, page)
    // those that are made from now on see what is newest now, or newer
    const snapshots = this.#parts.snapshots()
    const isAll = this.#unknown.has(page)
    const first = page * PAGE_BLOCKS
    const end = Math.min(PAGE_BLOCKS, this.sizeBlocks - first)
    for (let slot = 0; slot < end; slot++)
      await this.#offerBlock(first + slot, chains[slot]!, snapshots, isAll)
  }

  async #offerBlock(
    block: number,
    chain: readonly Link[],
    snapshots: readonly number[],
    isAll: boolean,
  ): Promise<void> {
    const seen = this.#seenOf(chain, snapshots, isAll)
    const head =
      this.#headOf(chain, snapshots) ?? standIn(seen) ?? (isAll ? untouched(chain, snapshots) : undefined)
    // a head that is not known goes to the map as of the target, and says nothing to snapshots before that
    for (const link of seen) if (link !== head || link.kind === 'unknown') await this.#add(block, link, true)
    if (head === undefined) return
    if (head === 'bad') this.#offers.push(this.#without(block, 'bad'))
    else if (head.kind === 'unknown') this.#offers.push(this.#without(block, 'lost'))
    else if (head.lsn > this.base || isAll) await this.#add(block, head, false)
  }

  /** Versions of a chain that snapshots see and the replica lacks, ascending. Of the last one the offer of the head tells, if it is known. */
  #seenOf(chain: readonly Link[], snapshots: readonly number[], isAll: boolean): Link[] {
    const seen: Link[] = []
    for (const [i, link] of chain.entries()) {
      const next = chain[i + 1]
      if (next === undefined && link.kind !== 'unknown') break
      const end =
        next === undefined ? this.target : next.kind === 'unknown' ? Number.POSITIVE_INFINITY : next.lsn
      for (const one of link.kind === 'unknown' ? this.#unknownOf(chain, i) : [link]) {
        const isLacking = one.lsn <= this.target && (one.lsn > this.base || isAll)
        const isNext = one.lsn > (seen.at(-1)?.lsn ?? 0)
        if (isLacking && isNext && seesBetween(snapshots, one.lsn, end)) seen.push(one)
      }
    }
    return seen
  }

  /**
   * What is not known may be of any change up to the next one that is, whatever LSN it is kept with, or without one: what the
   * replica has of before the base says nothing of what was after it.
   */
  #unknownOf(chain: readonly Link[], i: number): readonly Link[] {
    const link = chain[i]!
    const lsn = link.lsn > 0 ? link.lsn : (chain[i - 1]?.lsn ?? 0) + 1
    const first = lsn === link.lsn ? link : { ...link, lsn }
    return lsn > this.base ? [first] : [first, { ...link, lsn: this.base + 1 }]
  }

  /**
   * The newest version that is not above the target; undefined when it is replaced by one that is committed, and comes as a log
   * entry. Where the newest is not committed, the one before is known for sure only if a snapshot lies between.
   */
  #headOf(chain: readonly Link[], snapshots: readonly number[]): Link | 'bad' | undefined {
    const { dirty, commitLsn } = this.#parts
    for (let i = chain.length - 1; i >= 0; i--) {
      const link = chain[i]!
      if (link.lsn <= this.target) return link
      // the map's: it is flushed, so it is committed; what a restore made of it comes in no other way
      if (i === this.#mappedIn(chain)) return dirty.newestRestoreLsn > this.target ? link : undefined
      if (link.lsn <= commitLsn()) return undefined
      if (i === 0 || !seesBetween(snapshots, Math.max(this.target, chain[i - 1]!.lsn), link.lsn)) return 'bad'
    }
    return 'bad'
  }

  /** Where the map's entry is in a chain. */
  #mappedIn(chain: readonly Link[]): number {
    return chain.findLastIndex(({ isStored }) => isStored) + 1
  }

  #without(block: number, kind: 'bad' | 'lost'): Offer {
    return { block, lsn: this.target, kind, checksum: 0, isVersion: false }
  }

  async #add(block: number, link: Link, isVersion: boolean): Promise<void> {
    const { lsn, kind, checksum } = link
    if (kind === 'pattern') this.#offers.push(await this.#offerPattern(block, link, isVersion))
    else if (kind === 'data') this.#offers.push({ block, lsn, kind, checksum, isVersion })
    else if (kind === 'unknown') this.#offers.push({ block, lsn, kind: 'lost', checksum: 0, isVersion })
    else this.#offers.push({ block, lsn, kind: lsn === 0 ? 'empty' : 'hole', checksum: 0, isVersion })
  }

  /** A block of a WRITE SAME that is still in the log: the checksum that it has by itself follows from the pattern. */
  async #offerPattern(
    block: number,
    { lsn, position, checksum, seedBlock }: Link,
    isVersion: boolean,
  ): Promise<Offer> {
    if (this.#pattern?.lsn !== lsn || this.#pattern.position !== position) {
      const content = new Uint8Array(BLOCK_BYTES)
      const isRead = await this.#parts.exact.read({ block, lsn, crc32c: checksum, seedBlock }, content)
      if (!isRead) {
        const lost = { block, kind: 'lost', checksum: 0, isVersion } as const
        return { ...lost, lsn: isVersion ? lsn : this.target }
      }
      this.#pattern = { lsn, position, content }
    }
    return { block, lsn, kind: 'data', checksum: blockChecksum(this.#pattern.content, block, lsn), isVersion }
  }

  /** Whatever is newest; false when it cannot be had. */
  async #readNewest(block: number, target: Uint8Array): Promise<boolean> {
    const { reader } = this.#parts
    if (reader.readNow(block, target)) return true
    try {
      await reader.readAppended(block, target)
      return true
    } catch (error) {
      if (isBlockError(error, 'MEDIUM') || isBlockError(error, 'BUSY')) return false
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
      while (end < offers.length && follows(offers[end - 1]!, offers[end]!)) end++
      const run = target.subarray(i * BLOCK_BYTES, end * BLOCK_BYTES)
      const isRead = !offers[i]!.isVersion && (await this.#readNewest(offers[i]!.block, run))
      for (const first = i; i < end; i++) {
        const one = run.subarray((i - first) * BLOCK_BYTES, (i - first + 1) * BLOCK_BYTES)
        readings.push(isRead && matches(one, offers[i]!) ? 'ok' : await this.#readOne(offers[i]!, one))
      }
    }
    return readings
  }

  /** By its name: it may not be the newest any more. */
  async #readOne(offer: Offer, target: Uint8Array): Promise<Reading> {
    const { exact, snapshots, commitLsn } = this.#parts
    const { block, lsn, checksum } = offer
    if (await exact.read({ block, lsn, crc32c: checksum }, target)) return 'ok'
    const chain = (await chainsOf(this.#parts, Math.floor(block / PAGE_BLOCKS)))[block % PAGE_BLOCKS]!
    const next = chain.find((link) => link.lsn > lsn)
    this.#unreadIn(Math.floor(block / PAGE_BLOCKS))
    if (next === undefined || next.lsn > commitLsn()) return 'bad'
    if (seesBetween(snapshots(), lsn, next.lsn)) return 'bad'
    // without this one the newest of those that were offered before it has to stand in the replica's map
    const before = offer.isVersion ? undefined : chain.findLast((link) => link.lsn < lsn && link.lsn > 0)
    const isSeen = before !== undefined && seesBetween(snapshots(), before.lsn, lsn)
    if (isSeen) this.#again.add(Math.floor(block / PAGE_BLOCKS))
    return 'changed'
  }

  /**
   * Something that was offered of a page cannot be read. Perhaps a restore above the target was flushed over it, or is: then the
   * page is visited again, for what it made of the blocks. One that is not committed is not waited for: that may take this
   * very replica. If an earlier opening began to flush it, what it replaces is gone; the replica has the restore itself, in
   * its log.
   */
  #unreadIn(page: number): void {
    const { dirty, commitLsn } = this.#parts
    const next = dirty.generations.find(({ restore }) => restore !== undefined)?.restore?.lsn
    if (next !== undefined && next <= commitLsn()) this.#awaited = next
    else if (dirty.flushedRestoreLsn <= (this.#visited.get(page) ?? this.target)) return
    this.#again.add(page)
  }
}

/**
 * What stands in for a newest version whose successor comes as a log entry: the newest of those that snapshots see, which
 * need not be the one that the entry replaces. The replica's map must have it when the entry is flushed, since zeros leave
 * no tombstone on what nobody touched, and before that too: the map is looked at before the store. What is not known goes to
 * the store alone.
 */
function standIn(seen: readonly Link[]): Link | undefined {
  const last = seen.at(-1)
  return last?.kind === 'unknown' ? undefined : last
}

/**
 * The same for a block that the replica gave up, and that nobody had touched here when the snapshots were made that see
 * nothing else: flushed over what is not known, the entry would leave them that.
 */
function untouched([first, next]: readonly Link[], snapshots: readonly number[]): Link | undefined {
  const isUntouched = first?.lsn === 0 && first.kind === 'hole'
  return isUntouched && next !== undefined && seesBetween(snapshots, 0, next.lsn) ? first : undefined
}

/** Whether one of these, which ascend, is at `fromLsn` or above, and below `endLsn`. */
function seesBetween(snapshots: readonly number[], fromLsn: number, endLsn: number): boolean {
  let [low, high] = [0, snapshots.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (snapshots[middle]! >= fromLsn) high = middle
    else low = middle + 1
  }
  return low < snapshots.length && snapshots[low]! < endLsn
}

const follows = (previous: Offer, next: Offer): boolean =>
  !previous.isVersion && !next.isVersion && next.block === previous.block + 1

const matches = (content: Uint8Array, { block, lsn, checksum }: Offer): boolean =>
  blockChecksum(content, block, lsn) === checksum

/** Whether the range gave its blocks content, or covers one that did. */
const isFill = (range: DirtyRange): boolean => range.patternPosition >= 0 || range.isTouched

function* listedPages({ dirty, isUnfilled }: ResyncSourceParts, unknown: PageSet): Generator<PageRange> {
  yield* unknown.ranges
  for (const { blocks, ranges } of dirty.generations) {
    for (const block of blocks.sortedBlocks()) {
      const page = Math.floor(block / PAGE_BLOCKS)
      yield { start: page, end: page + 1 }
    }
    for (const range of ranges.ranges) if (isUnfilled || isFill(range)) yield pagesOf(range)
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

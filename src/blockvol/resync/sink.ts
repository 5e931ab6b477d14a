/**
 * The base of a resync at the replica that lacks it: takes the versions that a source offers, and puts them into extents
 * and map beside the log, under whatever the log brings. Newer wins, block by block, so base blocks and log entries may
 * come in any order, twice, and again after a crash.
 *
 * A crash between content and map entry must never leave an entry whose content is another version's, and there is no log
 * to make it good. So for blocks that have content in the map now:
 *
 *   entries unknown, durable ─► content, durable ─► entries with the new version
 *
 * Pages are written as of an LSN above the checkpoint, and maxima are raised to it, so that a page of which a crash left
 * half is not taken for one that the disk lost (format/map-page.ts): the next session writes it whole again before the
 * checkpoint gets there (forget.ts). One step at a time, and never beside a flush.
 */
import { BlockError } from '../../base/errors.ts'
import type { Extent } from '../../base/ports/disk.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { DirtyMap } from '../dirty/dirty-map.ts'
import { ENTRY_FLAG_HOLE, ENTRY_FLAG_UNKNOWN, type MapPage } from '../format/map-page.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'
import type { GrainMaxima } from '../map/maxima.ts'
import type { SegmentFiles } from '../segments.ts'
import type { Offer } from './source.ts'

export interface ResyncSinkParts {
  readonly dirty: DirtyMap
  readonly map: BlockMap
  readonly maxima: GrainMaxima
  readonly extents: SegmentFiles
  /** Runs one at a time with flushes: `Checkpointer.alone`. */
  readonly alone: <T>(run: () => Promise<T>) => Promise<T>
  readonly checkpointLsn: () => number
  readonly sizeBlocks: () => number
  /** A block has an entry with a good version now. */
  readonly onMapped: (block: number) => void
  /** What a block holds is not known, here or at the source. */
  readonly onUnknown: (block: number) => void
}

/** A block that `offered` asked for. */
export interface BaseBlock {
  readonly block: number
  readonly lsn: number
  /** 4096 bytes with the checksum of the map; undefined when the source could not read it. */
  readonly content: { readonly checksum: number; readonly data: Uint8Array } | undefined
}

/** What a block is to become. */
interface Change {
  readonly block: number
  readonly lsn: number
  readonly kind: Offer['kind']
  readonly checksum: number
  readonly data: Uint8Array | undefined
}

const NOT_KNOWN = { lsn: 0, flags: ENTRY_FLAG_UNKNOWN, checksum: 0 } as const

export class ResyncSink {
  readonly #parts: ResyncSinkParts
  /** Blocks that ended up unknown because the source does not have them either. */
  badBlocks = 0

  constructor(parts: ResyncSinkParts) {
    this.#parts = parts
  }

  /**
   * Applies what needs no content, and returns the blocks whose content is wanted. PROTOCOL when a block is outside the
   * volume; MEDIUM while a page of the map cannot be read; NO_SPACE, DISK.
   */
  async offered(offers: readonly Offer[]): Promise<readonly number[]> {
    this.#checkBlocks(offers)
    const wanted: number[] = []
    const changes: Change[] = []
    for (const offer of offers) {
      const { block } = offer
      const page = await this.#page(block)
      if (!this.#isNeeded({ ...offer, data: undefined }, page)) continue
      if (offer.kind === 'data') wanted.push(block)
      else changes.push({ ...offer, data: undefined })
    }
    if (changes.length > 0) await this.#parts.alone(() => this.#apply(changes))
    return wanted
  }

  /** Puts blocks in, each once. They are lent until the promise settles. Errors as of `offered`. */
  async put(blocks: readonly BaseBlock[]): Promise<void> {
    this.#checkBlocks(blocks)
    const changes = blocks.map(({ block, lsn, content }): Change => {
      if (content === undefined) return { block, lsn, kind: 'bad', checksum: 0, data: undefined }
      return { block, lsn, kind: 'data', ...content }
    })
    if (changes.length > 0) await this.#parts.alone(() => this.#apply(changes))
  }

  /** Everything that was put or applied is durable when the promise resolves. */
  settle(): Promise<void> {
    return this.#parts.alone(() => this.#parts.map.sync())
  }

  #checkBlocks(blocks: readonly { readonly block: number }[]): void {
    const sizeBlocks = this.#parts.sizeBlocks()
    const outside = blocks.find(({ block }) => block >= sizeBlocks)
    if (outside === undefined) return
    throw new BlockError('PROTOCOL', `a resync brings block ${outside.block} of ${sizeBlocks}`, {
      facts: { block: outside.block },
    })
  }

  async #page(block: number): Promise<MapPage> {
    const index = Math.floor(block / PAGE_BLOCKS)
    return this.#parts.map.getNow(index) ?? (await this.#parts.map.get(index))
  }

  /**
   * Whether the block in the map is older than the change, or is not known. A newer entry in the log does not count: it may
   * never be committed, and then this is the version that is left.
   */
  #isNeeded(change: Change, page: MapPage): boolean {
    const { block, lsn, kind } = change
    const slot = block % PAGE_BLOCKS
    // that it is unknown is kept, with what the disk says of it
    if (page.isUnknown(slot)) return true
    const own = page.lsn(slot)
    if (own !== lsn || own === 0) return own < lsn
    if (kind === 'data') return !page.hasContent(slot) || page.checksum(slot) !== change.checksum
    return kind === 'hole' && !page.isHole(slot)
  }

  /** Alone. The steps of the top of this file. */
  async #apply(asked: readonly Change[]): Promise<void> {
    const { map, maxima, extents, checkpointLsn } = this.#parts
    const changes: Change[] = []
    for (const change of [...asked].sort((a, b) => a.block - b.block)) {
      if (change.block === changes.at(-1)?.block) throw twice(change.block)
      if (this.#isNeeded(change, await this.#page(change.block))) changes.push(change)
    }
    if (changes.length === 0) return
    const asOfLsn = changes.reduce((most, { lsn }) => Math.max(most, lsn), checkpointLsn() + 1)
    for (const { block } of changes) await maxima.raise(maxima.grainOf(block), asOfLsn)
    await maxima.sync()
    const replaced = changes.filter(({ kind }) => kind !== 'bad')
    if (await this.#forgetContent(replaced, asOfLsn)) await map.sync()
    await extents.datasync(await this.#writeContent(replaced))
    await this.#edit(changes, asOfLsn, (page, { block, lsn, kind, checksum }) => {
      const slot = block % PAGE_BLOCKS
      if (kind === 'bad') page.set(slot, NOT_KNOWN.lsn, NOT_KNOWN.flags, NOT_KNOWN.checksum)
      else page.set(slot, lsn, kind === 'hole' ? ENTRY_FLAG_HOLE : 0, checksum)
    })
    for (const { block, kind } of changes) {
      if (kind !== 'bad') this.#parts.onMapped(block)
      else {
        this.badBlocks++
        this.#parts.onUnknown(block)
      }
    }
  }

  /** Entries that speak of content which is about to go become unknown; false when there are none. */
  async #forgetContent(changes: readonly Change[], asOfLsn: number): Promise<boolean> {
    const covered: Change[] = []
    for (const change of changes) {
      const page = await this.#page(change.block)
      if (page.hasContent(change.block % PAGE_BLOCKS)) covered.push(change)
    }
    await this.#edit(covered, asOfLsn, (page, { block }) =>
      page.set(block % PAGE_BLOCKS, NOT_KNOWN.lsn, NOT_KNOWN.flags, NOT_KNOWN.checksum),
    )
    return covered.length > 0
  }

  async #edit(
    changes: readonly Change[],
    asOfLsn: number,
    set: (page: MapPage, change: Change) => void,
  ): Promise<void> {
    const pages: MapPage[] = []
    for (const change of changes) {
      const index = Math.floor(change.block / PAGE_BLOCKS)
      let page = pages.at(-1)
      if (page?.index !== index) {
        page = await this.#parts.map.edit(index)
        pages.push(page)
      }
      set(page, change)
    }
    await this.#parts.map.write(pages, asOfLsn)
  }

  /** Writes content, and gives back the space of blocks that have none any more. Returns the segments it changed. */
  async #writeContent(changes: readonly Change[]): Promise<Set<number>> {
    const { extents } = this.#parts
    const touched = new Set<number>()
    for (let i = 0; i < changes.length; ) {
      const segment = Math.floor(changes[i]!.block / SEGMENT_BLOCKS)
      const writes: Extent[] = []
      const holes: number[] = []
      for (; i < changes.length && Math.floor(changes[i]!.block / SEGMENT_BLOCKS) === segment; i++) {
        const { block, data } = changes[i]!
        if (data !== undefined) {
          writes.push({ offsetBytes: (block % SEGMENT_BLOCKS) * BLOCK_BYTES, data })
        } else if ((await this.#page(block)).isUnknown(block % PAGE_BLOCKS))
          holes.push(block % SEGMENT_BLOCKS)
      }
      const file = await extents.get(segment, writes.length > 0)
      if (file === undefined || writes.length + holes.length === 0) continue
      touched.add(segment)
      if (writes.length > 0) await file.writeMany(writes)
      for (const [start, end] of runsOf(holes)) {
        await file.punchHole(start * BLOCK_BYTES, (end - start) * BLOCK_BYTES)
      }
    }
    return touched
  }
}

const twice = (block: number): BlockError =>
  new BlockError('PROTOCOL', `a resync brings block ${block} twice`, { facts: { block } })

/** Ascending numbers as runs [start, end). */
function runsOf(numbers: readonly number[]): (readonly [start: number, end: number])[] {
  const runs: [number, number][] = []
  for (const number of numbers) {
    const last = runs.at(-1)
    if (last?.[1] === number) last[1]++
    else runs.push([number, number + 1])
  }
  return runs
}

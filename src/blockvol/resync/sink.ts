/**
 * The base of a resync at the replica that lacks it: takes the versions that a source offers, and puts them into extents
 * and map beside the log, under whatever the log brings. Newer wins, block by block, so base blocks and log entries may
 * come in any order, twice, and again after a crash. What a snapshot sees is kept: a version that gives way is preserved
 * first, and one that comes too late for the map goes to the version store.
 *
 * A crash between content and map entry must never leave an entry whose content is another version's, and there is no log
 * to make it good. So for blocks that have content in the map now:
 *
 *   what snapshots see, durable ─► entries unknown, durable ─► content, durable ─► entries with the new version
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
import type { Preserver } from '../snapshots/preserver.ts'
import type { StoredVersion, VersionStore } from '../versions/version.ts'
import type { BaseBlock, Offer } from './offer.ts'

export interface ResyncSinkParts {
  readonly dirty: DirtyMap
  readonly map: BlockMap
  readonly maxima: GrainMaxima
  readonly extents: SegmentFiles
  readonly versions: VersionStore
  readonly preserver: Preserver
  /** LSNs of the snapshots that the volume has, or had since the base, ascending. */
  readonly snapshots: () => readonly number[]
  /** Runs one at a time with flushes: `Checkpointer.alone`. */
  readonly alone: <T>(run: () => Promise<T>) => Promise<T>
  readonly checkpointLsn: () => number
  readonly sizeBlocks: () => number
  /** A block has an entry with a good version now. */
  readonly onMapped: (block: number) => void
  /** What a block holds is not known, here or at the source. */
  readonly onUnknown: (block: number) => void
}

/** What a block is to become, or, with `isVersion`, was. `isUnread`: of a `lost` one, whose LSN is its own. */
interface Change extends Offer {
  readonly isUnread?: boolean
  readonly data: Uint8Array | undefined
}

const UNKNOWN = { flags: ENTRY_FLAG_UNKNOWN, checksum: 0 } as const

export class ResyncSink {
  readonly #parts: ResyncSinkParts
  /** Blocks that ended up unknown because the source does not have them either. */
  badBlocks = 0

  constructor(parts: ResyncSinkParts) {
    this.#parts = parts
  }

  /** Of what went into the map here: entries of the log up to there may be older than it. */
  newestLsn = 0

  /** What the volume had up to `base` was the same as at the source, also of the blocks that the source has lost. */
  base = 0

  /**
   * Applies what needs no content, and returns the offers, by their places, whose content is wanted. PROTOCOL when a block is
   * outside the volume; MEDIUM while a page of the map or a list of versions cannot be read; NO_SPACE, DISK.
   */
  async offered(offers: readonly Offer[]): Promise<readonly number[]> {
    this.#checkBlocks(offers)
    const stored = await this.#storedOf(offers)
    const wanted: number[] = []
    const changes: Change[] = []
    for (const [i, offer] of offers.entries()) {
      const page = await this.#page(offer.block)
      const isNeeded = offer.isVersion ? !isKept(offer, page, stored) : this.#isOfUse(offer, page, stored)
      if (!isNeeded) continue
      if (offer.kind === 'data') wanted.push(i)
      else changes.push({ ...offer, data: undefined })
    }
    if (changes.length > 0) await this.#parts.alone(() => this.#apply(changes))
    return wanted
  }

  /** Puts versions in, each once. They are lent until the promise settles. Errors as of `offered`. */
  async put(blocks: readonly BaseBlock[]): Promise<void> {
    this.#checkBlocks(blocks)
    const changes = blocks.map(({ block, lsn, isVersion, content }): Change => {
      const named = { block, lsn, isVersion }
      if (content !== undefined) return { ...named, kind: 'data', ...content }
      return { ...named, kind: 'lost', checksum: 0, data: undefined, isUnread: true }
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

  /** What is kept of the blocks whose offers may go to the store. */
  async #storedOf(offers: readonly Offer[]): Promise<Stored> {
    const { versions } = this.#parts
    const stored = new Map<number, readonly StoredVersion[]>()
    if (versions.isEmpty) return stored
    for (const offer of offers) {
      const { block, isVersion } = offer
      if (stored.has(block) || !(isVersion || this.#isLate(offer, await this.#page(block)))) continue
      stored.set(block, await versions.of(block))
    }
    return stored
  }

  /** Whether a newest version goes into the map, or to the store because it comes too late for the map. */
  #isOfUse(offer: Offer, page: MapPage, stored: Stored): boolean {
    if (isNewer(offer, page)) return true
    const isLate = this.#isLate(offer, page)
    return isLate && !isKept(offer, page, stored)
  }

  /** Whether the map has a newer version of the block, and a snapshot between the two sees the one offered. */
  #isLate({ block, lsn, kind }: Offer, page: MapPage): boolean {
    if (kind === 'bad' || kind === 'empty') return false
    const mapped = page.lsn(block % PAGE_BLOCKS)
    return mapped > lsn && this.#parts.snapshots().some((snapshot) => snapshot >= lsn && snapshot < mapped)
  }

  /** Alone. The steps of the top of this file. */
  async #apply(asked: readonly Change[]): Promise<void> {
    const { map, maxima, extents, checkpointLsn } = this.#parts
    const changes: Change[] = []
    const kept: Change[] = []
    const stored = await this.#storedOf(asked)
    for (const change of [...asked].sort((a, b) => a.block - b.block || a.lsn - b.lsn)) {
      const page = await this.#page(change.block)
      if (change.isVersion || !isNewer(change, page)) {
        const isOfUse = change.isVersion || this.#isLate(change, page)
        if (isOfUse && !isKept(change, page, stored)) kept.push(change)
        continue
      }
      if (change.block === changes.at(-1)?.block) throw twice(change.block)
      changes.push(change)
    }
    await this.#keep(kept, stored)
    if (changes.length === 0) return
    await this.#preserve(changes)
    this.newestLsn = changes.reduce((most, { lsn }) => Math.max(most, lsn), this.newestLsn)
    const asOfLsn = changes.reduce((most, { lsn }) => Math.max(most, lsn), checkpointLsn() + 1)
    for (const { block } of changes) await maxima.raise(maxima.grainOf(block), asOfLsn)
    await maxima.sync()
    const replaced = changes.filter(isKnown)
    if (await this.#forgetContent(replaced, asOfLsn)) await map.sync()
    await extents.datasync(await this.#writeContent(replaced))
    await this.#edit(changes, asOfLsn, (page, change) => {
      const { block, lsn, kind, checksum } = change
      const slot = block % PAGE_BLOCKS
      // with its LSN: what snapshots see of it up to there is in the store
      if (!isKnown(change)) page.set(slot, lsn, UNKNOWN.flags, UNKNOWN.checksum)
      else page.set(slot, lsn, kind === 'hole' ? ENTRY_FLAG_HOLE : 0, checksum)
    })
    for (const change of changes) {
      const { block } = change
      if (isKnown(change)) this.#parts.onMapped(block)
      else {
        this.badBlocks++
        this.#parts.onUnknown(block)
      }
    }
  }

  /** Adds versions to the store; durable. What was kept as bad becomes what it is. */
  async #keep(kept: readonly Change[], stored: Stored): Promise<void> {
    const { versions, checkpointLsn } = this.#parts
    const added: Change[] = []
    for (const change of kept) {
      const bad = stored.get(change.block)?.find(({ lsn }) => lsn === change.lsn)
      if (bad === undefined) added.push(change)
      else await versions.repair(bad, change.data)
    }
    if (added.length === 0) return
    const batch = versions.begin(checkpointLsn() + 1, { isCheckingAll: true })
    try {
      for (const change of added) {
        const { block, lsn, checksum, data } = change
        const kind = isKnown(change) ? (change.kind === 'data' ? 'data' : 'hole') : 'bad'
        await batch.add({ block, lsn, kind, checksum }, data)
      }
      await batch.commit()
    } catch (error) {
      await batch.abandon()
      throw error
    }
  }

  /** What the map has of these blocks goes to the store where a snapshot sees it; durable. */
  async #preserve(changes: readonly Change[]): Promise<void> {
    const { preserver, snapshots, checkpointLsn } = this.#parts
    const lsns = snapshots()
    if (lsns.length === 0) return
    const preservation = preserver.begin(checkpointLsn() + 1, lsns, { isFilling: true, isBase: true })
    const lost: Change[] = []
    try {
      for (const change of changes) {
        const { block, lsn, kind } = change
        const page = await this.#page(block)
        // what snapshots see of such a block comes by itself
        if (page.isUnknown(block % PAGE_BLOCKS) && preserver.isAsked(block)) continue
        if (isKnown(change) || change.isUnread === true) {
          await preservation.replaced(block, lsn)
          continue
        }
        // what replaced it is not known here: it is kept for all who may see it
        await preservation.replaced(block, Number.POSITIVE_INFINITY)
        if (kind !== 'lost') continue
        // of a block that the source has lost nobody knows until when
        const fromLsn = Math.max(this.base, page.lsn(block % PAGE_BLOCKS)) + 1
        const isSeen = lsns.some((snapshot) => snapshot >= fromLsn && snapshot < lsn)
        if (isSeen) lost.push({ ...change, lsn: fromLsn, isVersion: true })
      }
      await preservation.commit()
    } catch (error) {
      await preservation.abandon()
      throw error
    }
    const stored = await this.#storedOf(lost)
    const isNew = ({ block, lsn }: Change): boolean =>
      stored.get(block)?.some((own) => own.lsn === lsn) !== true
    await this.#keep(lost.filter(isNew), stored)
  }

  /** Entries that speak of content which is about to go become unknown; false when there are none. */
  async #forgetContent(changes: readonly Change[], asOfLsn: number): Promise<boolean> {
    const covered: Change[] = []
    for (const change of changes) {
      const page = await this.#page(change.block)
      if (page.hasContent(change.block % PAGE_BLOCKS)) covered.push(change)
    }
    await this.#edit(covered, asOfLsn, (page, { block }) =>
      page.set(block % PAGE_BLOCKS, 0, UNKNOWN.flags, UNKNOWN.checksum),
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

type Stored = ReadonlyMap<number, readonly StoredVersion[]>

const isKnown = ({ kind }: Offer): boolean => kind !== 'bad' && kind !== 'lost'

/**
 * Whether the block in the map is older than the change, or is not known. A newer entry in the log does not count: it may
 * never be committed, and then this is the version that is left.
 */
function isNewer(change: Offer, page: MapPage): boolean {
  const { block, lsn, kind, checksum } = change
  const slot = block % PAGE_BLOCKS
  // that it is unknown is kept, with what the disk says of it; but what is newer stays
  if (page.isUnknown(slot)) return isKnown(change) || page.lsn(slot) < lsn
  const own = page.lsn(slot)
  if (own !== lsn || own === 0) return own < lsn
  if (kind === 'data') return !page.hasContent(slot) || page.checksum(slot) !== checksum
  return kind === 'hole' && !page.isHole(slot)
}

/** Whether map or store have the version, as it is offered. */
function isKept({ block, lsn, kind, checksum }: Offer, page: MapPage, stored: Stored): boolean {
  const slot = block % PAGE_BLOCKS
  if (page.lsn(slot) === lsn && !page.isUnknown(slot)) {
    return kind !== 'data' || (page.hasContent(slot) && page.checksum(slot) === checksum)
  }
  const own = stored.get(block)?.find((version) => version.lsn === lsn)
  return own !== undefined && (own.kind !== 'bad' || kind === 'lost' || kind === 'bad')
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

/**
 * Copy-on-write: before extents and map lose a version of a block that a snapshot sees, it goes to the version store. For who
 * changes them, which is the flusher and the sink of a resync, each under `Checkpointer.alone`:
 *
 *   begin ─► replaced, for every block that will change ─► commit, durable ─► extents and map may change
 *
 * A step that a crash interrupted is done again, over extents that may hold newer content by then. What it preserved before is
 * in the store, and stays as it is there: content that does not pass its checksum is looked for there first. Content that is
 * nowhere is kept as `bad`: a snapshot says MEDIUM where it does not know, never something else.
 */

import type { BufferPool } from '../../base/buffer-pool.ts'
import { isBlockError } from '../../base/errors.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { RepairSource } from '../api.ts'
import { blockChecksum } from '../checksum.ts'
import type { MapPage } from '../format/map-page.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'
import type { SegmentFiles } from '../segments.ts'
import type { Version, VersionBatch, VersionStore } from '../versions/version.ts'

/** Read and verified together: a bounded part of a turn. */
const BATCH_BLOCKS = 128

export interface PreserverOptions {
  readonly map: BlockMap
  readonly extents: SegmentFiles
  readonly versions: VersionStore
  readonly pool: BufferPool
  readonly repairSource: RepairSource | undefined
  /** What a snapshot sees of a block is lost here. */
  readonly onLost: (block: number) => void
  /** Of a block that is not known here, what snapshots see of it comes with the base of a resync. */
  readonly isAsked: (block: number) => boolean
  /** While base blocks of a resync arrive: where it begins. What snapshots see of later changes comes with them. */
  readonly baseLsn: () => number | undefined
}

/** `all`: it is not known which, and any LSN may be one. */
export type SnapshotLsns = readonly number[] | 'all'

export class Preserver {
  readonly #o: PreserverOptions
  /** Bytes that were copied. */
  preservedBytes = 0

  constructor(options: PreserverOptions) {
    this.#o = options
  }

  /** As of the options: nothing need be kept of such a block while it is not known. */
  isAsked(block: number): boolean {
    return this.#o.isAsked(block)
  }

  /**
   * `asOfLsn`: above the checkpoint until the step is over. `snapshotLsns`: of those that may see something, in any order.
   * `isFilling`: the replica waits for its base. A version may have come in any way then, and what was given up as not known is
   * for the base to bring, with what snapshots see of it. What became unknown without the source being told, because the disk
   * lost a page, is not. `isBase`: base blocks are the change; what snapshots see of older ones above the base is there.
   */
  begin(
    asOfLsn: number,
    snapshotLsns: SnapshotLsns,
    { isFilling = false, isBase = false }: { readonly isFilling?: boolean; readonly isBase?: boolean } = {},
  ): Preservation {
    const onCopied = (bytes: number): void => {
      this.preservedBytes += bytes
    }
    const open = (): VersionBatch => this.#o.versions.begin(asOfLsn, { isCheckingAll: isFilling })
    return new Preservation(this.#o, open, { snapshotLsns, isFilling, isBase }, onCopied)
  }
}

export class Preservation {
  readonly #o: PreserverOptions
  readonly #begin: () => VersionBatch
  readonly #isFilling: boolean
  readonly #isBase: boolean
  /** Ascending; undefined: any LSN may be a snapshot's. */
  readonly #snapshots: Float64Array | undefined
  readonly #onCopied: (bytes: number) => void
  #batch: VersionBatch | undefined
  /** Content that is to be copied, as the map has it. */
  #wanted: Version[] = []

  constructor(
    options: PreserverOptions,
    begin: () => VersionBatch,
    step: { readonly snapshotLsns: SnapshotLsns; readonly isFilling: boolean; readonly isBase: boolean },
    onCopied: (bytes: number) => void,
  ) {
    this.#o = options
    this.#begin = begin
    const { snapshotLsns, isFilling, isBase } = step
    this.#isFilling = isFilling
    this.#isBase = isBase
    this.#snapshots = snapshotLsns === 'all' ? undefined : Float64Array.from(snapshotLsns).sort()
    this.#onCopied = onCopied
  }

  /** LSN of the newest snapshot that does not see the entry `lsn`; 0 when there is none. */
  newestBefore(lsn: number): number {
    if (this.#snapshots === undefined) return lsn - 1
    let low = 0
    let high = this.#snapshots.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#snapshots[middle]! < lsn) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : this.#snapshots[low - 1]!
  }

  /**
   * The block's entry in the map is about to give way to the version `newLsn`: what it has now is kept if a snapshot sees it.
   * Content that cannot be had any more is kept as `bad`. Errors: MEDIUM when a page or a list is damaged, NO_SPACE, DISK.
   */
  async replaced(block: number, newLsn: number): Promise<void> {
    const index = Math.floor(block / PAGE_BLOCKS)
    const page = this.#o.map.getNow(index) ?? (await this.#o.map.get(index))
    if (isSeen(page, block % PAGE_BLOCKS, this.newestBefore(newLsn))) await this.keep(page, block)
  }

  /** Keeps what the map has of the block, which a snapshot sees; undefined when nobody need wait. Errors as `replaced`. */
  keep(page: MapPage, block: number): Promise<void> | undefined {
    const slot = block % PAGE_BLOCKS
    const lsn = page.lsn(slot)
    if (!page.hasContent(slot)) {
      if (page.isUnknown(slot)) return this.#keepUnknown(block, lsn)
      return this.add({ block, lsn, kind: 'hole', checksum: 0 }, undefined)
    }
    this.#wanted.push({ block, lsn, kind: 'data', checksum: page.checksum(slot) })
    return this.#wanted.length < BATCH_BLOCKS ? undefined : this.#copy()
  }

  /** Keeps a version that is not the map's. `data` as the store's batch takes it. Errors as `replaced`. */
  async add(version: Version, data: Uint8Array | undefined): Promise<void> {
    await this.#open().add(version, data)
    if (data !== undefined) this.#onCopied(data.byteLength)
  }

  #open(): VersionBatch {
    this.#batch ??= this.#begin()
    return this.#batch
  }

  /**
   * An entry that damage took may have been of any change since the newest version that is kept: those snapshots that see that
   * one see it still, for all others the content is not known. Which snapshots those are is not known for sure, once one was
   * deleted: all that could be of either kind are taken for others. Versions above the base of a resync may be there already
   * while what the entry was is below it: of the two sides of the base each goes by what is kept on it.
   */
  async #keepUnknown(block: number, lsn: number): Promise<void> {
    if (this.#isFilling && lsn === 0 && this.#o.isAsked(block)) return
    if (lsn > 0) return this.#keepLost(block, lsn)
    const kept = await this.#o.versions.of(block)
    const baseLsn = this.#o.baseLsn()
    const below = kept.findLast((version) => version.lsn <= (baseLsn ?? version.lsn))
    if (isOpen(below, baseLsn)) await this.#keepLost(block, (below?.lsn ?? 0) + 1)
    const newest = kept.at(-1)
    if (newest === undefined || newest === below || this.#isBase) return
    if (isOpen(newest, undefined)) await this.#keepLost(block, newest.lsn + 1)
  }

  async #keepLost(block: number, lsn: number): Promise<void> {
    await this.add({ block, lsn, kind: 'bad', checksum: 0 }, undefined)
    this.#o.onLost(block)
  }

  /** Copies what is wanted from the extents, neighbours in one read. */
  async #copy(): Promise<void> {
    const wanted = this.#wanted
    if (wanted.length === 0) return
    this.#wanted = []
    const buffer = this.#o.pool.acquire(wanted.length * BLOCK_BYTES)
    const part = (start: number, end: number): Uint8Array =>
      buffer.subarray(start * BLOCK_BYTES, end * BLOCK_BYTES)
    try {
      // what was written lately is in memory: a read that waits costs more than all the rest of a copy
      const runs = runsOf(wanted).filter(
        ({ start, end }) => !this.#readNow(wanted[start]!.block, part(start, end)),
      )
      const results = await Promise.allSettled(
        runs.map(({ start, end }) => this.#read(wanted[start]!.block, part(start, end))),
      )
      for (const result of results) if (result.status === 'rejected') throw result.reason
      const isGood = (i: number): boolean => {
        const { block, lsn, checksum } = wanted[i]!
        return blockChecksum(part(i, i + 1), block, lsn) === checksum
      }
      for (let i = 0; i < wanted.length; ) {
        let end = i
        while (end < wanted.length && isGood(end)) end++
        if (end > i) await this.#addAll(wanted.slice(i, end), part(i, end))
        if (end < wanted.length) await this.#keepBad(wanted[end]!)
        i = end + 1
      }
    } finally {
      this.#o.pool.release(buffer)
    }
  }

  async #addAll(versions: readonly Version[], data: Uint8Array): Promise<void> {
    await this.#open().addMany(versions, data)
    this.#onCopied(data.byteLength)
  }

  /** What the extents have is not the version: it is stored already, or a peer has it, or it is lost. */
  async #keepBad(wanted: Version): Promise<void> {
    const { block, lsn, checksum } = wanted
    const batch = this.#open()
    if (!batch.isFresh && (await batch.has(block, lsn))) return
    const copy = await this.#o.repairSource?.({ block, lsn, crc32c: checksum, seedBlock: block })
    if (copy !== undefined && blockChecksum(copy, block, lsn) === checksum) {
      await this.add(wanted, copy)
      return
    }
    await this.add({ block, lsn, kind: 'bad', checksum: 0 }, undefined)
    this.#o.onLost(block)
  }

  #readNow(block: number, target: Uint8Array): boolean {
    const file = this.#o.extents.opened(Math.floor(block / SEGMENT_BLOCKS))
    return file?.readNow(target, (block % SEGMENT_BLOCKS) * BLOCK_BYTES) === true
  }

  /** False when what is there cannot be read whole. */
  async #read(block: number, target: Uint8Array): Promise<boolean> {
    try {
      const file = await this.#o.extents.get(Math.floor(block / SEGMENT_BLOCKS), false)
      if (file === undefined) return false
      const offsetBytes = (block % SEGMENT_BLOCKS) * BLOCK_BYTES
      return (await file.read(target, offsetBytes)) === target.byteLength
    } catch (error) {
      // an unreadable sector is what a bad checksum is
      if (isBlockError(error, 'DISK')) return false
      throw error
    }
  }

  /** Durable, and there for readers, when the promise resolves. */
  async commit(): Promise<void> {
    await this.#copy()
    await this.#batch?.commit()
  }

  /** Gives it up; after an error too. */
  async abandon(): Promise<void> {
    this.#wanted = []
    await this.#batch?.abandon()
  }
}

/** Whether the snapshot `snapshotLsn`, the newest that does not see what is to come, sees what the map has. */
export function isSeen(page: MapPage, slot: number, snapshotLsn: number): boolean {
  const lsn = page.lsn(slot)
  return lsn <= snapshotLsn && (lsn > 0 || (snapshotLsn > 0 && page.isUnknown(slot)))
}

/**
 * Whether something may follow on this version, up to `endLsn`, that is not known. On a bad one nothing else does: the step was
 * interrupted before, and an entry without an LSN would be kept again, as of the next one.
 */
const isOpen = (version: Version | undefined, endLsn: number | undefined): boolean =>
  version?.kind !== 'bad' && (version?.lsn ?? 0) < (endLsn ?? Number.POSITIVE_INFINITY)

/** What is wanted as runs [start, end) of blocks that are neighbours in one file. */
function runsOf(wanted: readonly Version[]): { start: number; end: number }[] {
  const runs: { start: number; end: number }[] = []
  for (const [i, { block }] of wanted.entries()) {
    const last = runs.at(-1)
    const isNext = i > 0 && block === wanted[i - 1]!.block + 1 && block % SEGMENT_BLOCKS !== 0
    if (last !== undefined && isNext) last.end = i + 1
    else runs.push({ start: i, end: i + 1 })
  }
  return runs
}

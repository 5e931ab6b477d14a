/**
 * The flush of a restore: every block that was changed since the snapshot gets the content that the snapshot sees, as of the
 * restore's LSN. Everything before the restore is in extents and map when it begins, and readers find the restored blocks by
 * the dirty map's mark until it is over, so it may be interrupted anywhere and done again. A bounded batch at a time:
 *
 *   what other snapshots see preserved, durable ─► extents, durable ─► maxima, durable ─► map
 *
 * What the snapshot sees of such a block is in the version store: whoever changed the block has put it there. A block that
 * was not changed since stays as it is, with its LSN.
 */

import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Extent } from '../../base/ports/disk.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { RepairSource } from '../api.ts'
import { blockChecksum } from '../checksum.ts'
import type { RestoreMark } from '../dirty/dirty-map.ts'
import { ENTRY_FLAG_HOLE, ENTRY_FLAG_UNKNOWN, type MapPage } from '../format/map-page.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'
import type { GrainMaxima } from '../map/maxima.ts'
import type { SegmentFiles } from '../segments.ts'
import type { StoredVersion, VersionStore } from '../versions/version.ts'
import { isSeen, type Preservation } from './preserver.ts'
import { versionsOf } from './views.ts'

/** Between two rounds of syncs; at least a page. */
const BATCH_BLOCKS = 2048
const BATCH_PAGES = 64
/** Read and written together. */
const RUN_BLOCKS = 128

export interface RestorePassOptions {
  readonly mark: RestoreMark
  readonly map: BlockMap
  readonly maxima: GrainMaxima
  readonly extents: SegmentFiles
  readonly versions: VersionStore
  readonly pool: BufferPool
  readonly repairSource: RepairSource | undefined
  /** The volume is a replica that gets its base: the map may have newer versions, which stay. */
  readonly isFilling: boolean
  readonly beginPreservation: () => Preservation
  readonly onMapped: (block: number) => void
  readonly onLost: (block: number) => void
}

/** What a block becomes. */
interface Restored {
  readonly block: number
  readonly flags: number
  readonly checksum: number
}

/** Restores; durable when the promise resolves. Returns the bytes written. Errors as of a flush. */
export async function restoreBlocks(options: RestorePassOptions): Promise<number> {
  const { mark, map, maxima } = options
  const pass = new RestorePass(options)
  const pagesPerGrain = maxima.grainBlocks / PAGE_BLOCKS
  for (let grain = 0; ; grain++) {
    const { endGrain } = maxima
    grain = await maxima.nextTouched(grain, endGrain)
    if (grain >= endGrain) break
    if ((maxima.getNow(grain) ?? (await maxima.get(grain))) <= mark.snapshotLsn) continue
    for (let page = 0; page < pagesPerGrain; page++) await pass.take(grain * pagesPerGrain + page)
  }
  await pass.apply()
  await map.sync()
  return pass.writtenBytes
}

class RestorePass {
  readonly #o: RestorePassOptions
  #pages: number[] = []
  #blocks: number[] = []
  writtenBytes = 0

  constructor(options: RestorePassOptions) {
    this.#o = options
  }

  /** Adds the page's blocks to the batch. */
  async take(index: number): Promise<void> {
    const { map, mark, isFilling } = this.#o
    const page = map.getNow(index) ?? (await map.get(index))
    let isTouched = false
    for (let slot = 0; slot < PAGE_BLOCKS; slot++) {
      const lsn = page.lsn(slot)
      if (lsn <= mark.snapshotLsn) continue
      isTouched = true
      const isLater = lsn === mark.lsn || (isFilling && lsn > mark.lsn)
      if (!isLater) this.#blocks.push(index * PAGE_BLOCKS + slot)
    }
    if (!isTouched) return
    this.#pages.push(index)
    if (this.#blocks.length >= BATCH_BLOCKS || this.#pages.length === BATCH_PAGES) await this.apply()
  }

  async apply(): Promise<void> {
    const [pages, blocks] = [this.#pages, this.#blocks]
    if (pages.length === 0) return
    this.#pages = []
    this.#blocks = []
    await this.#preserve(blocks)
    const restored = await this.#writeContent(blocks, await this.#versions(pages))
    await this.#edit(pages, restored)
  }

  /** What the map has of these blocks, for the other snapshots. */
  async #preserve(blocks: readonly number[]): Promise<void> {
    const { map, mark, beginPreservation } = this.#o
    const preservation = beginPreservation()
    try {
      const snapshotLsn = preservation.newestBefore(mark.lsn)
      for (const block of blocks) {
        const page = await this.#page(map, block)
        if (isSeen(page, block % PAGE_BLOCKS, snapshotLsn)) await preservation.keep(page, block)
      }
      await preservation.commit()
    } catch (error) {
      await preservation.abandon()
      throw error
    }
  }

  async #page(map: BlockMap, block: number): Promise<MapPage> {
    const index = Math.floor(block / PAGE_BLOCKS)
    return map.getNow(index) ?? (await map.get(index))
  }

  /** What the snapshot sees of the blocks of these pages. */
  async #versions(pages: readonly number[]): Promise<Map<number, StoredVersion>> {
    const { versions, mark } = this.#o
    const seen = new Map<number, StoredVersion>()
    for (const index of pages) {
      const all = await versionsOf(versions, index * PAGE_BLOCKS, (index + 1) * PAGE_BLOCKS)
      for (const [block, list] of all) {
        const version = list.findLast(({ lsn }) => lsn <= mark.snapshotLsn)
        if (version !== undefined) seen.set(block, version)
      }
    }
    return seen
  }

  /** Puts content into the extents, and gives back the space of blocks that have none; durable. */
  async #writeContent(
    blocks: readonly number[],
    versions: ReadonlyMap<number, StoredVersion>,
  ): Promise<Restored[]> {
    const { pool, mark, extents } = this.#o
    const restored: Restored[] = []
    const touched = new Set<number>()
    const buffer = pool.acquire(RUN_BLOCKS * BLOCK_BYTES)
    try {
      for (let at = 0; at < blocks.length; at += RUN_BLOCKS) {
        const writes: { block: number; data: Uint8Array }[] = []
        const holes: number[] = []
        for (const block of blocks.slice(at, at + RUN_BLOCKS)) {
          const version = versions.get(block)
          const data = buffer.subarray(writes.length * BLOCK_BYTES, (writes.length + 1) * BLOCK_BYTES)
          if (version === undefined || version.kind === 'hole') {
            holes.push(block)
            restored.push({ block, flags: ENTRY_FLAG_HOLE, checksum: 0 })
          } else if (version.kind === 'data' && (await this.#read(version, data))) {
            writes.push({ block, data })
            restored.push({ block, flags: 0, checksum: blockChecksum(data, block, mark.lsn) })
          } else {
            restored.push({ block, flags: ENTRY_FLAG_UNKNOWN, checksum: 0 })
            this.#o.onLost(block)
          }
        }
        await this.#write(writes, touched)
        await this.#punch(holes, touched)
      }
    } finally {
      pool.release(buffer)
    }
    await extents.datasync(touched)
    return restored
  }

  async #read(version: StoredVersion, target: Uint8Array): Promise<boolean> {
    const { versions, repairSource } = this.#o
    if (await versions.read(version, target)) return true
    const { block, lsn, checksum } = version
    const copy = await repairSource?.({ block, lsn, crc32c: checksum, seedBlock: block })
    if (copy === undefined || blockChecksum(copy, block, lsn) !== checksum) return false
    target.set(copy)
    return true
  }

  async #write(writes: readonly { block: number; data: Uint8Array }[], touched: Set<number>): Promise<void> {
    for (let i = 0; i < writes.length; ) {
      const segment = Math.floor(writes[i]!.block / SEGMENT_BLOCKS)
      const run: Extent[] = []
      for (; i < writes.length && Math.floor(writes[i]!.block / SEGMENT_BLOCKS) === segment; i++) {
        const { block, data } = writes[i]!
        run.push({ offsetBytes: (block % SEGMENT_BLOCKS) * BLOCK_BYTES, data })
        this.writtenBytes += BLOCK_BYTES
      }
      touched.add(segment)
      await (await this.#o.extents.get(segment, true))?.writeMany(run)
    }
  }

  /** Ascending blocks; neighbours in one call. */
  async #punch(blocks: readonly number[], touched: Set<number>): Promise<void> {
    for (let i = 0; i < blocks.length; ) {
      const first = blocks[i]!
      let count = 1
      while (blocks[i + count] === first + count && (first + count) % SEGMENT_BLOCKS !== 0) count++
      i += count
      const segment = Math.floor(first / SEGMENT_BLOCKS)
      const file = await this.#o.extents.get(segment, false)
      if (file === undefined) continue
      touched.add(segment)
      await file.punchHole((first % SEGMENT_BLOCKS) * BLOCK_BYTES, count * BLOCK_BYTES)
    }
  }

  async #edit(pages: readonly number[], restored: readonly Restored[]): Promise<void> {
    const { map, maxima, mark, onMapped } = this.#o
    for (const index of pages) await maxima.raise(maxima.grainOf(index * PAGE_BLOCKS), mark.lsn)
    await maxima.sync()
    const edited: MapPage[] = []
    for (const index of pages) {
      const page = await map.edit(index)
      // also one without a block to restore: a crash may have left half of it as of this restore
      page.touch()
      edited.push(page)
    }
    let at = 0
    for (const { block, flags, checksum } of restored) {
      const index = Math.floor(block / PAGE_BLOCKS)
      while (edited[at]!.index !== index) at++
      edited[at]!.set(block % PAGE_BLOCKS, mark.lsn, flags, checksum)
      if (flags !== ENTRY_FLAG_UNKNOWN) onMapped(block)
    }
    await map.write(edited, mark.lsn)
    this.writtenBytes += edited.length * BLOCK_BYTES
  }
}

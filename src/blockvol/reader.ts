/**
 * Reads: the dirty map first, then map and extents. Everything is verified against the checksum of exactly this
 * version of exactly this block (invariant 9). Two ways: `readNow` answers within the turn when log, map and
 * extents are in memory; `read` waits for the disk.
 *
 * A mismatch counts only if the block's newest version is still the one that was looked up before the read: a
 * block that was flushed, overwritten or recycled meanwhile is looked up again. What is really bad is fetched
 * from a peer or fails with MEDIUM, never zeros, never old data.
 */
import { BLOCK_BYTES } from '../base/units.ts'
import { blockChecksum } from './checksum.ts'
import type { Commitment } from './commitment.ts'
import type { DirtyKind, DirtyMap } from './dirty/dirty-map.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from './geometry.ts'
import type { LogFile } from './log/log-file.ts'
import type { BlockMap } from './map/block-map.ts'
import type { SegmentFiles } from './segments.ts'
import type { Source } from './snapshots/located.ts'
import {
  follows,
  isContent,
  mappedSource,
  matches,
  type SnapshotViews,
  unknownBlock,
} from './snapshots/views.ts'

export interface ReaderOptions {
  readonly dirty: DirtyMap
  readonly commitment: Commitment
  readonly map: BlockMap
  readonly log: LogFile
  readonly extents: SegmentFiles
  /** Looks up what cannot be had within the turn, and reads what did not check out at first. */
  readonly views: SnapshotViews
  /** Blocks from 0 that are as the origin has them while nobody touched them; 0 of all but an unfilled clone. */
  readonly originBlocks: () => number
}

/** The LSN as of which readers of the volume itself look. */
const NEWEST = Number.POSITIVE_INFINITY
/** Longest run that one system call reads. */
const RUN_BLOCKS_MAX = 256

export class BlockReader {
  readonly #o: ReaderOptions

  constructor(options: ReaderOptions) {
    this.#o = options
  }

  /** Fills `target` (whole blocks) from `block` at once, or returns false and leaves it undefined. */
  readNow(block: number, target: Uint8Array): boolean {
    const { dirty, map, commitment } = this.#o
    const commitLsn = commitment.lsn
    // extents may hold what hosts are not told of yet
    const isFlushedAhead = commitment.flushableLsn > commitLsn
    const blocks = target.byteLength / BLOCK_BYTES
    for (let i = 0; i < blocks; ) {
      const at = block + i
      const kind = dirty.lookup(at)
      if (kind === 'clean' && isFlushedAhead) return false
      if (kind !== 'clean' && dirty.lsn > commitLsn) return false
      // where it is takes another look: the look-up says nothing of a place in the log
      if (kind === 'restored') return false
      if (kind === 'zeros') {
        target.fill(0, i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
        i++
      } else if (kind !== 'clean') {
        const rest = i === 0 ? target : target.subarray(i * BLOCK_BYTES)
        const run = this.#readLogNow(at, rest, commitLsn)
        if (run === 0) return false
        i += run
      } else {
        const page = map.getNow(Math.floor(at / PAGE_BLOCKS))
        if (page === undefined) return false
        const slot = at % PAGE_BLOCKS
        if (!page.hasContent(slot)) {
          if (page.isUnknown(slot)) return false
          if (page.lsn(slot) === 0 && at < this.#o.originBlocks()) return false
          target.fill(0, i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
          i++
          continue
        }
        let run = 1
        const most = Math.min(blocks - i, PAGE_BLOCKS - slot)
        while (run < most && page.hasContent(slot + run) && dirty.lookup(at + run) === 'clean') run++
        const content = run === blocks ? target : target.subarray(i * BLOCK_BYTES, (i + run) * BLOCK_BYTES)
        const file = this.#o.extents.opened(Math.floor(at / SEGMENT_BLOCKS))
        if (file === undefined || !file.readNow(content, (at % SEGMENT_BLOCKS) * BLOCK_BYTES)) return false
        for (let r = 0; r < run; r++) {
          const one = run === 1 ? content : content.subarray(r * BLOCK_BYTES, (r + 1) * BLOCK_BYTES)
          if (blockChecksum(one, at + r, page.lsn(slot + r)) !== page.checksum(slot + r)) return false
        }
        i += run
      }
    }
    return true
  }

  /**
   * Blocks from `block` on, the first of which the last look-up found in the log, as far as they lie there one behind
   * the other (as one write put them), are committed, and `target` reaches. Returns how many; 0 when they cannot be had
   * at once.
   */
  #readLogNow(block: number, target: Uint8Array, commitLsn: number): number {
    const { dirty, log } = this.#o
    const { position } = dirty
    const most = Math.min(target.byteLength / BLOCK_BYTES, RUN_BLOCKS_MAX)
    let run = 1
    while (
      run < most &&
      isInLog(dirty.lookup(block + run)) &&
      dirty.lsn <= commitLsn &&
      dirty.position === position + run * BLOCK_BYTES
    ) {
      run++
    }
    const content = most === run ? target : target.subarray(0, run * BLOCK_BYTES)
    if (!log.readNow(content, position)) return 0
    for (let r = 0; r < run; r++) {
      if (most > 1) dirty.lookup(block + r)
      const one = run === 1 ? content : content.subarray(r * BLOCK_BYTES, (r + 1) * BLOCK_BYTES)
      if (blockChecksum(one, dirty.seedBlock, dirty.lsn) !== dirty.checksum) return 0
    }
    return run
  }

  /**
   * Fills `target` (whole blocks) from `block`. MEDIUM when a block is bad and no good copy can be had. What is newest is
   * shown once it is committed: what it replaced would be stale.
   */
  async read(block: number, target: Uint8Array): Promise<void> {
    await this.readAppended(block, target)
    const committed = this.#o.commitment.committed(this.#newestLsn(block, target.byteLength / BLOCK_BYTES))
    if (committed !== undefined) await committed
  }

  /** As `read`, committed or not: for what is not shown to anybody yet. */
  async readAppended(block: number, target: Uint8Array): Promise<void> {
    const blocks = target.byteLength / BLOCK_BYTES
    for (let i = 0; i < blocks; ) {
      const first = this.locateNow(block + i) ?? (await this.#o.views.locateAt(block + i, NEWEST)).source
      if (first.kind === 'unknown') throw unknownBlock(block + i)
      if (first.kind === 'origin') {
        let count = 1
        while (i + count < blocks && count < RUN_BLOCKS_MAX && this.#isOrigin(block + i + count)) count++
        await this.#o.views.readOrigin(block + i, target.subarray(i * BLOCK_BYTES, (i + count) * BLOCK_BYTES))
        i += count
        continue
      }
      if (first.kind === 'zeros') {
        target.fill(0, i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
        i++
        continue
      }
      const run = [first]
      while (i + run.length < blocks && run.length < RUN_BLOCKS_MAX) {
        const next = this.locateNow(block + i + run.length)
        if (
          next === undefined ||
          !isContent(next) ||
          !follows(run[run.length - 1]!, next, block + i + run.length)
        )
          break
        run.push(next)
      }
      const content = target.subarray(i * BLOCK_BYTES, (i + run.length) * BLOCK_BYTES)
      const isWhole = await this.#o.views.readRun(first, content)
      for (let r = 0; r < run.length; r++) {
        const one = content.subarray(r * BLOCK_BYTES, (r + 1) * BLOCK_BYTES)
        if (!isWhole || !matches(one, run[r]!)) await this.#o.views.readAt(block + i + r, NEWEST, one)
      }
      i += run.length
    }
  }

  /** The greatest LSN that any of these blocks had when they were read, or a greater one. */
  #newestLsn(block: number, blocks: number): number {
    const { dirty, commitment } = this.#o
    const isFlushedAhead = commitment.flushableLsn > commitment.lsn
    let newest = 0
    for (let i = 0; i < blocks; i++) {
      if (dirty.lookup(block + i) !== 'clean') newest = Math.max(newest, dirty.lsn)
      else if (isFlushedAhead) newest = Math.max(newest, this.#flushedLsn(block + i))
    }
    return newest
  }

  /** The LSN of a block that is in the extents, or a greater one. */
  #flushedLsn(block: number): number {
    const { map, commitment } = this.#o
    const page = map.getNow(Math.floor(block / PAGE_BLOCKS))
    return page?.lsn(block % PAGE_BLOCKS) ?? commitment.flushableLsn
  }

  #isOrigin(block: number): boolean {
    return this.locateNow(block)?.kind === 'origin'
  }

  /**
   * The newest version of `block`, without waiting; undefined when its map page is not in memory, or a restore that is not
   * flushed yet says what it is.
   */
  locateNow(block: number): Source | undefined {
    const { dirty, map } = this.#o
    const kind = dirty.lookup(block)
    if (kind === 'zeros') return { kind, lsn: dirty.lsn }
    if (kind === 'restored') return undefined
    if (kind !== 'clean') {
      const { lsn, position, checksum, seedBlock } = dirty
      return { kind: 'log', lsn, position, checksum, seedBlock }
    }
    const page = map.getNow(Math.floor(block / PAGE_BLOCKS))
    return page && mappedSource(page, block, this.#o.originBlocks())
  }
}

const isInLog = (kind: DirtyKind): boolean => kind === 'data' || kind === 'pattern'

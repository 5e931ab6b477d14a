/**
 * Reads: the dirty map first, then map and extents. Everything is verified against the checksum of exactly this
 * version of exactly this block (invariant 9). Two ways: `readNow` answers within the turn when log, map and
 * extents are in memory; `read` waits for the disk.
 *
 * A mismatch counts only if the block's newest version is still the one that was looked up before the read: a
 * block that was flushed, overwritten or recycled meanwhile is looked up again. What is really bad is fetched
 * from a peer or fails with MEDIUM, never zeros, never old data.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { RepairSource } from './api.ts'
import { blockChecksum } from './checksum.ts'
import type { Commitment } from './commitment.ts'
import type { DirtyKind, DirtyMap } from './dirty/dirty-map.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from './geometry.ts'
import type { LogFile } from './log/log-file.ts'
import type { BlockMap } from './map/block-map.ts'
import type { SegmentFiles } from './segments.ts'

export interface ReaderOptions {
  readonly dirty: DirtyMap
  readonly commitment: Commitment
  readonly map: BlockMap
  readonly log: LogFile
  readonly extents: SegmentFiles
  readonly repairSource: RepairSource | undefined
  /** A block failed its checksum for good, or was found good or repaired. */
  readonly onVerdict: (block: number, verdict: 'bad' | 'repaired') => void
  /** A good copy of a bad block: to be put back where it stood, if that is still its newest version. */
  readonly onRepair: (block: number, source: BlockSource, content: Uint8Array) => void
}

/** Where the content of a block's newest version is. */
export interface BlockSource {
  readonly kind: 'log' | 'extent'
  readonly lsn: number
  /** Log position, or block number. */
  readonly position: number
  readonly checksum: number
  /** The block with which the checksum was seeded: another one only for patterns. */
  readonly seedBlock: number
}
type Source =
  | BlockSource
  | { readonly kind: 'zeros'; readonly lsn: number }
  | { readonly kind: 'unknown'; readonly lsn: number }

/** A look-up that changes under the reader this often means a bug, not a race. */
const ATTEMPTS_MAX = 1000
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
      const first = await this.#locate(block + i)
      if (first.kind === 'unknown') throw unknownBlock(block + i)
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
      const isWhole = await this.#readRun(block + i, first, content)
      for (let r = 0; r < run.length; r++) {
        const one = content.subarray(r * BLOCK_BYTES, (r + 1) * BLOCK_BYTES)
        if (!isWhole || !matches(one, run[r]!)) await this.#readOne(block + i + r, one)
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

  /** The newest version of `block`, without waiting; undefined when its map page is not in memory. */
  locateNow(block: number): Source | undefined {
    const { dirty, map } = this.#o
    const kind = dirty.lookup(block)
    if (kind === 'zeros') return { kind, lsn: dirty.lsn }
    if (kind !== 'clean') {
      const { lsn, position, checksum, seedBlock } = dirty
      return { kind: 'log', lsn, position, checksum, seedBlock }
    }
    const page = map.getNow(Math.floor(block / PAGE_BLOCKS))
    if (page === undefined) return undefined
    const slot = block % PAGE_BLOCKS
    const lsn = page.lsn(slot)
    if (!page.hasContent(slot))
      return page.isUnknown(slot) ? { kind: 'unknown', lsn } : { kind: 'zeros', lsn }
    return { kind: 'extent', lsn, position: block, checksum: page.checksum(slot), seedBlock: block }
  }

  async #locate(block: number): Promise<Source> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const source = this.locateNow(block)
      if (source !== undefined) return source
      await this.#o.map.get(Math.floor(block / PAGE_BLOCKS))
    }
    throw new BlockError('BUSY', `block ${block}: its map page did not stay in memory`)
  }

  /** Reads the run that begins with `first`; false when the file ends in it or the disk gave an error. */
  async #readRun(block: number, first: BlockSource, content: Uint8Array): Promise<boolean> {
    try {
      if (first.kind === 'log') return await this.#o.log.read(content, first.position)
      const file = await this.#o.extents.get(Math.floor(block / SEGMENT_BLOCKS), false)
      if (file === undefined) return false
      return (await file.read(content, (block % SEGMENT_BLOCKS) * BLOCK_BYTES)) === content.byteLength
    } catch (error) {
      // an unreadable sector is what a bad checksum is: the copy here is gone
      if (isBlockError(error, 'DISK')) return false
      throw error
    }
  }

  /** One block that did not check out at first: looked up again until its version holds still. */
  async #readOne(block: number, target: Uint8Array): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const source = await this.#locate(block)
      if (source.kind === 'unknown') throw unknownBlock(block)
      if (source.kind === 'zeros') {
        target.fill(0)
        return
      }
      if ((await this.#readRun(block, source, target)) && matches(target, source)) return
      const now = await this.#locate(block)
      if (!isContent(now) || now.kind !== source.kind || now.lsn !== source.lsn) continue
      if (now.position !== source.position || now.checksum !== source.checksum) continue
      await this.#repair(block, source, target)
      return
    }
    throw new BlockError('BUSY', `block ${block} changed too often while it was read`)
  }

  async #repair(block: number, source: BlockSource, target: Uint8Array): Promise<void> {
    const { repairSource, onVerdict, onRepair } = this.#o
    const { lsn, seedBlock, checksum } = source
    const wanted = { block, lsn, crc32c: checksum, seedBlock }
    const copy = await repairSource?.(wanted)
    if (copy === undefined || !matches(copy, source)) {
      onVerdict(block, 'bad')
      throw new BlockError('MEDIUM', `block ${block} fails its checksum and no good copy could be had`, {
        facts: { block, offsetBytes: block * BLOCK_BYTES, lsn: source.lsn, from: source.kind },
      })
    }
    target.set(copy)
    onVerdict(block, 'repaired')
    onRepair(block, source, copy)
  }
}

const isInLog = (kind: DirtyKind): boolean => kind === 'data' || kind === 'pattern'

const isContent = (source: Source): source is BlockSource => source.kind === 'log' || source.kind === 'extent'

const unknownBlock = (block: number): BlockError =>
  new BlockError('MEDIUM', `what block ${block} holds is not known: its entry in the block map was damaged`, {
    facts: { block, offsetBytes: block * BLOCK_BYTES },
  })

const matches = (content: Uint8Array, source: BlockSource): boolean =>
  blockChecksum(content, source.seedBlock, source.lsn) === source.checksum

/** Whether `next`, the source of `block`, lies right behind `previous` in the same file. */
function follows(previous: BlockSource, next: BlockSource, block: number): boolean {
  if (next.kind !== previous.kind) return false
  if (next.position !== previous.position + (next.kind === 'log' ? BLOCK_BYTES : 1)) return false
  return next.kind === 'log' || block % SEGMENT_BLOCKS !== 0
}

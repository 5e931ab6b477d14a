/**
 * First pass of a flush: content goes from the log into the extents, in block order, neighbours together, a bounded
 * batch at a time; trimmed space is given back. Nothing of it shows: until the generation is dropped, every
 * reader finds these blocks through the dirty map.
 *
 * A damaged entry that a newer one replaces is left out; one that is needed stops the pass with MEDIUM.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Extent } from '../../base/ports/disk.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { DirtyRange } from '../dirty/range-table.ts'
import { SEGMENT_BLOCKS } from '../geometry.ts'
import type { SegmentFiles } from '../segments.ts'
import type { BlockRange, FlushPlan, PlannedBlock } from './flush-plan.ts'
import { damagedEntry, type LogContent } from './log-content.ts'
import type { Overtaken } from './overtaken.ts'

/** A batch is read and verified within one turn, in which nobody is served: few pieces, or few large ones. */
const BATCH_BLOCKS = 128
const BATCH_RUNS = 32

export interface ContentPassOptions {
  readonly plan: FlushPlan
  readonly content: LogContent
  readonly extents: SegmentFiles
  readonly pool: BufferPool
  /** Of a replica that waits for its base. */
  readonly overtaken: Overtaken | undefined
}

export interface ContentPassResult {
  readonly writtenBytes: number
  /** Blocks and ranges that were left out, and must not be mapped. */
  readonly skippedBlocks: ReadonlySet<number>
  readonly skippedRanges: ReadonlySet<DirtyRange>
}

/** Writes content and punches holes, then makes it durable. */
export async function writeContent(options: ContentPassOptions): Promise<ContentPassResult> {
  const pass = new ContentPass(options)
  const buffer = options.pool.acquire(BATCH_BLOCKS * BLOCK_BYTES)
  try {
    await pass.writeBlocks(buffer)
    const { plan, overtaken } = options
    for (const range of plan.ranges) {
      const uncovered = plan.uncovered(range)
      const parts = overtaken === undefined ? uncovered : await overtaken.left(uncovered, range.lsn)
      if (range.patternPosition < 0) await pass.punch(parts)
      else await pass.fill(range, parts, buffer)
    }
  } finally {
    options.pool.release(buffer)
  }
  await pass.sync()
  return pass
}

/** The pattern block of `range`, as the log has it. */
export const patternOf = (range: DirtyRange) => ({
  block: range.start,
  lsn: range.lsn,
  position: range.patternPosition,
  checksum: range.patternChecksum,
  seedBlock: range.patternBlock,
})

class ContentPass implements ContentPassResult {
  readonly #o: ContentPassOptions
  readonly #touched = new Set<number>()
  writtenBytes = 0
  readonly skippedBlocks = new Set<number>()
  readonly skippedRanges = new Set<DirtyRange>()

  constructor(options: ContentPassOptions) {
    this.#o = options
  }

  async writeBlocks(buffer: Uint8Array): Promise<void> {
    const { plan, overtaken } = this.#o
    let batch: PlannedBlock[] = []
    let segment = -1
    let runs = 0
    for (const block of plan.blocks) {
      const planned = plan.content(block)
      if (planned === undefined) continue
      if (overtaken !== undefined && (await overtaken.has(block, planned.lsn))) continue
      const at = Math.floor(block / SEGMENT_BLOCKS)
      const last = batch.at(-1)
      const isNewRun = last === undefined || !follows(last, planned)
      const isFull = batch.length === BATCH_BLOCKS || (isNewRun && runs === BATCH_RUNS)
      if (last !== undefined && (isFull || at !== segment)) {
        await this.#writeBatch(segment, batch, buffer)
        batch = []
        runs = 0
      }
      if (isNewRun || batch.length === 0) runs++
      segment = at
      batch.push(planned)
    }
    if (batch.length > 0) await this.#writeBatch(segment, batch, buffer)
  }

  /** What one write put into the log lies there in one piece, and is read and written in one piece. */
  async #writeBatch(segment: number, batch: readonly PlannedBlock[], buffer: Uint8Array): Promise<void> {
    const { content } = this.#o
    const extents: Extent[] = []
    let usedBytes = 0
    const take = (block: number, blocks: number): void => {
      const data = buffer.subarray(usedBytes, usedBytes + blocks * BLOCK_BYTES)
      extents.push({ offsetBytes: (block % SEGMENT_BLOCKS) * BLOCK_BYTES, data })
      usedBytes += data.byteLength
    }
    for (let i = 0; i < batch.length; ) {
      const run = runLength(batch, i)
      const target = buffer.subarray(usedBytes, usedBytes + run * BLOCK_BYTES)
      if (content.readRunNow(target, batch, i, run)) {
        take(batch[i]!.block, run)
        i += run
        continue
      }
      for (const end = i + run; i < end; i++) {
        const planned = batch[i]!
        const { block } = planned
        if (await content.read(buffer.subarray(usedBytes, usedBytes + BLOCK_BYTES), planned)) {
          take(block, 1)
          continue
        }
        if (!content.isReplaced(block, planned.lsn)) throw damagedEntry(planned)
        this.skippedBlocks.add(block)
      }
    }
    if (extents.length > 0) await this.#write(segment, extents)
  }

  async punch(parts: Iterable<BlockRange>): Promise<void> {
    for (const part of parts) {
      let start = part.start
      while (start < part.end) {
        const segment = Math.floor(start / SEGMENT_BLOCKS)
        const end = Math.min(part.end, (segment + 1) * SEGMENT_BLOCKS)
        const file = await this.#o.extents.get(segment, false)
        if (file !== undefined) {
          await file.punchHole((start % SEGMENT_BLOCKS) * BLOCK_BYTES, (end - start) * BLOCK_BYTES)
          this.#touched.add(segment)
        }
        start = end
      }
    }
  }

  async fill(range: DirtyRange, parts: Iterable<BlockRange>, buffer: Uint8Array): Promise<void> {
    const { content } = this.#o
    const pattern = buffer.subarray(0, BLOCK_BYTES)
    if (!(await content.read(pattern, patternOf(range)))) {
      for (const { start, end } of parts) {
        for (let block = start; block < end; block++) {
          if (!content.isReplaced(block, range.lsn)) throw damagedEntry({ block, lsn: range.lsn })
        }
      }
      this.skippedRanges.add(range)
      return
    }
    for (const part of parts) {
      for (let start = part.start; start < part.end; ) {
        const segment = Math.floor(start / SEGMENT_BLOCKS)
        const end = Math.min(part.end, (segment + 1) * SEGMENT_BLOCKS, start + BATCH_BLOCKS)
        const extents: Extent[] = []
        for (let block = start; block < end; block++) {
          extents.push({ offsetBytes: (block % SEGMENT_BLOCKS) * BLOCK_BYTES, data: pattern })
        }
        await this.#write(segment, extents)
        start = end
      }
    }
  }

  async #write(segment: number, extents: readonly Extent[]): Promise<void> {
    const file = await this.#o.extents.get(segment, true)
    this.#touched.add(segment)
    await file?.writeMany(extents)
    for (const { data } of extents) this.writtenBytes += data.byteLength
  }

  async sync(): Promise<void> {
    await this.#o.extents.datasync(this.#touched)
  }
}

/** How many blocks from `first` on are neighbours on the volume and lie one behind the other in the log. */
function runLength(batch: readonly PlannedBlock[], first: number): number {
  let end = first + 1
  while (end < batch.length && follows(batch[end - 1]!, batch[end]!)) end++
  return end - first
}

const follows = (previous: PlannedBlock, next: PlannedBlock): boolean =>
  next.block === previous.block + 1 && next.position === previous.position + BLOCK_BYTES

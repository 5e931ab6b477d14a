/**
 * First pass of a flush: content goes from the log into the extents, in block order, neighbours together, a bounded
 * batch at a time; trimmed space is given back. Nothing of it shows: until the generation is dropped, every
 * reader finds these blocks through the dirty map.
 */

import type { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Extent } from '../../base/ports/disk.ts'
import { BLOCK_BYTES, blockNumber, lsn as toLsn } from '../../base/units.ts'
import type { RepairSource } from '../api.ts'
import { blockChecksum } from '../checksum.ts'
import type { DirtyMap } from '../dirty/dirty-map.ts'
import type { DirtyRange } from '../dirty/range-table.ts'
import { SEGMENT_BLOCKS } from '../geometry.ts'
import type { LogFile } from '../log/log-file.ts'
import type { SegmentFiles } from '../segments.ts'
import type { FlushPlan } from './flush-plan.ts'

const BATCH_BLOCKS = 128

export interface ContentPassOptions {
  readonly plan: FlushPlan
  readonly dirty: DirtyMap
  readonly log: LogFile
  readonly extents: SegmentFiles
  readonly pool: BufferPool
  readonly clock: Clock
  readonly repairSource: RepairSource | undefined
}

export interface ContentPassResult {
  readonly writtenBytes: number
  /** Blocks whose log entry is bad and that a newer entry replaces anyway: not written, not to be mapped. */
  readonly skipped: ReadonlySet<number>
}

/** Writes content and punches holes, then makes it durable. */
export async function writeContent(options: ContentPassOptions): Promise<ContentPassResult> {
  const pass = new ContentPass(options)
  const buffer = options.pool.acquire(BATCH_BLOCKS * BLOCK_BYTES)
  try {
    await pass.writeBlocks(buffer)
    for (const range of options.plan.ranges) {
      if (range.patternPosition < 0) await pass.punch(range)
      else await pass.fill(range, buffer)
    }
  } finally {
    options.pool.release(buffer)
  }
  await pass.sync()
  return pass
}

interface WantedBlock {
  readonly block: number
  readonly lsn: number
  readonly position: number
  readonly checksum: number
  /** The block with which the checksum was seeded. */
  readonly seedBlock: number
}

const isWanted = (content: Uint8Array, wanted: WantedBlock): boolean =>
  blockChecksum(content, wanted.seedBlock, wanted.lsn) === wanted.checksum

class ContentPass implements ContentPassResult {
  readonly #o: ContentPassOptions
  readonly #touched = new Set<number>()
  writtenBytes = 0
  readonly skipped = new Set<number>()

  constructor(options: ContentPassOptions) {
    this.#o = options
  }

  async writeBlocks(buffer: Uint8Array): Promise<void> {
    const { plan } = this.#o
    let extents: Extent[] = []
    let segment = -1
    for (const block of plan.blocks) {
      const planned = plan.content(block)
      if (planned === undefined) continue
      const at = Math.floor(block / SEGMENT_BLOCKS)
      if (extents.length === BATCH_BLOCKS || (at !== segment && extents.length > 0)) {
        await this.#write(segment, extents)
        extents = []
      }
      segment = at
      const start = extents.length * BLOCK_BYTES
      const target = buffer.subarray(start, start + BLOCK_BYTES)
      const isRead = this.#o.log.readNow(target, planned.position)
      if (!isRead || blockChecksum(target, block, planned.lsn) !== planned.checksum) {
        if (!(await this.#readWaiting(target, { ...planned, seedBlock: block }))) {
          this.skipped.add(block)
          continue
        }
      }
      extents.push({ offsetBytes: (block % SEGMENT_BLOCKS) * BLOCK_BYTES, data: target })
    }
    if (extents.length > 0) await this.#write(segment, extents)
  }

  /** False when the entry is bad and a newer one replaces it. MEDIUM when it is bad and needed. */
  async #readWaiting(target: Uint8Array, wanted: WantedBlock): Promise<boolean> {
    const { log, dirty } = this.#o
    if ((await log.read(target, wanted.position)) && isWanted(target, wanted)) return true
    if (dirty.lookup(wanted.block) !== 'clean' && dirty.lsn > wanted.lsn) return false
    await this.#readNeeded(target, wanted)
    return true
  }

  /** From the log or from a peer; MEDIUM when neither has it. */
  async #readNeeded(target: Uint8Array, wanted: WantedBlock): Promise<void> {
    const { log, repairSource } = this.#o
    if ((await log.read(target, wanted.position)) && isWanted(target, wanted)) return
    const copy = await repairSource?.({
      block: blockNumber(wanted.seedBlock),
      lsn: toLsn(wanted.lsn),
      crc32c: wanted.checksum,
    })
    if (copy === undefined || !isWanted(copy, wanted)) {
      throw new BlockError(
        'MEDIUM',
        `the log entry with LSN ${wanted.lsn} of block ${wanted.block} is damaged; it stays in the log until the block is written again`,
        { facts: { lsn: wanted.lsn, block: wanted.block, offsetBytes: wanted.block * BLOCK_BYTES } },
      )
    }
    target.set(copy)
  }

  async punch(range: DirtyRange): Promise<void> {
    for (const part of this.#o.plan.uncovered(range)) {
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

  async fill(range: DirtyRange, buffer: Uint8Array): Promise<void> {
    const pattern = buffer.subarray(0, BLOCK_BYTES)
    const { patternPosition: position, patternChecksum: checksum, patternBlock: seedBlock, lsn } = range
    // a pattern stands for many blocks: that one of them was written again does not make it dispensable
    await this.#readNeeded(pattern, { block: range.start, lsn, position, checksum, seedBlock })
    for (const part of this.#o.plan.uncovered(range)) {
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
    this.writtenBytes += extents.length * BLOCK_BYTES
  }

  async sync(): Promise<void> {
    await this.#o.extents.datasync(this.#touched)
  }
}

/**
 * What a frozen generation means for the disk, in ascending block order: which blocks get content from the log,
 * which ranges are punched or filled. Pure; computed lazily, so that a range of billions of blocks costs nothing.
 */
import type { Generation } from '../dirty/dirty-map.ts'
import type { DirtyRange } from '../dirty/range-table.ts'

export interface PlannedBlock {
  readonly block: number
  readonly lsn: number
  readonly position: number
  readonly checksum: number
  readonly seedBlock: number
}

/** Blocks [start, end). */
export interface BlockRange {
  readonly start: number
  readonly end: number
}

export class FlushPlan {
  readonly #generation: Generation
  readonly #sorted: Float64Array

  constructor(generation: Generation) {
    this.#generation = generation
    this.#sorted = generation.blocks.sortedBlocks()
  }

  /** All single blocks of the generation, ascending, also those that a newer range covers. */
  get blocks(): Float64Array {
    return this.#sorted
  }

  get ranges(): readonly DirtyRange[] {
    return this.#generation.ranges.ranges
  }

  /** The newest single write of `block`; undefined when a newer range covers it. */
  content(block: number): PlannedBlock | undefined {
    const { blocks, ranges } = this.#generation
    const slot = blocks.find(block)
    const lsn = blocks.lsn(slot)
    const range = ranges.size === 0 ? undefined : ranges.find(block)
    if (range !== undefined && range.lsn > lsn) return undefined
    return { block, lsn, position: blocks.position(slot), checksum: blocks.checksum(slot), seedBlock: block }
  }

  /** Whether a single write of `block` is its newest entry here. */
  isContent(block: number): boolean {
    const { blocks, ranges } = this.#generation
    const slot = blocks.find(block)
    return slot >= 0 && blocks.lsn(slot) > (ranges.find(block)?.lsn ?? 0)
  }

  /** The range that covers `block`. */
  rangeOf(block: number): DirtyRange | undefined {
    return this.#generation.ranges.find(block)
  }

  /** The parts of `range` that no newer single write replaced. */
  *uncovered(range: DirtyRange): Generator<BlockRange> {
    let start = range.start
    for (let i = this.#firstAtOrAfter(range.start); i < this.#sorted.length; i++) {
      const block = this.#sorted[i]!
      if (block >= range.end) break
      const slot = this.#generation.blocks.find(block)
      if (this.#generation.blocks.lsn(slot) < range.lsn) continue
      if (block > start) yield { start, end: block }
      start = block + 1
    }
    if (start < range.end) yield { start, end: range.end }
  }

  #firstAtOrAfter(block: number): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#sorted[middle]! < block) low = middle + 1
      else high = middle
    }
    return low
  }
}

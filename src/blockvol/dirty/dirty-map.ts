/**
 * The dirty map: for every block that the log holds a newer version of than extents and map do, where that
 * version is. A list of generations, newest last: new entries go to the last; the flusher freezes it by starting
 * another, writes the oldest out and drops it whole. So nothing is ever deleted one by one. Snapshots are boundaries
 * between generations, and a restore is a generation without blocks (recorder.ts).
 */
import { assert } from '../../base/assert.ts'
import { BlockTable } from './block-table.ts'
import { type DirtyRange, RangeTable } from './range-table.ts'

/** A restore: every block is as it was at `snapshotLsn`, from `lsn` on. */
export interface RestoreMark {
  readonly lsn: number
  readonly snapshotLsn: number
}

export class Generation {
  readonly blocks = new BlockTable()
  readonly ranges = new RangeTable()
  #newestLsn: number
  #restore: RestoreMark | undefined

  /** `newestLsn`: of the generations before it. */
  constructor(newestLsn = 0) {
    this.#newestLsn = newestLsn
  }

  /** Of a generation that is nothing but a restore. */
  get restore(): RestoreMark | undefined {
    return this.#restore
  }

  /** Of what is here, or, while nothing is, of what was before: it never falls from one generation to the next. */
  get newestLsn(): number {
    return this.#newestLsn
  }

  get isEmpty(): boolean {
    return this.blocks.size === 0 && this.ranges.size === 0 && this.#restore === undefined
  }

  /** Of the newest entry here that is of `block`; undefined when there is none. */
  lsnOf(block: number): number | undefined {
    const slot = this.blocks.size === 0 ? -1 : this.blocks.find(block)
    const range = this.ranges.size === 0 ? undefined : this.ranges.find(block)
    if (slot < 0) return range?.lsn
    return Math.max(this.blocks.lsn(slot), range?.lsn ?? 0)
  }

  /** Makes it a restore. It has no blocks, and gets none. */
  markRestored(mark: RestoreMark): void {
    assert(this.isEmpty, 'a restore is a generation of its own')
    this.#restore = mark
    this.#newestLsn = mark.lsn
  }

  putBlock(block: number, lsn: number, position: number, checksum: number): void {
    if (lsn > this.#newestLsn) this.#newestLsn = lsn
    this.blocks.put(block, lsn, position, checksum)
  }

  putRange(range: DirtyRange): void {
    if (range.lsn > this.#newestLsn) this.#newestLsn = range.lsn
    this.ranges.put(range)
  }
}

/** What the dirty map knows of one block. `restored`: a restore is newer than anything else of it here. */
export type DirtyKind = 'clean' | 'data' | 'zeros' | 'pattern' | 'restored'

export class DirtyMap {
  readonly #generations: Generation[]
  /** Results of the last `lookup`, kept in fields so that a look-up allocates nothing. */
  lsn = 0
  position = 0
  checksum = 0
  /** For a pattern: the block with which its checksum was seeded. */
  seedBlock = 0
  /** Of the newest restore that was ever recorded here, flushed or not. */
  newestRestoreLsn = 0
  /** Of the newest restore that was flushed since the volume was opened. */
  flushedRestoreLsn = 0
  /** For kind `restored`: as of where the block is. */
  snapshotLsn = 0
  /** For kind `restored`: index of the restore among the generations. */
  index = 0

  constructor(first: Generation = new Generation()) {
    this.#generations = [first]
  }

  /** Oldest first; the last one is active. */
  get generations(): readonly Generation[] {
    return this.#generations
  }

  get active(): Generation {
    return this.#generations[this.#generations.length - 1]!
  }

  /** The oldest generation, when it is frozen. */
  get frozen(): Generation | undefined {
    return this.#generations.length > 1 ? this.#generations[0] : undefined
  }

  get isEmpty(): boolean {
    return this.#generations.every((generation) => generation.isEmpty)
  }

  /** Blocks and ranges held, over all generations. */
  get blockCount(): number {
    return this.#generations.reduce((sum, generation) => sum + generation.blocks.size, 0)
  }
  get rangeCount(): number {
    return this.#generations.reduce((sum, generation) => sum + generation.ranges.size, 0)
  }

  /** The active generation, which is empty, becomes a restore. */
  markRestored(mark: RestoreMark): void {
    this.active.markRestored(mark)
    this.newestRestoreLsn = mark.lsn
  }

  /** Freezes the active generation and starts another. */
  freeze(): Generation {
    const frozen = this.active
    this.#generations.push(new Generation(frozen.newestLsn))
    return frozen
  }

  /** Drops the oldest generation, whose blocks are in extents and map now. */
  drop(generation: Generation): void {
    assert(this.#generations[0] === generation, 'generations are dropped oldest first')
    assert(this.#generations.length > 1, 'the active generation is never dropped')
    this.#generations.shift()
    if (generation.restore !== undefined) this.flushedRestoreLsn = generation.restore.lsn
  }

  /** Looks `block` up; fills `lsn`, `position`, `checksum`, `seedBlock`, `snapshotLsn` as far as they apply. */
  lookup(block: number): DirtyKind {
    return this.#lookup(block, this.#generations.length - 1)
  }

  /** As `lookup`, of generations without anything above `lsn`: what a snapshot of that LSN sees here. */
  lookupAt(block: number, lsn: number): DirtyKind {
    // looked for by halving: a look-up through many restores asks this of each of them
    let low = 0
    let high = this.#generations.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#generations[middle]!.newestLsn <= lsn) low = middle + 1
      else high = middle
    }
    return this.#lookup(block, low - 1)
  }

  #lookup(block: number, newest: number): DirtyKind {
    for (let g = newest; g >= 0; g--) {
      const { blocks, ranges, restore } = this.#generations[g]!
      if (restore !== undefined) {
        this.lsn = restore.lsn
        this.snapshotLsn = restore.snapshotLsn
        this.index = g
        return 'restored'
      }
      const slot = blocks.size === 0 ? -1 : blocks.find(block)
      const range = ranges.size === 0 ? undefined : ranges.find(block)
      if (slot < 0 && range === undefined) continue
      if (range === undefined || (slot >= 0 && blocks.lsn(slot) > range.lsn)) {
        this.lsn = blocks.lsn(slot)
        this.position = blocks.position(slot)
        this.checksum = blocks.checksum(slot)
        this.seedBlock = block
        return 'data'
      }
      this.lsn = range.lsn
      this.position = range.patternPosition
      this.checksum = range.patternChecksum
      this.seedBlock = range.patternBlock
      return range.patternPosition < 0 ? 'zeros' : 'pattern'
    }
    return 'clean'
  }
}

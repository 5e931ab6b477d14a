/**
 * Ranges of blocks that one entry set alike (trimmed, zeroed, or filled with a pattern): disjoint, sorted, newest
 * wins. Entries arrive in LSN order. Insertion moves the tail of the arrays, which is why the engine bounds the
 * number of ranges per generation.
 */
import { assert } from '../../base/assert.ts'

export interface DirtyRange {
  /** [start, end), blocks. */
  readonly start: number
  readonly end: number
  readonly lsn: number
  /** Log position of the pattern's block; −1 for a range that reads as zeros. */
  readonly patternPosition: number
  /** Checksum of the pattern as the log has it (seeded with the range's first block as written). */
  readonly patternChecksum: number
  readonly patternBlock: number
  /**
   * Of a range that reads as zeros: an older range filled these blocks, in this generation. The map never hears of that
   * one, and yet a trim has to leave tombstones here: another replica may have flushed it.
   */
  readonly isTouched: boolean
}

export class RangeTable {
  #ranges: DirtyRange[] = []
  #newestLsn = 0

  get size(): number {
    return this.#ranges.length
  }

  get ranges(): readonly DirtyRange[] {
    return this.#ranges
  }

  /** Index of the first range that ends after `block`. */
  #firstEndingAfter(block: number): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ranges[middle]!.end > block) high = middle
      else low = middle + 1
    }
    return low
  }

  /** The range that holds `block`. */
  find(block: number): DirtyRange | undefined {
    const range = this.#ranges[this.#firstEndingAfter(block)]
    return range !== undefined && range.start <= block ? range : undefined
  }

  /** Start of the next range at or after `block`, or Infinity; tells how far a look-up of no range holds. */
  nextStart(block: number): number {
    return this.#ranges[this.#firstEndingAfter(block)]?.start ?? Number.POSITIVE_INFINITY
  }

  /** Lays `range` over what is there; its LSN is above all before it. */
  put(range: DirtyRange): void {
    assert(range.lsn > this.#newestLsn, 'ranges arrive in LSN order')
    assert(range.end > range.start, 'a range has blocks')
    this.#newestLsn = range.lsn
    const from = this.#firstEndingAfter(range.start)
    let to = from
    const pieces: DirtyRange[] = []
    let rest = range
    for (; to < this.#ranges.length; to++) {
      const old = this.#ranges[to]!
      if (old.start >= range.end) break
      if (old.start < range.start) pieces.push({ ...old, end: range.start })
      if (range.patternPosition >= 0 || (old.patternPosition < 0 && !old.isTouched)) continue
      const start = Math.max(old.start, range.start)
      const end = Math.min(old.end, range.end)
      if (start > rest.start) pieces.push({ ...rest, end: start })
      pieces.push({ ...range, start, end, isTouched: true })
      rest = { ...range, start: end }
    }
    if (rest.start < rest.end) pieces.push(rest)
    const last = this.#ranges[to - 1]
    if (to > from && last !== undefined && last.end > range.end) pieces.push({ ...last, start: range.end })
    this.#ranges.splice(from, to - from, ...pieces)
  }
}

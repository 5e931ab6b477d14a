/**
 * Pages of the block map as sorted ranges: what a resync has to look at whatever the maxima say. Bounded: where it would
 * have too many ranges, those with the least between them become one, so it may hold pages that were not put in, and never
 * misses one that was.
 */
import { assert } from '../../base/assert.ts'

/** Most ranges of a set: so many fit one UNKNOWN frame. */
export const RANGES_MAX = 4000
/** Ranges that are gathered before they are sorted and joined. */
const GATHER_MAX = 4 * RANGES_MAX

/** Pages [start, end). */
export interface PageRange {
  readonly start: number
  readonly end: number
}

export class PageSet {
  static readonly NONE = new PageSet([])
  /** Ascending, none touching the next. */
  readonly ranges: readonly PageRange[]

  private constructor(ranges: readonly PageRange[]) {
    this.ranges = ranges
  }

  /** The pages of `ranges`, which may overlap and come in any order; perhaps more. */
  static of(ranges: Iterable<PageRange>): PageSet {
    let gathered: PageRange[] = []
    for (const range of ranges) {
      assert(range.start < range.end, 'a range has pages')
      const last = gathered.at(-1)
      if (last !== undefined && last.start <= range.start && range.start <= last.end) {
        if (range.end > last.end) gathered[gathered.length - 1] = { start: last.start, end: range.end }
        continue
      }
      gathered.push(range)
      if (gathered.length > GATHER_MAX) gathered = bounded(joined(gathered))
    }
    return new PageSet(bounded(joined(gathered)))
  }

  get isEmpty(): boolean {
    return this.ranges.length === 0
  }

  /** The first page of the set at or after `page`; Infinity when there is none. */
  next(page: number): number {
    let low = 0
    let high = this.ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.ranges[middle]!.end > page) high = middle
      else low = middle + 1
    }
    const range = this.ranges[low]
    return range === undefined ? Number.POSITIVE_INFINITY : Math.max(page, range.start)
  }

  has(page: number): boolean {
    return this.next(page) === page
  }
}

/** Sorted, with what overlaps or touches in one piece. */
function joined(ranges: PageRange[]): PageRange[] {
  const all: PageRange[] = []
  for (const range of ranges.sort((a, b) => a.start - b.start)) {
    const last = all.at(-1)
    if (last === undefined || range.start > last.end) all.push(range)
    else if (range.end > last.end) all[all.length - 1] = { start: last.start, end: range.end }
  }
  return all
}

/** At most `RANGES_MAX`: the widest gaps stay. */
function bounded(ranges: PageRange[]): PageRange[] {
  if (ranges.length <= RANGES_MAX) return ranges
  const gaps = ranges.slice(1).map(({ start }, i) => ({ after: i, pages: start - ranges[i]!.end }))
  gaps.sort((a, b) => b.pages - a.pages)
  const ends = gaps.slice(0, RANGES_MAX - 1).map(({ after }) => after)
  ends.sort((a, b) => a - b)
  ends.push(ranges.length - 1)
  let first = 0
  return ends.map((last) => {
    const range = { start: ranges[first]!.start, end: ranges[last]!.end }
    first = last + 1
    return range
  })
}

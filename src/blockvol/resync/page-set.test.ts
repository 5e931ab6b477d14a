import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PageRange, PageSet, RANGES_MAX } from './page-set.ts'

const ranges = fc.array(
  fc
    .tuple(fc.nat(300), fc.integer({ min: 1, max: 12 }))
    .map(([start, count]): PageRange => ({ start, end: start + count })),
  { maxLength: 60 },
)

describe('a set of pages', () => {
  it('has exactly the pages that were put in, and finds the next one', () => {
    fc.assert(
      fc.property(ranges, (list) => {
        const set = PageSet.of(list)
        const meant = new Set(
          list.flatMap(({ start, end }) => [...Array(end - start).keys()].map((i) => start + i)),
        )
        let next = Number.POSITIVE_INFINITY
        for (let page = 320; page >= 0; page--) {
          if (meant.has(page)) next = page
          expect(set.has(page)).toBe(meant.has(page))
          expect(set.next(page)).toBe(next)
        }
        set.ranges.forEach(({ start }, i) => {
          if (i > 0) expect(start).toBeGreaterThan(set.ranges[i - 1]!.end)
        })
        expect(set.isEmpty).toBe(list.length === 0)
      }),
      { numRuns: 300 },
    )
  })

  it('is bounded: of more ranges those with the least between them become one, and no page is missed', () => {
    const starts = Array.from({ length: 5 * RANGES_MAX }, (_, i) => 10 * i + (i % 2 === 0 ? 0 : 4))
    const set = PageSet.of(starts.map((start) => ({ start, end: start + 1 })))
    expect(set.ranges.length).toBeLessThanOrEqual(RANGES_MAX)
    for (const start of starts) expect(set.has(start)).toBe(true)
    const few = PageSet.of(
      Array.from({ length: RANGES_MAX + 1 }, (_, i) => ({
        start: 10 * i + (i === 7 ? -5 : 0),
        end: 10 * i + 1,
      })),
    )
    expect(few.ranges).toHaveLength(RANGES_MAX)
    expect(few.ranges[6]).toEqual({ start: 60, end: 71 })
  })
})

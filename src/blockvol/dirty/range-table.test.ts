import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DirtyRange, RangeTable } from './range-table.ts'

const BLOCKS = 80

const trim = (start: number, end: number, lsn: number): DirtyRange => ({
  start,
  end,
  lsn,
  patternPosition: -1,
  patternChecksum: 0,
  patternBlock: start,
  isTouched: false,
})

/** Ranges over a small stretch that begins anywhere below 2^34, in LSN order. */
const cases = fc.record({
  base: fc.integer({ min: 0, max: 2 ** 34 - BLOCKS }),
  spans: fc.array(fc.tuple(fc.nat(BLOCKS - 1), fc.integer({ min: 1, max: 30 })), { maxLength: 60 }),
})

describe('the table of dirty ranges', () => {
  it('knows for each block the last range that was laid over it', () => {
    fc.assert(
      fc.property(cases, ({ base, spans }) => {
        const table = new RangeTable()
        const naive: (DirtyRange | undefined)[] = Array.from({ length: BLOCKS })
        spans.forEach(([offset, length], i) => {
          const end = Math.min(BLOCKS, offset + length)
          const range = trim(base + offset, base + end, i + 1)
          table.put(range)
          naive.fill(range, offset, end)
        })
        naive.forEach((range, i) => {
          const found = table.find(base + i)
          expect(found?.lsn).toBe(range?.lsn)
          expect(found?.patternBlock).toBe(range?.patternBlock)
        })
        expect(table.find(base - 1)).toBeUndefined()
        expect(table.find(base + BLOCKS)).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })

  it('stays sorted and disjoint, and tells where the next range begins', () => {
    fc.assert(
      fc.property(cases, ({ base, spans }) => {
        const table = new RangeTable()
        spans.forEach(([offset, length], i) => {
          table.put(trim(base + offset, base + offset + length, i + 1))
        })
        let end = 0
        for (const range of table.ranges) {
          expect(range.start).toBeGreaterThanOrEqual(end)
          expect(range.end).toBeGreaterThan(range.start)
          end = range.end
        }
        expect(table.size).toBe(table.ranges.length)
        for (let block = base; block < base + BLOCKS; block++) {
          const next = table.ranges.find((range) => range.end > block)?.start ?? Number.POSITIVE_INFINITY
          expect(table.nextStart(block)).toBe(next)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('splits a range that a newer one cuts in the middle', () => {
    const table = new RangeTable()
    table.put(trim(0, 2 ** 34, 1))
    table.put(trim(100, 200, 2))
    expect(table.ranges.map(({ start, end, lsn }) => [start, end, lsn])).toEqual([
      [0, 100, 1],
      [100, 200, 2],
      [200, 2 ** 34, 1],
    ])
  })

  it('remembers where a range of zeros covers what a pattern filled', () => {
    const table = new RangeTable()
    table.put({ ...trim(10, 20, 1), patternPosition: 4096 })
    table.put({ ...trim(30, 40, 2), patternPosition: 8192 })
    table.put(trim(0, 35, 3))
    table.put(trim(12, 14, 4))
    table.put({ ...trim(16, 18, 5), patternPosition: 4096 })
    expect(table.ranges.map(({ start, end, lsn, isTouched }) => [start, end, lsn, isTouched])).toEqual([
      [0, 10, 3, false],
      [10, 12, 3, true],
      [12, 14, 4, true],
      [14, 16, 3, true],
      [16, 18, 5, false],
      [18, 20, 3, true],
      [20, 30, 3, false],
      [30, 35, 3, true],
      [35, 40, 2, false],
    ])
  })

  it('takes ranges in LSN order only, and none without blocks', () => {
    const table = new RangeTable()
    table.put(trim(0, 10, 5))
    expect(() => table.put(trim(20, 30, 5))).toThrow('ranges arrive in LSN order')
    expect(() => table.put(trim(20, 20, 6))).toThrow('a range has blocks')
  })
})

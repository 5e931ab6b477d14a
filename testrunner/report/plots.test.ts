import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shortNumber, ticks } from './axis.ts'
import { harmBands } from './harm.ts'
import { segmentsOf } from './plot-svg.ts'
import { POINTS_MAX, Series } from './series.ts'

describe('axes', () => {
  it('have round numbers', () => {
    expect(ticks(0, 9, 4)).toEqual([0, 5, 10])
    expect(ticks(0, 1900, 4)).toEqual([0, 500, 1000, 1500, 2000])
    expect(ticks(5, 5, 4)).toEqual([4, 6, 8, 10])
    expect([1234, 20_000, 3.456e6, 0.0125, 7e9].map(shortNumber)).toEqual([
      '1230',
      '20k',
      '3.46M',
      '0.0125',
      '7G',
    ])
  })

  it('cover all values, ascending, with few marks', () => {
    const values = fc.double({ min: -1e100, max: 1e100, noNaN: true })
    fc.assert(
      fc.property(values, values, (a, b) => {
        const [min, max] = [Math.min(a, b), Math.max(a, b)]
        const all = ticks(min, max, 4)
        expect(all.length).toBeGreaterThanOrEqual(2)
        expect(all.length).toBeLessThanOrEqual(14)
        expect(all[0]!).toBeLessThanOrEqual(min + Math.abs(min) * 1e-9 + 1e-90)
        expect(all.at(-1)!).toBeGreaterThanOrEqual(max - Math.abs(max) * 1e-9 - 1e-90)
        for (let at = 1; at < all.length; at++) expect(all[at]!).toBeGreaterThan(all[at - 1]!)
      }),
    )
  })
})

describe('harm', () => {
  const mark = (atMs: number, isHarm: boolean) => ({ atMs, what: '', isHarm })

  it('lasts from the first that begins to the last that ends', () => {
    expect(harmBands([mark(1, true), mark(2, true), mark(3, false), mark(5, false)], 9)).toEqual([
      { startMs: 1, endMs: 5 },
    ])
  })

  it('that nobody ended lasts to the end', () => {
    expect(harmBands([mark(0, false), mark(4, true)], 9)).toEqual([{ startMs: 4, endMs: 9 }])
  })
})

describe('a series', () => {
  it('stays bounded and keeps its peaks', () => {
    const series = new Series('x', 'ms')
    for (let at = 0; at < 50_000; at++)
      series.add({ atMs: at, value: at === 30_001 ? 99 : at === 7 ? -5 : 1 })
    const values = series.points.map(({ value }) => value)
    expect(values.length).toBeLessThanOrEqual(POINTS_MAX)
    expect([Math.max(...values), Math.min(...values)]).toEqual([99, -5])
    expect(series.summary()).toMatchObject({ count: 50_000, min: -5, max: 99, last: 1 })
    const times = series.points.map(({ atMs }) => atMs)
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  it('leaves out what is no number', () => {
    const series = new Series('x', '')
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1e300]) series.add({ atMs: 0, value })
    expect(series.summary()).toBeNull()
  })

  it('has no line where nothing was measured', () => {
    const points = [0, 1, 2, 3, 50, 51].map((atMs) => ({ atMs, value: 1 }))
    expect(segmentsOf(points).map(({ length }) => length)).toEqual([4, 2])
    expect(segmentsOf([]).length).toBe(0)
  })

  it('has one line where old samples are thinner than new ones', () => {
    const old = Array.from({ length: 2000 }, (_, at) => ({ atMs: at * 64, value: 1 }))
    const fresh = Array.from({ length: 2000 }, (_, at) => ({ atMs: 128_000 + at, value: 1 }))
    expect(segmentsOf([...old, ...fresh]).length).toBe(1)
  })
})

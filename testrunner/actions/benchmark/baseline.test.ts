import { describe, expect, it } from 'vitest'
import { lastFigures } from './baseline-file.ts'
import { compareFigures, figuresIn } from './compare-figures.ts'

const LIMITS = { p99Percent: 10, iopsPercent: 5 }

describe('figures of a benchmark', () => {
  it('are rates and latencies, by where they stand', () => {
    const result = {
      generator: 'basalt',
      read: { operations: 10, iops: 900, bytes_per_second: 1, p50_us: 80, p99_us: 400 },
      write: null,
      tps: 12,
    }
    expect(figuresIn(result)).toEqual({ 'read.iops': 900, 'read.p99_us': 400, tps: 12 })
  })

  it('may be worse by as much as the limits say', () => {
    expect(
      compareFigures(
        { 'read.iops': 950, 'read.p99_us': 440 },
        { 'read.iops': 1000, 'read.p99_us': 400 },
        LIMITS,
      ),
    ).toEqual([])
  })

  it('may be better by any amount', () => {
    expect(compareFigures({ tps: 900, 'read.p99_us': 1 }, { tps: 9, 'read.p99_us': 400 }, LIMITS)).toEqual([])
  })

  it('regress when a rate falls by more', () => {
    const [regression] = compareFigures({ 'write.iops': 949 }, { 'write.iops': 1000 }, LIMITS)
    expect(regression).toMatchObject({ figure: 'write.iops', previous: 1000, current: 949 })
    expect(regression?.worsePercent).toBeCloseTo(5.1)
  })

  it('regress when a p99 rises by more', () => {
    const [regression] = compareFigures({ 'write.p99_us': 441 }, { 'write.p99_us': 400 }, LIMITS)
    expect(regression?.worsePercent).toBeCloseTo(10.25)
  })

  it('that only one side has are compared with nothing', () => {
    expect(compareFigures({ tps: 1 }, { 'read.iops': 5 }, LIMITS)).toEqual([])
    expect(compareFigures({ tps: 1 }, { tps: 0 }, LIMITS)).toEqual([])
  })
})

describe('a baseline', () => {
  const KEY = { scenario: 'benchmark/smoke', name: 'bench', backend: 'local' }
  const line = (over: object, tps: number): string =>
    JSON.stringify({ at: '2026-11-22T00:00:00.000Z', ...KEY, ...over, figures: { tps } })

  it('has the last figures of the same benchmark', () => {
    const text = [line({}, 1), line({}, 2), line({ name: 'other' }, 3), line({ backend: 'vm' }, 4), ''].join(
      '\n',
    )
    expect(lastFigures(text, KEY)).toEqual({ tps: 2 })
  })

  it('may have none', () => {
    expect(lastFigures('', KEY)).toBeUndefined()
    expect(lastFigures(line({ scenario: 'x' }, 1), KEY)).toBeUndefined()
  })

  it.each(['{"at":1}', 'nonsense', '{'])('is refused with a line %j', (bad) => {
    expect(() => lastFigures(`${line({}, 1)}\n${bad}\n`, KEY)).toThrow('line 2')
  })
})

import { describe, expect, it } from 'vitest'
import {
  appendBaseline,
  type Baseline,
  baselineOf,
  compareFigures,
  directionOf,
  figuresOf,
  readBaselines,
} from './baseline.ts'

describe('figures', () => {
  it('may be as much worse as is allowed, and no more', () => {
    const before = { 'write.p99Ms': 4, iops: 1000 }
    expect(compareFigures({ 'write.p99Ms': 4.4, iops: 950 }, before)).toEqual([])
    expect(compareFigures({ 'write.p99Ms': 4.41, iops: 949 }, before).map(({ text }) => text)).toEqual([
      'write.p99Ms is 4.41, was 4: +10.3 %, at most +10 % is allowed',
      'iops is 949, was 1000: −5.1 %, no less than −5 % is allowed',
    ])
  })

  it('may be better, and others may be what they like', () => {
    expect(compareFigures({ p99Ms: 1, iops: 9e9, errors: 50 }, { p99Ms: 4, iops: 1, errors: 0 })).toEqual([])
  })

  it('have the limits that they are given', () => {
    const limits = { latencyPercent: 50, ratePercent: 50 }
    expect(compareFigures({ p99Ms: 6, iops: 500 }, { p99Ms: 4, iops: 1000 }, limits)).toEqual([])
  })

  it('that are not measured any more are worse', () => {
    expect(compareFigures({}, { iops: 5, p50Ms: 1 })).toEqual([
      {
        figure: 'iops',
        current: null,
        previous: 5,
        changePercent: null,
        text: 'iops was not measured, was 5',
      },
    ])
    expect(compareFigures({ iops: Number.NaN }, { iops: 5 }).length).toBe(1)
  })

  it('that were zero may not be more', () => {
    expect(compareFigures({ p99Ms: 0.1 }, { p99Ms: 0 })).toMatchObject([{ changePercent: null }])
    expect(compareFigures({ p99Ms: 0 }, { p99Ms: 0 })).toEqual([])
  })

  it.each([
    ...([
      ['write.p99Ms', 'lower'] as const,
      ['p99', 'lower'] as const,
      ['read_p99_us', 'lower'] as const,
    ] as const),
    ...([
      ['iops', 'higher'] as const,
      ['write.mibPerSecond', 'higher'] as const,
      ['tps', 'higher'] as const,
    ] as const),
    ...([['p50Ms', null] as const, ['p999Ms', null] as const, ['writes', null] as const] as const),
  ])('%s: %s is better', (figure, direction) => {
    expect(directionOf(figure)).toBe(direction)
  })

  it('are taken out of what an action returned', () => {
    expect(figuresOf({ iops: 5, write: { p99Ms: 2, name: 'x' } })).toEqual({ iops: 5, 'write.p99Ms': 2 })
  })
})

describe('the file of baselines', () => {
  const key = { scenario: 'benchmark/write', variant: 'default', backend: 'local' }
  const at = (iops: number, more: Partial<Baseline> = {}): Baseline => ({
    ...{ ...key, at: '2026-11-22T00:00:00.000Z', productVersion: '0.1.0', figures: { iops }, ...more },
  })

  it('gives back what was appended, the newest being the baseline', () => {
    const text = [at(1), at(2, { backend: 'vm' }), at(3), at(4, { variant: 'nvme' })]
      .map((one) => appendBaseline(one))
      .join('')
    expect(baselineOf(readBaselines(text), key)?.figures).toEqual({ iops: 3 })
    expect(baselineOf(readBaselines(text), { ...key, scenario: 'other' })).toBeNull()
  })

  it('survives a torn line', () => {
    const torn = `${appendBaseline(at(1))}{"scenario":"bench`
    const text = torn + appendBaseline(at(2), torn)
    expect(readBaselines(text).map(({ figures }) => figures)).toEqual([{ iops: 1 }, { iops: 2 }])
    expect(readBaselines('null\n[]\n{"figures":{"iops":"x"}}\n')).toEqual([])
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LatencyHistogram } from './histogram.ts'

describe('a latency histogram', () => {
  it('gives quantiles that are never too low and at most 3.2 % or 1 µs too high', () => {
    const latency = fc.oneof(
      fc.double({ min: 0, max: 100, noNaN: true }),
      fc.double({ min: 0, max: 1e8, noNaN: true }),
    )
    fc.assert(
      fc.property(
        fc.array(latency, { minLength: 1, maxLength: 200 }),
        fc.constantFrom(0.5, 0.9, 0.99, 1),
        (latencies, quantile) => {
          const histogram = new LatencyHistogram()
          for (const us of latencies) histogram.record(us)
          const sorted = latencies.toSorted((a, b) => a - b)
          const exact = sorted[Math.ceil(sorted.length * quantile) - 1]!
          const told = histogram.quantileUs(quantile)
          expect(told).toBeGreaterThanOrEqual(exact)
          expect(told).toBeLessThanOrEqual(Math.max(exact + 1, exact * 1.032))
        },
      ),
    )
  })

  it('keeps the longest latency exactly, also beyond its last bucket', () => {
    const histogram = new LatencyHistogram()
    expect(histogram.quantileUs(0.99)).toBe(0)
    histogram.record(5e9)
    expect(histogram.maxUs).toBe(5e9)
    expect(histogram.quantileUs(0.5)).toBeLessThanOrEqual(5e9)
    expect(histogram.count).toBe(1)
  })
})

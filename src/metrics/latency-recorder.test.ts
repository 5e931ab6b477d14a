import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LATENCY_BOUNDS_SECONDS, LatencyRecorder } from './latency-recorder.ts'

describe('LatencyRecorder', () => {
  it('counts like a naive cumulative histogram, bounds included', () => {
    const latency = fc.oneof(
      fc.integer({ min: 0, max: 2 ** 26 }),
      fc.integer({ min: 0, max: 26 }).map((octave) => 2 ** octave),
      fc.integer({ min: 0, max: 26 }).map((octave) => 2 ** octave + 1),
      fc.double({ min: 0, max: 1e9, noNaN: true }),
    )
    fc.assert(
      fc.property(fc.array(latency, { maxLength: 50 }), (latencies) => {
        const recorder = new LatencyRecorder()
        for (const us of latencies) recorder.record(us)
        const { cumulative, count, sumSeconds } = recorder.snapshot()
        expect(count).toBe(latencies.length)
        expect(sumSeconds).toBeCloseTo(latencies.reduce((sum, us) => sum + us, 0) / 1e6, 3)
        expect(cumulative).toEqual(
          LATENCY_BOUNDS_SECONDS.map((bound) => latencies.filter((us) => us <= bound * 1e6).length),
        )
      }),
    )
  })

  it('gives quantiles within a quarter of a power of two', () => {
    const recorder = new LatencyRecorder()
    expect(recorder.quantileUs(0.99)).toBe(0)
    for (let us = 1; us <= 1000; us++) recorder.record(us)
    for (const quantile of [0.1, 0.5, 0.9, 0.99, 1]) {
      const exact = 1000 * quantile
      const found = recorder.quantileUs(quantile)
      expect(found).toBeGreaterThanOrEqual(exact)
      expect(found).toBeLessThanOrEqual(exact * 1.25)
    }
  })
})

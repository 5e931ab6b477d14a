import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TokenBucket } from './token-bucket.ts'

const bucket = (perSecond: number, burst: number): TokenBucket =>
  new TokenBucket({ perSecond, burst, nowMs: 0 })

describe('a token bucket', () => {
  it('lets a burst through, then the rate', () => {
    const tokens = bucket(100, 3)
    for (let i = 0; i < 3; i++) {
      expect(tokens.waitMs(1, 0, false)).toBe(0)
      tokens.take(1)
    }
    expect(tokens.waitMs(1, 0, false)).toBeCloseTo(10)
    expect(tokens.waitMs(1, 10, false)).toBe(0)
  })

  it('holds no more than its burst, however long it is idle', () => {
    const tokens = bucket(100, 3)
    expect(tokens.waitMs(1, 3_600_000, false)).toBe(0)
    tokens.take(3)
    expect(tokens.waitMs(1, 3_600_000, false)).toBeCloseTo(10)
  })

  it('lets what is greater than the burst through when it is full, and then waits for the debt', () => {
    const tokens = bucket(1000, 100)
    expect(tokens.waitMs(4000, 0, false)).toBe(0)
    tokens.take(4000)
    expect(tokens.waitMs(1, 0, false)).toBeCloseTo(3901)
    expect(tokens.waitMs(4000, 3900, false)).toBeCloseTo(100)
  })

  it('has a tenth of a second at hand when no burst was given', () => {
    const tokens = bucket(100, 0)
    tokens.take(10)
    expect(tokens.waitMs(1, 0, false)).toBeCloseTo(10)
    expect(bucket(1, 0).waitMs(1, 0, false)).toBe(0)
  })

  it('keeps a debt as time when its rate changes', () => {
    const tokens = bucket(1_000_000, 1)
    tokens.take(1_000_001)
    tokens.change({ perSecond: 10, burst: 1, nowMs: 0 })
    expect(tokens.waitMs(1, 0, false)).toBeCloseTo(1100)
    tokens.change({ perSecond: 1e6, burst: 1, nowMs: 500 })
    expect(tokens.waitMs(1, 500, false)).toBeCloseTo(500, 1)
  })

  it('never gives more than burst, rate and one operation, whatever comes when', () => {
    const steps = fc.array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 64 }), fc.boolean()), {
      maxLength: 200,
    })
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 100 }),
        (all, perSecond, burst) => {
          const tokens = bucket(perSecond, burst)
          let nowMs = 0
          let taken = 0
          for (const [idleMs, cost, isAwaited] of all) {
            nowMs += idleMs
            if (tokens.waitMs(cost, nowMs, isAwaited) > 0) continue
            tokens.take(cost)
            taken += cost
            const late = perSecond * 0.1
            expect(taken).toBeLessThanOrEqual(Math.max(burst, late) + (perSecond * nowMs) / 1000 + 64)
          }
        },
      ),
    )
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SLOT_MS, TimerWheel, type Waiting } from './timer-wheel.ts'

class Sleeper implements Waiting {
  wakeAtMs = Number.POSITIVE_INFINITY
  slot = Number.POSITIVE_INFINITY
  readonly wokenMs: number[] = []

  wake(nowMs: number): void {
    this.wakeAtMs = Number.POSITIVE_INFINITY
    this.wokenMs.push(nowMs)
  }
}

describe('a timer wheel', () => {
  it('wakes each once, not before its time, and within two slots of it', () => {
    const acts = fc.array(fc.record({ who: fc.nat(4), inMs: fc.nat(500), passMs: fc.nat(120) }), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(acts, (all) => {
        const wheel = new TimerWheel(0)
        const sleepers = Array.from({ length: 5 }, () => new Sleeper())
        let nowMs = 0
        const pass = (ms: number): void => {
          for (const endMs = nowMs + ms; nowMs < endMs; ) {
            nowMs = Math.min(endMs, nowMs + 10)
            wheel.run(nowMs)
            for (const { wakeAtMs } of sleepers) expect(wakeAtMs).toBeGreaterThan(nowMs - 2 * SLOT_MS - 10)
          }
        }
        for (const { who, inMs, passMs } of all) {
          const sleeper = sleepers[who]
          if (sleeper === undefined) continue
          const before = sleeper.wokenMs.length
          const wakeAtMs = nowMs + inMs
          sleeper.wakeAtMs = wakeAtMs
          wheel.add(sleeper)
          pass(passMs)
          for (const atMs of sleeper.wokenMs.slice(before)) expect(atMs).toBeGreaterThanOrEqual(wakeAtMs)
        }
        pass(700)
        expect(sleepers.every(({ wakeAtMs }) => wakeAtMs === Number.POSITIVE_INFINITY)).toBe(true)
      }),
    )
  })

  it('catches up after a pause of the whole process', () => {
    const wheel = new TimerWheel(0)
    const sleeper = new Sleeper()
    sleeper.wakeAtMs = 1000
    wheel.add(sleeper)
    wheel.run(10_000_000)
    expect(sleeper.wokenMs).toEqual([10_000_000])
  })
})

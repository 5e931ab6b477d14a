import { beforeEach, describe, expect, it } from 'vitest'
import { Life, SimClock } from '../../test/sim/clock.ts'
import { Scheduler } from '../../test/sim/scheduler.ts'
import { codeOf } from '../io/test-support.ts'
import { Admission } from './admission.ts'
import { DEFAULT_TUNING } from './tuning.ts'

describe('the admission of writes', () => {
  let scheduler: Scheduler
  let fullness: number
  let pendingBytes: number
  let admission: Admission
  beforeEach(() => {
    scheduler = new Scheduler(1)
    fullness = 0
    pendingBytes = 0
    const tuning = { ...DEFAULT_TUNING, pendingBytesMax: 1000, admissionTimeoutMs: 5000, softDelayMsMax: 5 }
    admission = new Admission(new SimClock(scheduler, new Life()), tuning, {
      fullness: () => fullness,
      pendingBytes: () => pendingBytes,
    })
  })

  it('lets writes in at once below the soft watermark', () => {
    fullness = 0.79
    pendingBytes = 500
    expect(admission.enter(500)).toBeUndefined()
    expect(admission.pressure).toBe('normal')
  })

  it('delays them between the watermarks, more the fuller', async () => {
    const delayAt = async (share: number): Promise<number> => {
      fullness = share
      const startMs = scheduler.nowMs
      await scheduler.until(admission.enter(1) ?? Promise.resolve(), { what: 'a delayed write' })
      return scheduler.nowMs - startMs
    }
    const [low, middle, high, full] = [
      await delayAt(0.8),
      await delayAt(0.875),
      await delayAt(0.95),
      await delayAt(1),
    ]
    expect(low).toBeLessThan(middle)
    expect(middle).toBeLessThan(high)
    expect([high, full]).toEqual([5, 5])
    expect(admission.softWaits).toBe(4)
    expect(admission.pressure).toBe('hard')
  })

  it('makes them wait in order while too many bytes are on their way, but lets any single one in', async () => {
    expect(admission.enter(5000)).toBeUndefined()
    pendingBytes = 900
    const order: number[] = []
    const waits = [200, 50, 900].map((bytes, i) => admission.enter(bytes)?.then(() => order.push(i)))
    expect(waits.every((wait) => wait !== undefined)).toBe(true)
    admission.wake()
    pendingBytes = 700
    admission.wake()
    await Promise.all(waits.slice(0, 2))
    expect(order).toEqual([0, 1])
    pendingBytes = 0
    admission.wake()
    await waits[2]
    expect(admission.hardWaits).toBe(3)
  })

  it('answers BUSY to what waited too long, and fails what waits when the volume ends', async () => {
    pendingBytes = 1000
    const late = codeOf(admission.enter(1) ?? Promise.resolve())
    await scheduler.pass(3000)
    const later = codeOf(admission.enter(1) ?? Promise.resolve())
    await scheduler.pass(2500)
    expect(await late).toBe('BUSY')
    expect(admission.refusals).toBe(1)
    admission.fail(new Error('ended'))
    expect(await later).toContain('ended')
  })
})

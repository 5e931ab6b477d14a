import { describe, expect, it } from 'vitest'
import { Life, SimClock } from '../../test/sim/clock.ts'
import { Scheduler } from '../../test/sim/scheduler.ts'
import { BusyPoll } from './busy-poll.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function setUp(): {
  poll: BusyPoll
  requests: (count: number, gapMs: number) => Promise<void>
  pass: (ms: number) => Promise<void>
} {
  const scheduler = new Scheduler(1)
  const poll = new BusyPoll(new SimClock(scheduler, new Life()))
  const pass = async (ms: number): Promise<void> => {
    await scheduler.pass(ms)
    await turn()
    await turn()
  }
  const requests = async (count: number, gapMs: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await pass(gapMs)
      poll.touch()
    }
  }
  return { poll, requests, pass }
}

describe('a busy poll', () => {
  it('keeps the loop awake while requests come close together, and a moment longer', async () => {
    const { poll, requests, pass } = setUp()
    await requests(30, 0.05)
    expect(poll.isTurning).toBe(true)
    await pass(0.05)
    expect(poll.isTurning).toBe(true)
    await pass(0.1)
    expect(poll.isTurning).toBe(false)
  })

  it('costs nothing when they come further apart', async () => {
    const { poll, requests } = setUp()
    for (const gapMs of [0.15, 1, 1000]) {
      await requests(50, gapMs)
      expect(poll.isTurning).toBe(false)
    }
  })

  it('does not forget a busy time for one pause', async () => {
    const { poll, requests, pass } = setUp()
    await requests(50, 0.02)
    await pass(60_000)
    expect(poll.isTurning).toBe(false)
    await requests(10, 0.02)
    expect(poll.isTurning).toBe(true)
  })

  it('leaves the core to the thread pool, and goes on when that is done', async () => {
    const { poll, requests, pass } = setUp()
    await requests(30, 0.05)
    poll.enter()
    poll.enter()
    await pass(0)
    expect(poll.isTurning).toBe(false)
    poll.touch()
    await pass(0)
    poll.leave()
    expect(poll.isTurning).toBe(false)
    poll.leave()
    expect(poll.isTurning).toBe(true)
    await pass(0.2)
    expect(poll.isTurning).toBe(false)
  })
})

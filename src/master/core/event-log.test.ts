import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EventRecord } from '../records.ts'
import { EventLog, type EventLogOptions } from './event-log.ts'
import type { NewEvent } from './records-view.ts'

const event = (message: string, different: Partial<NewEvent> = {}): NewEvent => ({
  severity: 'info',
  kind: 'test.happened',
  actor: 'test',
  message,
  ...different,
})

function log(options: Partial<EventLogOptions> = {}, events: readonly EventRecord[] = []) {
  const events_ = new EventLog({ countMax: 100, windowMs: 1000, ...options }, events)
  const add = (nowMs: number, ...news: NewEvent[]): readonly EventRecord[] => {
    const plan = events_.plan(news, nowMs)
    events_.apply(plan)
    return plan.told
  }
  return { log: events_, add, all: () => events_.list({ limit: 1000 }) }
}

describe('the event log', () => {
  it('counts what happens again within the window, and writes it anew after it', () => {
    const { add, all } = log()
    add(0, event('a'))
    add(900, event('a', { lsn: 7, requestId: 'r' }))
    add(1899, event('a'))
    add(2899, event('a'))
    expect(all()).toMatchObject([
      { number: 1, at: 0, lastAt: 1899, count: 3, lsn: 7, requestId: 'r' },
      { number: 2, at: 2899, lastAt: 2899, count: 1, lsn: null },
    ])
  })

  it.each<Partial<NewEvent>>([
    { kind: 'other' },
    { volume: 'v' },
    { server: 's' },
    { reason: 'r' },
    { message: 'b' },
    { actor: 'somebody' },
    { epoch: 2 },
    { severity: 'error' },
  ])('does not count together what differs in %o', (different) => {
    const { add, all } = log()
    add(0, event('a'), event('a', different))
    expect(all().map(({ count }) => count)).toEqual([1, 1])
  })

  it('does not count with an event of a wall clock that was far ahead', () => {
    const { add, all } = log()
    add(1_000_000, event('a'))
    add(0, event('a'))
    expect(all().length).toBe(2)
  })

  it('changes nothing when it plans', () => {
    const { log: events, all, add } = log({ countMax: 1 })
    add(0, event('a'))
    const before = all()
    events.plan([event('a'), event('b')], 5)
    expect(all()).toEqual(before)
  })

  it('tells of more events at once than it keeps, and of one that made room itself', () => {
    const { log: events } = log({ countMax: 2 })
    const plan = events.plan([event('a'), event('b'), event('c')], 0)
    expect(plan.told.map(({ number }) => number)).toEqual([1, 2, 3])
    expect(plan.puts.map(({ number }) => number)).toEqual([2, 3])
    events.apply(plan)
    expect(events.plan([event('b'), event('d'), event('e')], 1)).toMatchObject({
      told: [{ number: 2 }, { number: 4 }, { number: 5 }],
      puts: [{ number: 4 }, { number: 5 }],
      removes: [2, 3],
    })
  })

  it('lists the last ones, or the first ones after a number, of a volume or a server', () => {
    const { add, log: events } = log()
    for (let i = 1; i <= 9; i++) {
      add(i, event(`${i}`, { volume: i % 2 === 0 ? 'even' : 'odd', server: i > 6 ? 'late' : 'early' }))
    }
    const numbers = (filter: Parameters<EventLog['list']>[0]) =>
      events.list(filter).map(({ number }) => number)
    expect(numbers({ limit: 3 })).toEqual([7, 8, 9])
    expect(numbers({ after: 2, limit: 3 })).toEqual([3, 4, 5])
    expect(numbers({ after: 9, limit: 3 })).toEqual([])
    expect(numbers({ after: 2, volume: 'even', limit: 9 })).toEqual([4, 6, 8])
    expect(numbers({ server: 'late', volume: 'odd', limit: 1 })).toEqual([9])
  })

  it('is the same log when it is read again, and never has more than it may', () => {
    const news = fc.array(fc.array(fc.tuple(fc.nat(4), fc.nat(400)), { maxLength: 4 }), { maxLength: 40 })
    fc.assert(
      fc.property(news, fc.integer({ min: 1, max: 12 }), (batches, countMax) => {
        const { log: events, all } = log({ countMax })
        const kept = new Map<number, EventRecord>()
        let nowMs = 0
        let told = 0
        for (const batch of batches) {
          for (const [, passedMs] of batch) nowMs += passedMs
          const plan = events.plan(
            batch.map(([message]) => event(`${message}`)),
            nowMs,
          )
          for (const put of plan.puts) kept.set(put.number, put)
          for (const number of plan.removes) expect(kept.delete(number)).toBe(true)
          events.apply(plan)
          told += batch.length
          expect(all()).toEqual([...kept.values()].sort((a, b) => a.number - b.number))
          expect(kept.size).toBeLessThanOrEqual(countMax)
          const again = log({ countMax }, all())
          expect(again.log.plan([event('0'), event('9')], nowMs)).toEqual(
            events.plan([event('0'), event('9')], nowMs),
          )
        }
        expect(all().reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(told)
      }),
    )
  })
})

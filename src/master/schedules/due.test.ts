import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ScheduleRecord } from '../records.ts'
import { keptOf } from '../snapshots/keep.ts'
import { lastTime, nextTime, parseCrontab } from './crontab.ts'
import { checkWhen, dueNow, lastDue, lateMs, nextDue, snapshotName, wantsFull } from './due.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const at = (text: string): number => Date.parse(text)
const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

const hourly: ScheduleRecord = {
  name: 'hourly',
  volumes: ['*'],
  when: { everyMs: HOUR },
  keep: { last: 3 },
  backup: null,
  isPaused: false,
  createdAt: at('2026-11-21T00:30:00Z'),
  last: null,
}
const ran = (dueAt: number, endedAt: number | null = dueAt + 5): ScheduleRecord => ({
  ...hourly,
  last: { dueAt, startedAt: dueAt, endedAt, made: 1, failed: 0, message: null },
})

describe('a schedule', () => {
  it('is due from its time on, once, and not for times before it was made', () => {
    expect(iso(dueNow(hourly, at('2026-11-21T00:59:59Z')))).toBeNull()
    const due = at('2026-11-21T01:00:00Z')
    expect(dueNow(hourly, due)).toBe(due)
    expect(dueNow(hourly, due + 59 * MINUTE)).toBe(due)
    expect(dueNow(ran(due), due + 59 * MINUTE)).toBeNull()
    expect(dueNow(ran(due), due + HOUR)).toBe(due + HOUR)
  })

  it('makes up for what it missed once, with the last time that has passed', () => {
    const due = at('2026-11-21T01:00:00Z')
    expect(iso(dueNow(ran(due), due + 7.5 * HOUR))).toBe('2026-11-21T08:00:00.000Z')
  })

  it('never has two runs at once, none while it is paused, and none when the clock was set back', () => {
    const due = at('2026-11-21T01:00:00Z')
    expect(dueNow(ran(due, null), due + DAY)).toBeNull()
    expect(dueNow({ ...hourly, isPaused: true }, due)).toBeNull()
    expect(nextDue({ ...hourly, isPaused: true }, due)).toBeNull()
    expect(dueNow(ran(due + DAY), due)).toBeNull()
  })

  it('is late from the time of a run that has not ended', () => {
    const due = at('2026-11-21T01:00:00Z')
    expect(lateMs(hourly, due - 1)).toBe(0)
    expect(lateMs(hourly, due + MINUTE)).toBe(MINUTE)
    expect(lateMs(ran(due), due + HOUR)).toBe(0)
    expect(lateMs(ran(due), due + 3 * HOUR)).toBe(2 * HOUR)
    expect(lateMs(ran(due, null), due + DAY)).toBe(DAY)
    expect(lateMs({ ...hourly, isPaused: true }, due + DAY)).toBe(0)
  })

  it('names what a run makes by its time', () => {
    expect(snapshotName(hourly, at('2026-11-21T03:00:00Z'))).toBe('hourly-20261121-030000')
    const long = snapshotName({ name: `${'a'.repeat(46)}.b` }, 0)
    expect(long).toBe(`${'a'.repeat(46)}-19700101-000000`)
    expect(long.length).toBeLessThanOrEqual(63)
  })

  it('wants a full backup when the last full one is old enough', () => {
    const backup = { repository: 'r', fullEveryMs: 7 * DAY, keep: null }
    const base = {
      ...{ id: '1', volume: 'v', name: 's', state: 'ready' as const, lsn: 1, sizeBytes: 1, createdAt: 0 },
      ...{ schedule: null, isExposed: false, group: null },
      backup: { repository: 'r', id: 'b', fullAt: 10 * DAY },
    }
    expect(wantsFull([base], { backup }, 17 * DAY - 1)).toBe(false)
    expect(wantsFull([base], { backup }, 17 * DAY)).toBe(true)
    expect(wantsFull([], { backup }, 17 * DAY)).toBe(true)
    expect(wantsFull([], { backup: { ...backup, fullEveryMs: null } }, 17 * DAY)).toBe(false)
  })

  it.each([[{ everyMs: 59_000 }], [{ everyMs: 60_500 }], [{ at: '0 0 31 2 *' }], [{ at: '0 3 * *' }]])(
    'is refused at %o',
    (when) => {
      expect(() => checkWhen(when)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    },
  )
})

describe('times of a crontab', () => {
  const after = (tab: string, text: string): string | null => iso(nextTime(parseCrontab(tab), at(text)))

  it.each([
    ['0 3 * * *', '2026-11-21T02:59:59Z', '2026-11-21T03:00:00.000Z'],
    ['0 3 * * *', '2026-11-21T03:00:00Z', '2026-11-22T03:00:00.000Z'],
    ['*/15 * * * *', '2026-11-21T23:50:00Z', '2026-11-22T00:00:00.000Z'],
    ['30 8-18/5 * * 1-5', '2026-11-20T13:31:00Z', '2026-11-20T18:30:00.000Z'],
    ['30 8-18/5 * * 1-5', '2026-11-20T18:30:00Z', '2026-11-23T08:30:00.000Z'],
    ['0 0 * * 7', '2026-11-21T00:00:00Z', '2026-11-22T00:00:00.000Z'],
    ['0 0 29 2 *', '2026-11-21T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    // both days limited: either
    ['0 0 13 * 5', '2026-11-14T00:00:00Z', '2026-11-20T00:00:00.000Z'],
    ['0 0 1,15 * *', '2026-11-02T00:00:00Z', '2026-11-15T00:00:00.000Z'],
  ])('%s after %s', (tab, from, next) => {
    expect(after(tab, from)).toBe(next)
    expect(iso(lastTime(parseCrontab(tab), at(next)))).toBe(next)
  })

  it.each([
    '* * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '5/2 * * * *',
    '9-3 * * * *',
    '*/0 * * * *',
    'a * * * *',
  ])('refuses %s', (tab) => {
    expect(() => parseCrontab(tab)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  it('has no time between the last one and the next', () => {
    const field = (most: number) => fc.oneof(fc.constant('*'), fc.integer({ min: 1, max: most }).map(String))
    fc.assert(
      fc.property(
        fc.tuple(field(59), field(23), field(28), field(12), field(6)),
        fc.integer({ min: at('2024-01-01T00:00:00Z'), max: at('2030-01-01T00:00:00Z') }),
        (fields, nowMs) => {
          const when = { at: fields.join(' ') }
          const last = lastDue({ when }, nowMs)
          const next = nextDue({ ...hourly, when }, nowMs)
          expect(last).toBeLessThanOrEqual(nowMs)
          expect(next).toBeGreaterThan(nowMs)
          expect(nextDue({ ...hourly, when }, last ?? 0)).toBe(next)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('what rules keep', () => {
  const made = (...times: string[]) => times.map((time) => ({ id: time, atMs: at(`2026-${time}:00Z`) }))
  const kept = (rules: Parameters<typeof keptOf>[1], ...times: string[]): string[] =>
    [...keptOf(made(...times), rules)].sort()

  it('is the newest, and the newest of each period', () => {
    const times = ['11-20T10:05', '11-20T10:40', '11-20T11:00', '11-20T11:59', '11-21T09:00']
    expect(kept({ last: 2 }, ...times)).toEqual(['11-20T11:59', '11-21T09:00'])
    expect(kept({ hourly: 2 }, ...times)).toEqual(['11-20T11:59', '11-21T09:00'])
    expect(kept({ hourly: 3 }, ...times)).toEqual(['11-20T10:40', '11-20T11:59', '11-21T09:00'])
    expect(kept({ daily: 9 }, ...times)).toEqual(['11-20T11:59', '11-21T09:00'])
    expect(kept({ last: 1, hourly: 2 }, ...times)).toEqual(['11-20T11:59', '11-21T09:00'])
    expect(kept({}, ...times)).toEqual([])
  })

  it('counts weeks from Monday and months of UTC', () => {
    // 22 November 2026 is a Sunday
    expect(kept({ weekly: 2 }, '11-16T00:00', '11-22T23:59', '11-23T00:00')).toEqual([
      '11-22T23:59',
      '11-23T00:00',
    ])
    expect(kept({ monthly: 2 }, '10-31T23:59', '11-01T00:00', '11-02T00:00')).toEqual([
      '10-31T23:59',
      '11-02T00:00',
    ])
  })

  it('goes down by what is deleted: what stays once stays at the same time again', () => {
    const rule = fc.option(fc.nat(5), { nil: undefined })
    const rules = fc.record({ last: rule, hourly: rule, daily: rule, weekly: rule, monthly: rule })
    const things = fc.uniqueArray(fc.integer({ min: 0, max: 400 * 24 }), { maxLength: 60 })
    fc.assert(
      fc.property(rules, things, (given, hours) => {
        const wanted = Object.fromEntries(Object.entries(given).filter(([, count]) => count !== undefined))
        const all = hours.map((hour) => ({ id: String(hour), atMs: hour * HOUR }))
        const once = keptOf(all, wanted)
        const left = all.filter(({ id }) => once.has(id))
        expect([...keptOf(left, wanted)].sort()).toEqual([...once].sort())
      }),
    )
  })
})

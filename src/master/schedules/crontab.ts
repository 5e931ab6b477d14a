/**
 * Times as crontab(5) writes them: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday), in UTC. Fields are
 * `*`, numbers, ranges `a-b`, lists `a,b`, and steps behind `*` or a range (a star, a slash, a number). When both days are limited,
 * either fits.
 */
import { BlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'

export interface Crontab {
  readonly minutes: ReadonlySet<number>
  readonly hours: ReadonlySet<number>
  readonly days: ReadonlySet<number>
  readonly months: ReadonlySet<number>
  readonly weekdays: ReadonlySet<number>
  readonly isEitherDay: boolean
}

const FIELDS = [
  ['minute', 0, 59],
  ['hour', 0, 23],
  ['day', 1, 31],
  ['month', 1, 12],
  ['weekday', 0, 7],
] as const
const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
/** A date that comes is there within these: 29 February over a century that is no leap year. */
const DAYS_MAX = 366 * 9

/** INVALID_ARGUMENT with the reason `schedule_at`, naming the field. */
export function parseCrontab(text: string): Crontab {
  const parts = text.trim().split(/\s+/)
  if (parts.length !== FIELDS.length) {
    throw wrong(`'${printable(text)}' has ${parts.length} fields; write minute hour day month weekday`)
  }
  const [minutes, hours, days, months, weekdays] = FIELDS.map(([name, least, most], n) =>
    parseField(parts[n] ?? '', name, least, most),
  )
  const isLimited = (n: number): boolean => !(parts[n] ?? '').startsWith('*')
  return {
    minutes: minutes ?? new Set(),
    hours: hours ?? new Set(),
    days: days ?? new Set(),
    months: months ?? new Set(),
    weekdays: new Set([...(weekdays ?? [])].map((day) => day % 7)),
    isEitherDay: isLimited(2) && isLimited(4),
  }
}

function parseField(text: string, name: string, least: number, most: number): Set<number> {
  const values = new Set<number>()
  for (const item of text.split(',')) {
    const match = /^(\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(item)
    const [, range, first, last, step] = match ?? []
    const isStepOfOne = step !== undefined && range !== '*' && last === undefined
    if (match === null || isStepOfOne) throw wrong(`${name} '${printable(item)}' is no number, range or *`)
    const from = first === undefined ? least : Number(first)
    const to = first === undefined ? most : Number(last ?? first)
    const by = Number(step ?? 1)
    if (from < least || to > most || from > to || by < 1) {
      throw wrong(`${name} '${printable(item)}' is not within ${least} to ${most}`)
    }
    for (let value = from; value <= to; value += by) values.add(value)
  }
  return values
}

const wrong = (message: string): BlockError =>
  new BlockError('INVALID_ARGUMENT', `at: ${message}`, { facts: { reason: 'schedule_at' } })

function isDay({ days, months, weekdays, isEitherDay }: Crontab, date: Date): boolean {
  if (!months.has(date.getUTCMonth() + 1)) return false
  const [isDate, isWeekday] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())]
  return isEitherDay ? isDate || isWeekday : isDate && isWeekday
}

/** The first time after `afterMs` (wall clock); null when none comes. */
export function nextTime(crontab: Crontab, afterMs: number): number | null {
  const fromMs = (Math.floor(afterMs / MINUTE_MS) + 1) * MINUTE_MS
  const firstDayMs = Math.floor(fromMs / DAY_MS) * DAY_MS
  for (let day = 0; day < DAYS_MAX; day++) {
    const dayMs = firstDayMs + day * DAY_MS
    if (!isDay(crontab, new Date(dayMs))) continue
    const found = timeOfDay(crontab, (ms) => dayMs + ms >= fromMs, false)
    if (found !== null) return dayMs + found
  }
  return null
}

/** The last time up to `untilMs`; null when there was none for years. */
export function lastTime(crontab: Crontab, untilMs: number): number | null {
  const lastDayMs = Math.floor(untilMs / DAY_MS) * DAY_MS
  for (let day = 0; day < DAYS_MAX; day++) {
    const dayMs = lastDayMs - day * DAY_MS
    if (!isDay(crontab, new Date(dayMs))) continue
    const found = timeOfDay(crontab, (ms) => dayMs + ms <= untilMs, true)
    if (found !== null) return dayMs + found
  }
  return null
}

/** Milliseconds of the day: the first that fits, or the last. */
function timeOfDay(
  { hours, minutes }: Crontab,
  fits: (ms: number) => boolean,
  isLast: boolean,
): number | null {
  let found: number | null = null
  for (let hour = 0; hour < 24; hour++) {
    if (!hours.has(hour)) continue
    for (let minute = 0; minute < 60; minute++) {
      const ms = (hour * 60 + minute) * MINUTE_MS
      if (!minutes.has(minute) || !fits(ms)) continue
      if (!isLast) return ms
      found = ms
    }
  }
  return found
}

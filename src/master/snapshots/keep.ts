/** What retention rules keep of things that were made at some time. Pure; periods are of UTC, weeks begin on Monday. */
import type { KeepRules } from '../../rpc/tasks.ts'

export interface Dated {
  readonly id: string
  /** Wall clock. */
  readonly atMs: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** 1970-01-05 was the first Monday. */
const MONDAY_MS = 4 * DAY_MS

const PERIODS = {
  hourly: (ms: number) => Math.floor(ms / HOUR_MS),
  daily: (ms: number) => Math.floor(ms / DAY_MS),
  weekly: (ms: number) => Math.floor((ms - MONDAY_MS) / (7 * DAY_MS)),
  monthly: (ms: number) => {
    const date = new Date(ms)
    return date.getUTCFullYear() * 12 + date.getUTCMonth()
  },
} as const satisfies Record<Exclude<keyof KeepRules, 'last'>, (ms: number) => number>

/** Ids of those that some rule keeps: the newest `last`, and the newest of each of the newest so many periods. */
export function keptOf(things: readonly Dated[], rules: KeepRules): ReadonlySet<string> {
  const newestFirst = things.toSorted((a, b) => b.atMs - a.atMs || (a.id < b.id ? 1 : -1))
  const kept = new Set(newestFirst.slice(0, rules.last ?? 0).map(({ id }) => id))
  for (const [rule, periodOf] of Object.entries(PERIODS)) {
    const count = rules[rule as keyof typeof PERIODS] ?? 0
    const seen = new Set<number>()
    for (const { id, atMs } of newestFirst) {
      const period = periodOf(atMs)
      if (seen.has(period)) continue
      if (seen.size >= count) break
      seen.add(period)
      kept.add(id)
    }
  }
  return kept
}

/** Which backups of a volume a prune keeps. Times are UTC; a week begins on Monday. */

/** A backup is kept when any of the rules keeps it: the `last` n, and the newest of each of the last n hours, days, ... that have one. */
export interface KeepRules {
  readonly last?: number
  readonly hourly?: number
  readonly daily?: number
  readonly weekly?: number
  readonly monthly?: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** 1970-01-01 was a Thursday. */
const MONDAY_MS = 3 * DAY_MS

const PERIODS: readonly (readonly [keyof KeepRules, (ms: number) => number])[] = [
  ['hourly', (ms) => Math.floor(ms / HOUR_MS)],
  ['daily', (ms) => Math.floor(ms / DAY_MS)],
  ['weekly', (ms) => Math.floor((ms + MONDAY_MS) / (7 * DAY_MS))],
  [
    'monthly',
    (ms) => {
      const date = new Date(ms)
      return date.getUTCFullYear() * 12 + date.getUTCMonth()
    },
  ],
]

/** Whether the rules keep anything at all, and are counts. */
export function areKeepRules(rules: KeepRules): boolean {
  const counts = [rules.last, rules.hourly, rules.daily, rules.weekly, rules.monthly]
  return (
    counts.every((count) => count === undefined || (Number.isSafeInteger(count) && count >= 0)) &&
    counts.some((count) => count !== undefined && count > 0)
  )
}

/**
 * Ids of the backups to keep. One that is dated behind `nowMs` (a clock was wrong) is kept and counts for no rule. The
 * newest is always kept.
 */
export function keptBackups(
  backups: readonly { readonly id: string; readonly createdAt: string }[],
  rules: KeepRules,
  nowMs: number,
): Set<string> {
  const dated = backups
    .map(({ id, createdAt }) => ({ id, ms: Date.parse(createdAt) }))
    .sort((a, b) => b.ms - a.ms || (a.id < b.id ? 1 : -1))
  const kept = new Set(dated.filter(({ ms }) => !(ms <= nowMs)).map(({ id }) => id))
  const past = dated.filter(({ ms }) => ms <= nowMs)
  for (const { id } of past.slice(0, Math.max(rules.last ?? 0, 1))) kept.add(id)
  for (const [rule, periodOf] of PERIODS) {
    const seen = new Set<number>()
    for (const { id, ms } of past) {
      const period = periodOf(ms)
      if (seen.has(period)) continue
      if (seen.size >= (rules[rule] ?? 0)) break
      seen.add(period)
      kept.add(id)
    }
  }
  return kept
}

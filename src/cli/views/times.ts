/** Moments, for people: short, in the time zone of whoever reads; and how long they take. */

/** `2026-11-21 14:05:09`, or the text itself when it is no time. */
export function formatTime(iso: string): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  const two = (number: number): string => String(number).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** What is waited for, its stable reason, and for how long. */
export function waitText(wait: {
  readonly message: string
  readonly reason: string | null
  readonly for_ms: number | null
}): string {
  const { message, reason, for_ms } = wait
  const until = for_ms === null ? '' : `, ${(for_ms / 1000).toFixed(1)} s from now`
  return reason === null ? `${message}${until}` : `${message} (${reason}${until})`
}

const MINUTE_MS = 60_000
const PERIODS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 24 * 60 * MINUTE_MS],
  ['h', 60 * MINUTE_MS],
  ['m', MINUTE_MS],
]

/** `90m`, `12h`, `30d`: by the largest unit that it is a whole number of; else in seconds. */
export function formatPeriod(ms: number): string {
  const [unit, unitMs] = PERIODS.find(([, unitMs]) => ms % unitMs === 0) ?? ['s', 1000]
  return `${ms / unitMs}${unit}`
}

/** Spans of time as people plan by: minutes, hours, days and weeks, which durations of machines do not have. */
import { BlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'

const MINUTE_MS = 60_000
const UNITS_MS: Readonly<Record<string, number>> = {
  m: MINUTE_MS,
  h: 60 * MINUTE_MS,
  d: 24 * 60 * MINUTE_MS,
  w: 7 * 24 * 60 * MINUTE_MS,
}

/** Milliseconds. `flag` names itself in the error (INVALID_ARGUMENT). */
export function parsePeriod(text: string, flag: string): number {
  const match = /^(\d{1,5})(m|h|d|w)$/.exec(text.trim())
  const unit = UNITS_MS[match?.[2] ?? '']
  if (match !== null && unit !== undefined && Number(match[1]) > 0) return Number(match[1]) * unit
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${flag}: '${printable(text)}' is not a time; write a number with m, h, d or w, for example 30d`,
  )
}

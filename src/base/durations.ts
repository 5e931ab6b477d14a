/** Durations as people write them: a number with ms, s, m or h. A bare number is refused: its unit would be a guess. */
import { BlockError } from './errors.ts'

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Parses `text` to milliseconds. `what` names the flag or key in the error (INVALID_ARGUMENT). */
export function parseDuration(text: string, what: string): number {
  const match = /^\s*(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|m|h)\s*$/.exec(text)
  const factor = UNITS_MS[match?.[2] ?? '']
  if (match === null || factor === undefined) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${what}: '${text.trim()}' is not a duration; write a number with ms, s, m or h, for example 30s`,
    )
  }
  return Number(match[1]) * factor
}

/** Figures of rounds, and how they are judged. */

export interface Spread {
  readonly median: number
  readonly least: number
  readonly greatest: number
  readonly all: readonly number[]
}

export interface Verdict {
  readonly what: string
  readonly value: number
  readonly bar: string
  readonly isReached: boolean
}

/** Prints a line, when lines are wanted. */
export type Say = (line: string) => void

export function spread(all: readonly number[]): Spread {
  const sorted = all.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
  return { median, least: sorted[0] ?? Number.NaN, greatest: sorted.at(-1) ?? Number.NaN, all }
}

/** `12345 (12000..13000)`. */
export const shown = ({ median, least, greatest }: Spread, digits = 0): string =>
  `${median.toFixed(digits)} (${least.toFixed(digits)}..${greatest.toFixed(digits)})`

export function judge(verdicts: Verdict[], say: Say, verdict: Verdict): void {
  verdicts.push(verdict)
  const { what, value, bar, isReached } = verdict
  say(`  ${what}: ${value.toFixed(2)}, ${isReached ? 'reached' : 'MISSED'} (bar ${bar})`)
}

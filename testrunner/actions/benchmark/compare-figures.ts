/** Figures of a benchmark held against those of an earlier one. Pure. */
import { isValueMap, type Value } from '../../model/value.ts'

/** By name, e.g. `read.iops`. */
export type NamedFigures = Readonly<Record<string, number>>

export interface Limits {
  /** How much longer a p99 may be, in percent. */
  readonly p99Percent: number
  /** How much lower a rate may be, in percent. */
  readonly iopsPercent: number
}

export interface Regression {
  readonly figure: string
  readonly previous: number
  readonly current: number
  /** Above 0: worse by so much. */
  readonly worsePercent: number
}

/** The rates and latencies in the result of a benchmark, however deep. */
export function figuresIn(result: Value, path = ''): NamedFigures {
  if (!isValueMap(result)) return {}
  const found: Record<string, number> = {}
  for (const [key, value] of Object.entries(result)) {
    const name = path === '' ? key : `${path}.${key}`
    if (typeof value === 'number' && directionOf(key) !== null) found[name] = value
    else Object.assign(found, figuresIn(value, name))
  }
  return found
}

/** Those that are worse than they may be. A figure that one side lacks is compared with nothing. */
export function compareFigures(
  current: NamedFigures,
  previous: NamedFigures,
  limits: Limits,
): readonly Regression[] {
  return Object.entries(current).flatMap(([figure, now]): Regression[] => {
    const before = previous[figure]
    const direction = directionOf(figure.slice(figure.lastIndexOf('.') + 1))
    if (before === undefined || before <= 0 || direction === null) return []
    const worsePercent = (direction === 'lower' ? now / before - 1 : 1 - now / before) * 100
    const limit = direction === 'lower' ? limits.p99Percent : limits.iopsPercent
    // a hundredth of a percent is what arithmetic may add
    return worsePercent > limit + 0.01 ? [{ figure, previous: before, current: now, worsePercent }] : []
  })
}

/** Which of two is better, of a figure of this name; null for one that no gate is about. */
function directionOf(name: string): 'higher' | 'lower' | null {
  if (/^(iops|tps)$/.test(name)) return 'higher'
  return /^(p99_us|p99Ms)$/.test(name) ? 'lower' : null
}

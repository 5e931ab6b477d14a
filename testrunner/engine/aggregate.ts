/** One value of those that the rounds of a repeated phase saved. */
import type { Phase } from '../model/scenario.ts'
import { isValueMap, type Value, type ValueMap } from '../model/value.ts'

export type AggregateRule = Pick<Phase, 'aggregate' | 'trimPercent'>

/**
 * Of numbers, their mean or median after `trimPercent` of all were left out at each end; of maps the same by key; of
 * anything else, and with `none`, the last. `values`: at least one, in the order of rounds.
 */
export function aggregated(values: readonly Value[], rule: AggregateRule): Value {
  const last = values.at(-1) ?? null
  if (rule.aggregate === 'none') return last
  const numbers = values.filter((value) => typeof value === 'number')
  if (numbers.length === values.length) {
    const kept = trimmed(numbers, rule.trimPercent)
    return rule.aggregate === 'mean' ? mean(kept) : median(kept)
  }
  const maps = values.filter(isValueMap)
  return maps.length === values.length && isValueMap(last) ? byKey(last, maps, rule) : last
}

function byKey(last: ValueMap, maps: readonly ValueMap[], rule: AggregateRule): ValueMap {
  const entries = Object.entries(last).map(([key, value]) => {
    const all = maps.filter((map) => Object.hasOwn(map, key)).map((map) => map[key] ?? null)
    return [key, all.length === maps.length ? aggregated(all, rule) : value] as const
  })
  return Object.fromEntries(entries)
}

/** How many of `count` values are left out at each end. */
export const trimCount = (count: number, percent: number): number => Math.floor((count * percent) / 100)

/** In ascending order. */
function trimmed(numbers: readonly number[], percent: number): readonly number[] {
  const sorted = [...numbers].sort((a, b) => a - b)
  const out = trimCount(sorted.length, percent)
  return sorted.slice(out, sorted.length - out)
}

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, one) => sum + one, 0) / numbers.length

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2
  return Number.isInteger(middle) ? mean(sorted.slice(middle - 1, middle + 1)) : sorted[Math.floor(middle)]!
}

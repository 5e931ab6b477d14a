/** How steps name a metric, and its figure now. */
import type { Arguments } from '../../model/parameter.ts'
import { anything, machineName, oneOf, optional, text, withDefault } from '../../model/parameters.ts'
import { isValueMap, type Value } from '../../model/value.ts'
import type { ActionContext } from '../action.ts'
import { type Expectations, unmet } from './expectations.ts'
import { REDUCTIONS, reduceSamples, selectSamples } from './exposition.ts'
import { badArgument } from './failures.ts'
import { metricsOf } from './metrics.ts'

export const METRIC = {
  metric: text('its name, e.g. basalt_epoch'),
  labels: optional(anything('labels that it must have, e.g. {volume: db1}')),
  from: withDefault(
    machineName('the daemon: s1, m1, leader:VOLUME, replica:VOLUME; or all', ['s', 'm']),
    'all',
  ),
  reduce: withDefault(oneOf(REDUCTIONS, 'what is made of several'), 'sum'),
} as const

export type MetricArguments = Arguments<typeof METRIC>

/** Null when nobody has it. */
export async function metricNow(
  context: ActionContext,
  { metric, labels, from, reduce }: MetricArguments,
): Promise<number | null> {
  const samples = selectSamples(await metricsOf(context, from), metric, labelsOf(labels))
  return reduceSamples(samples, reduce) ?? null
}

/** In which way it is not as expected; null when it is. */
export const unmetMetric = (value: number | null, expected: Expectations): string | null =>
  value === null ? 'nobody has it' : unmet(value, expected)

function labelsOf(labels: Value | undefined): Record<string, string> {
  if (labels === undefined) return {}
  if (!isValueMap(labels)) throw badArgument('labels: write names and values, e.g. {volume: db1}')
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, `${value as string}`]))
}

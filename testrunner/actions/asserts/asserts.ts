/** Actions that state something of the cluster. */
import { fetchEvents } from '../../../src/client/wire/cluster.ts'
import { anything, integer, machineName, optional, text, truth, withDefault } from '../../model/parameters.ts'
import type { Value } from '../../model/value.ts'
import { type Action, defineAction } from '../action.ts'
import { request } from '../cluster/api.ts'
import { EXPECTATIONS, unmet } from '../shared/expectations.ts'
import { asValue, badArgument, notAsStated } from '../shared/failures.ts'
import { fieldOf } from '../shared/fields.ts'
import { seriesOf } from '../shared/series.ts'
import { daemonOf } from '../shared/servers.ts'
import { ASSERT_REFUSED } from './assert-refused.ts'
import { ASSERT_LEADER, ASSERT_REPLICA, ASSERT_VOLUME } from './states.ts'

const ASSERT_API = defineAction({
  name: 'assert_api',
  group: 'assert',
  summary: "A field of an answer of the master's API is as expected, or the request is refused as told",
  parameters: {
    path: text('the path, e.g. /block/status'),
    field: withDefault(text('place in the answer, e.g. volumes.0.name or volumes.length'), ''),
    ...EXPECTATIONS,
    status: optional(integer('status of the refusal', 300, 599)),
    reason: optional(text('reason of the refusal')),
  },
  result: 'the field, or the refusal',
  run: async (context, { path, field, status, reason, ...expected }) => {
    const answer = await request(context, 'GET', path)
    if (status !== undefined || reason !== undefined) {
      const isRight =
        (status ?? answer.status) === answer.status && (reason ?? answer.reason) === answer.reason
      if (!isRight)
        throw notAsStated(`GET ${path} answered ${answer.status}`, asValue({ status, reason }), answer)
      return answer
    }
    if (answer.status !== 200) throw notAsStated(`GET ${path} was refused: ${answer.message}`, 200, answer)
    const found = fieldOf(answer.body ?? null, field)
    const wrong = unmet(found, expected)
    if (wrong !== null)
      throw notAsStated(`${field || 'the answer'} of ${path}: ${wrong}`, asValue(expected), found ?? null)
    return found
  },
})

const LOG_LINES = 20

const ASSERT_LOG = defineAction({
  name: 'assert_log',
  group: 'assert',
  summary: "A daemon's log has a line, or has none such, in its last 64 KiB",
  parameters: {
    daemon: machineName('s1, m1, leader:VOLUME, …', ['s', 'm']),
    matches: text('regular expression for a line'),
    there: withDefault(truth('false: no line matches'), true),
  },
  result: 'the lines that match, at most 20',
  run: async (context, { daemon: name, matches, there }) => {
    const daemon = await daemonOf(context, name)
    const pattern = patternOf(matches)
    const lines = (await daemon.log()).split('\n')
    const found = lines.filter((line) => pattern.test(line)).slice(-LOG_LINES)
    if (found.length > 0 === there) return found
    const message = there
      ? `no line of ${daemon.name} matches ${matches}`
      : `${daemon.name} logged what it must not`
    throw notAsStated(message, matches, there ? lines.slice(-LOG_LINES) : found)
  },
})

function patternOf(source: string): RegExp {
  try {
    return new RegExp(source, 'u')
  } catch {
    throw badArgument(`matches: '${source}' is not a regular expression`)
  }
}

const EVENTS = 1000

const ASSERT_EVENTS = defineAction({
  name: 'assert_events',
  group: 'assert',
  summary: 'The log of events has so many events of a kind',
  parameters: {
    kind: text('beginning of their kind, e.g. volume.promoted'),
    volume: optional(text('only those of this volume')),
    server: optional(text('only those of this server, by its name or id in the cluster')),
    after: optional(integer('only those with a greater number')),
    at_least: withDefault(integer('so many, or more'), 1),
    at_most: optional(integer('so many, or fewer')),
  },
  result: '{count, last: number of the last event of all, events}',
  run: async ({ world }, { kind, at_least: least, at_most: most, ...filter }) => {
    const all = await fetchEvents(world.cluster.api, { ...filter, limit: EVENTS })
    const found = all.filter((event) => event.kind.startsWith(kind))
    const count = found.reduce((sum, event) => sum + event.count, 0)
    if (count < least || count > (most ?? count)) {
      const expected = { kind, at_least: least, ...(most !== undefined && { at_most: most }) }
      throw notAsStated(`${count} events of ${kind}`, expected, asValue(all.slice(-LOG_LINES)))
    }
    return { count, last: all.at(-1)?.number ?? 0, events: asValue(found.slice(-LOG_LINES)) }
  },
})

const ASSERT_MONOTONIC = defineAction({
  name: 'assert_monotonic',
  group: 'assert',
  summary: 'Numbers never go down: those of a sampled series, or a list that was saved',
  parameters: {
    series: optional(text('name that metrics_start_sampling gave')),
    values: optional(anything('a list of numbers')),
    strict: withDefault(truth('each is greater than the one before'), false),
    count: withDefault(integer('there are so many, or more'), 2),
  },
  result: '{count, first, last}',
  run: async ({ world }, { series, values: given, strict, count }) => {
    const values = series === undefined ? numbersIn(given) : seriesOf(world, series).values()
    if (values.length < count)
      throw notAsStated(`there are only ${values.length} numbers`, count, [...values])
    const fall = values.findIndex((value, at) => {
      const before = values[at - 1]
      return before !== undefined && (strict ? value <= before : value < before)
    })
    if (fall >= 0) {
      const around = values.slice(Math.max(0, fall - 3), fall + 3)
      throw notAsStated(`${values[fall - 1]} is followed by ${values[fall]}`, 'never less', around)
    }
    return { count: values.length, first: values[0] ?? null, last: values.at(-1) ?? null }
  },
})

function numbersIn(given: Value | undefined): readonly number[] {
  if (Array.isArray(given) && given.every((one) => typeof one === 'number')) return given as readonly number[]
  throw badArgument('give series, or values: a list of numbers', given ?? null)
}

export const ASSERT_ACTIONS: readonly Action[] = [
  ...[ASSERT_VOLUME, ASSERT_REPLICA, ASSERT_LEADER, ASSERT_REFUSED],
  ...[ASSERT_API, ASSERT_LOG, ASSERT_EVENTS, ASSERT_MONOTONIC],
]

/** Actions about the daemons' metrics. */
import { duration, machineName, text, withDefault } from '../../model/parameters.ts'
import { type Action, defineAction } from '../action.ts'
import { EXPECTATIONS } from '../shared/expectations.ts'
import { parseExposition } from '../shared/exposition.ts'
import { asValue, couldNot, notAsStated } from '../shared/failures.ts'
import { METRIC, metricNow, unmetMetric } from '../shared/metric-parameters.ts'
import { addSeries, Series, seriesOf } from '../shared/series.ts'
import { daemonOf } from '../shared/servers.ts'

const METRICS_SCRAPE = defineAction({
  name: 'metrics_scrape',
  group: 'metrics',
  summary: "Keep a daemon's metrics as they are now in the bundle",
  parameters: {
    from: machineName('the daemon: s1, m1, leader:VOLUME, …', ['s', 'm']),
    file: withDefault(text('name of the file'), 'metrics'),
  },
  result: '{samples}: how many there are',
  run: async (context, { from, file }) => {
    const daemon = await daemonOf(context, from)
    const exposition = await daemon.metrics()
    await context.artifact(`metrics/${file}-${daemon.name}.prom`, exposition, `metrics of ${daemon.name}`)
    return { samples: parseExposition(exposition).length }
  },
})

const METRIC_VALUE = defineAction({
  name: 'metric_value',
  group: 'metrics',
  summary: 'Look at a metric of a daemon, or of all of them',
  parameters: METRIC,
  result: 'the number',
  run: async (context, args) => {
    const value = await metricNow(context, args)
    if (value === null) throw couldNot(`nobody has a metric ${args.metric} with these labels`, asValue(args))
    return value
  },
})

const ASSERT_METRIC = defineAction({
  name: 'assert_metric',
  group: 'metrics',
  summary: 'A metric of a daemon, or of all of them, is as expected now',
  parameters: { ...METRIC, ...EXPECTATIONS },
  result: 'the number',
  run: async (context, args) => {
    const value = await metricNow(context, args)
    const wrong = unmetMetric(value, args)
    if (wrong !== null) throw notAsStated(`${args.metric}: ${wrong}`, asValue(args), value)
    return value
  },
})

const SERIES = text('name of the series, for the report and for assert_monotonic')

const METRICS_START_SAMPLING = defineAction({
  name: 'metrics_start_sampling',
  group: 'metrics',
  summary: 'Take a metric again and again beside the following steps; the report plots it',
  parameters: {
    series: SERIES,
    ...METRIC,
    every: withDefault(duration('time between samples'), '500ms'),
    unit: withDefault(text('unit, for the plot'), ''),
  },
  run: async (context, { series: name, every, unit, ...metric }) => {
    const { world, clock, sample } = context
    const series = new Series(clock)
    addSeries(world, name, series)
    // it goes on when the step is over, and with it the step's signal
    const beside = { ...context, signal: new AbortController().signal, progress: () => undefined }
    series.begin(
      every,
      () => metricNow(beside, metric),
      (value) => sample(name, value, unit),
    )
    world.atEnd(`series ${name}`, async () => series.end())
    return undefined
  },
})

const METRICS_STOP_SAMPLING = defineAction({
  name: 'metrics_stop_sampling',
  group: 'metrics',
  summary: 'End a series, and look at what it came to',
  parameters: { series: SERIES },
  result: '{count, first, last, min, max, mean}',
  run: async ({ world }, { series: name }) => {
    const series = seriesOf(world, name)
    series.end()
    return series.summary()
  },
})

export const METRIC_ACTIONS: readonly Action[] = [
  ...[METRICS_SCRAPE, METRIC_VALUE, ASSERT_METRIC],
  ...[METRICS_START_SAMPLING, METRICS_STOP_SAMPLING],
]

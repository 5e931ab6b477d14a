/** Figures are kept, and new ones are held against them. */
import { appendFile, readFile } from 'node:fs/promises'
import { isSystemError } from '../../../src/io/system-error.ts'
import { StepFailure } from '../../model/failure.ts'
import { anything, number, optional, text, withDefault } from '../../model/parameters.ts'
import type { Value } from '../../model/value.ts'
import { defineAction, type World } from '../action.ts'
import { asValue, badArgument } from '../shared/failures.ts'
import {
  appendBaseline,
  type BaselineKey,
  baselineOf,
  compareFigures,
  directionOf,
  type Figures,
  figuresOf,
  readBaselines,
} from './baseline.ts'

/** Under which name a run's command leaves the path of its baseline in `World.shared`. */
export const BASELINE_FILE = 'baseline file'

const FIGURES = {
  figures: anything('what bench_run, fio_run or pgbench_run saved'),
  name: withDefault(text('of the benchmark, where a scenario has several'), 'bench'),
  file: optional(
    text('the baseline: a file of the machine that runs this; the one of --baseline unless told'),
  ),
} as const

interface Named {
  readonly figures: Value
  readonly name: string
  readonly file: string | undefined
}

/** Those of them that a gate is about. */
export function gatedFigures(result: Value): Figures {
  const found = Object.entries(figuresOf(result)).filter(([name]) => directionOf(name) !== null)
  if (found.length === 0) throw badArgument('figures: there is no rate and no p99 in it', result)
  return Object.fromEntries(found)
}

const pathOf = ({ shared }: World, { file }: Named): string | undefined =>
  file ?? (shared.get(BASELINE_FILE) as string | undefined)

const keyOf = ({ scenario, place }: World, name: string): BaselineKey => ({
  scenario: `${scenario.name}#${name}`,
  variant: scenario.variant,
  backend: `${place.facts.backend ?? place.hostKind}`,
})

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return ''
    throw error
  }
}

export const benchBaseline = defineAction({
  name: 'bench_baseline',
  group: 'benchmark',
  summary: 'Append figures to the baseline; nothing is done in a run without one',
  parameters: FIGURES,
  result: 'true when they were appended',
  async run({ world, clock }, named) {
    const path = pathOf(world, named)
    const figures = gatedFigures(named.figures)
    if (path === undefined) return false
    const baseline = {
      ...keyOf(world, named.name),
      at: new Date(clock.wallMs()).toISOString(),
      productVersion: `${world.place.facts.product ?? 'this one'}`,
      figures,
    }
    await appendFile(path, appendBaseline(baseline, (await textOf(path)).slice(-1)))
    return true
  },
})

export const benchGate = defineAction({
  name: 'bench_gate',
  group: 'benchmark',
  summary:
    'Compare figures with the last ones of the baseline, and fail when they are worse than they may be',
  parameters: {
    ...FIGURES,
    p99_percent: withDefault(number('how much longer a p99 may be'), 10),
    iops_percent: withDefault(number('how much lower a rate may be'), 5),
  },
  result: 'is_compared: false when the baseline has none of them',
  async run(context, { p99_percent, iops_percent, ...named }) {
    const { world } = context
    const path = pathOf(world, named)
    const current = gatedFigures(named.figures)
    const previous =
      path === undefined ? null : baselineOf(readBaselines(await textOf(path)), keyOf(world, named.name))
    if (previous === null) {
      context.progress(
        path === undefined ? 'there is no baseline' : `${path} has no figures of ${named.name}`,
      )
      return { is_compared: false }
    }
    const limits = { latencyPercent: p99_percent, ratePercent: iops_percent }
    const regressions = compareFigures(current, previous.figures, limits)
    const [first] = regressions
    if (first === undefined) return { is_compared: true }
    const all = regressions.map((one) => one.text).join('; ')
    throw new StepFailure(
      'REGRESSION',
      `${named.name}: ${all}`,
      asValue({ regressions, current, previous: previous.figures }),
    )
  },
})

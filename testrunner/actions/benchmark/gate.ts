/** Figures are kept, and new ones are held against them. */
import { StepFailure } from '../../model/failure.ts'
import { anything, number, optional, text, withDefault } from '../../model/parameters.ts'
import { DEFAULT_VARIANT } from '../../model/scenario.ts'
import type { Value } from '../../model/value.ts'
import { defineAction, type World } from '../action.ts'
import { asValue, badArgument } from '../shared/failures.ts'
import {
  appendBaseline,
  BASELINE_FILE,
  type BaselineKey,
  lastFigures,
  readBaseline,
} from './baseline-file.ts'
import { compareFigures, figuresIn, type NamedFigures } from './compare-figures.ts'

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

function namedFigures(figures: Value): NamedFigures {
  const found = figuresIn(figures)
  if (Object.keys(found).length === 0)
    throw badArgument('figures: there is no iops, tps or p99_us in it', figures)
  return found
}

const pathOf = ({ shared }: World, { file }: Named): string | undefined =>
  file ?? (shared.get(BASELINE_FILE) as string | undefined)

function keyOf({ scenario, place }: World, name: string): BaselineKey {
  const variant = scenario.variant === DEFAULT_VARIANT ? '' : `@${scenario.variant}`
  return { scenario: `${scenario.name}${variant}`, name, backend: `${place.facts.backend ?? place.hostKind}` }
}

export const benchBaseline = defineAction({
  name: 'bench_baseline',
  group: 'benchmark',
  summary: 'Append figures to the baseline; nothing is done in a run without one',
  parameters: FIGURES,
  result: 'true when they were appended',
  async run({ world, clock }, named) {
    const path = pathOf(world, named)
    const figures = namedFigures(named.figures)
    if (path === undefined) return false
    await appendBaseline(path, keyOf(world, named.name), figures, clock.wallMs())
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
    const current = namedFigures(named.figures)
    const previous =
      path === undefined ? undefined : lastFigures(await readBaseline(path), keyOf(world, named.name))
    if (previous === undefined) {
      context.progress(
        path === undefined ? 'there is no baseline' : `${path} has no figures of ${named.name}`,
      )
      return { is_compared: false }
    }
    const regressions = compareFigures(current, previous, {
      p99Percent: p99_percent,
      iopsPercent: iops_percent,
    })
    const [worst] = [...regressions].sort((a, b) => b.worsePercent - a.worsePercent)
    if (worst === undefined) return { is_compared: true }
    throw new StepFailure(
      'REGRESSION',
      `${named.name}: ${worst.figure} is ${worst.worsePercent.toFixed(1)} % worse: ${worst.current}, was ${worst.previous}`,
      asValue({ regressions, current, previous }),
    )
  },
})

/**
 * Figures of benchmarks that later ones are held against: lines of JSON that are only ever appended, the newest of a scenario,
 * variant and backend being its baseline. Whoever appends decides that figures are good: a gate that did it with each run
 * would let a product get slower a little each time.
 */
import { isValueMap, type Value } from '../../model/value.ts'

/** Names that end in `_iops`, `iops`, `_per_second`, …: see `directionOf`. */
export type Figures = Readonly<Record<string, number>>

export interface BaselineKey {
  readonly scenario: string
  readonly variant: string
  readonly backend: string
}

export interface Baseline extends BaselineKey {
  /** ISO 8601. */
  readonly at: string
  readonly productVersion: string
  readonly figures: Figures
}

export interface RegressionLimits {
  /** How much greater a latency may be. */
  readonly latencyPercent: number
  /** How much less IOPS or throughput may be. */
  readonly ratePercent: number
}

const REGRESSION_LIMITS: RegressionLimits = { latencyPercent: 10, ratePercent: 5 }

export interface Regression {
  readonly figure: string
  /** Null: it was not measured this time. */
  readonly current: number | null
  readonly previous: number
  /** Positive: greater than before. */
  readonly changePercent: number | null
  /** `write.p99Ms is 5.5, was 4: +37.5 %, at most +10 % is allowed`. */
  readonly text: string
}

/**
 * What got worse than `limits` allow: of `previous`, every p99 and every rate. Other figures are for information; one that
 * is new has nothing to be worse than.
 */
export function compareFigures(
  current: Figures,
  previous: Figures,
  limits: RegressionLimits = REGRESSION_LIMITS,
): readonly Regression[] {
  return Object.entries(previous).flatMap(([figure, before]) => {
    const direction = directionOf(figure)
    if (direction === null) return []
    const now = Object.hasOwn(current, figure) ? current[figure]! : null
    return compareOne(figure, { now, before, direction }, limits) ?? []
  })
}

/** `lower` and `higher` are better. By the last part of the name: `write.p99Ms`, `read_p99_us`; `iops`, `write.mibPerSecond`. */
export function directionOf(figure: string): 'lower' | 'higher' | null {
  const name = figure.slice(figure.lastIndexOf('.') + 1).toLowerCase()
  if (/(^|_)p99(?!\d)/.test(name) || /p99(ms|us|_ms|_us)?$/.test(name)) return 'lower'
  if (/iops|tps|persecond|per_second/.test(name)) return 'higher'
  return null
}

function compareOne(
  figure: string,
  { now, before, direction }: { now: number | null; before: number; direction: 'lower' | 'higher' },
  { latencyPercent, ratePercent }: RegressionLimits,
): Regression | null {
  if (now === null || !Number.isFinite(now))
    return {
      ...{ figure, current: null, previous: before, changePercent: null },
      text: `${figure} was not measured, was ${shown(before)}`,
    }
  const allowed = direction === 'lower' ? latencyPercent : -ratePercent
  const limit = before * (1 + allowed / 100)
  // of floating point, not of the product
  const slack = Math.abs(limit) * 1e-9
  const isWorse = direction === 'lower' ? now > limit + slack : now < limit - slack
  if (!isWorse) return null
  const changePercent = before === 0 ? null : ((now - before) / Math.abs(before)) * 100
  const bound = `${direction === 'lower' ? 'at most' : 'no less than'} ${signed(allowed)} % is allowed`
  const change = changePercent === null ? '' : `${signed(changePercent)} %, `
  const text = `${figure} is ${shown(now)}, was ${shown(before)}: ${change}${bound}`
  return { figure, current: now, previous: before, changePercent, text }
}

const shown = (value: number): string => `${Number(value.toPrecision(5))}`
const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Number(Math.abs(value).toFixed(1))}`

/** `text`: of the file. Lines that are no baselines are left out, such as one that a crash tore. */
export const readBaselines = (text: string): readonly Baseline[] =>
  text.split('\n').flatMap((line) => parseBaseline(line) ?? [])

/** What is to be appended to a file that ends with `endOfFile`: a torn last line stays alone. */
export const appendBaseline = (baseline: Baseline, endOfFile = ''): string =>
  `${endOfFile === '' || endOfFile.endsWith('\n') ? '' : '\n'}${JSON.stringify(baseline)}\n`

/** The newest with this key; null when there is none. */
export const baselineOf = (baselines: readonly Baseline[], key: BaselineKey): Baseline | null =>
  baselines.findLast(
    ({ scenario, variant, backend }) =>
      scenario === key.scenario && variant === key.variant && backend === key.backend,
  ) ?? null

/** Numbers in `value` by their path, e.g. `write.p99Ms`. */
export function figuresOf(value: Value, prefix = ''): Figures {
  if (typeof value === 'number') return { [prefix]: value }
  if (!isValueMap(value)) return {}
  const parts = Object.entries(value).map(([name, one]) =>
    figuresOf(one, prefix === '' ? name : `${prefix}.${name}`),
  )
  return Object.assign({}, ...parts)
}

function parseBaseline(line: string): Baseline | null {
  let value: Value
  try {
    value = JSON.parse(line) as Value
  } catch {
    return null
  }
  if (!isValueMap(value)) return null
  const { scenario, variant, backend, at, productVersion, figures } = value
  if (typeof scenario !== 'string' || typeof variant !== 'string' || typeof backend !== 'string') return null
  if (typeof at !== 'string' || typeof productVersion !== 'string') return null
  if (!isValueMap(figures) || Object.values(figures).some((one) => typeof one !== 'number')) return null
  return { scenario, variant, backend, at, productVersion, figures: figures as Figures }
}

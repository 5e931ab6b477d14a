/** Reads what /metrics answers (the text format of Prometheus, as prom-client writes it). */
export interface MetricSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\d+)?$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** Comments and what is no sample are passed over. */
export function parseExposition(text: string): readonly MetricSample[] {
  const samples: MetricSample[] = []
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] = LINE.exec(line.trim()) ?? []
    if (name === undefined || value === undefined) continue
    samples.push({ name, labels: labelsOf(labels), value: numberOf(value) })
  }
  return samples
}

/** Those called `name` that have all of `labels`. */
export const selectSamples = (
  samples: readonly MetricSample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): readonly MetricSample[] =>
  samples.filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  )

export const REDUCTIONS = ['sum', 'max', 'min', 'mean', 'count'] as const
export type Reduction = (typeof REDUCTIONS)[number]

/** One figure of many; undefined when there is none and their number is not what was asked. */
export function reduceSamples(samples: readonly MetricSample[], how: Reduction): number | undefined {
  const values = samples.map(({ value }) => value)
  if (how === 'count') return values.length
  if (values.length === 0) return undefined
  const sum = values.reduce((total, value) => total + value, 0)
  if (how === 'sum') return sum
  if (how === 'mean') return sum / values.length
  return how === 'max' ? Math.max(...values) : Math.min(...values)
}

const labelsOf = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(LABEL)].map(([, key, value]) => [key ?? '', unescaped(value ?? '')]))

const unescaped = (text: string): string =>
  text.replace(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter))

const numberOf = (text: string): number =>
  text === '+Inf' ? Number.POSITIVE_INFINITY : text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text)

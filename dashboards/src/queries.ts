/** Expressions that several panels share. */
import type { Panel, Query, Threshold } from './grafana.ts'

/** Four scrapes, or more where the graph is coarse. */
const OVER = '$__rate_interval'

/** The series of the volume that is chosen. */
export const OF = '{volume="$volume"}'

/** Of counters: how much a second, added up by `by`. */
export const rate = (series: string, by = ''): string => `sum${group(by)} (rate(${series}[${OVER}]))`

/** Of a histogram's observations of late, by `by`. */
export const quantile = (share: number, histogram: string, by = ''): string => {
  const [, name = '', labels = ''] = /^(\w+)(\{.*\})?$/.exec(histogram) ?? []
  const labelNames = ['le', ...by.split(', ').filter((label) => label !== '')].join(', ')
  return `histogram_quantile(${share}, sum by (${labelNames}) (rate(${name}_bucket${labels}[${OVER}])))`
}

/** Median and 99 % of a histogram, by `by`. */
export const quantiles = (histogram: string, by = '', of = ''): readonly Query[] =>
  [0.5, 0.99].map((share) => ({
    expr: quantile(share, histogram, by),
    legend: [of, `p${share * 100}`].filter((part) => part !== '').join(' '),
  }))

/** In a graph of many things only those that matter. */
export const top = (count: number, expr: string): string => `topk(${count}, ${expr})`

const group = (by: string): string => (by === '' ? '' : ` by (${by})`)

type Common = Pick<Panel, 'title' | 'description' | 'unit'> & Partial<Omit<Panel, 'kind'>>

/** A graph. */
export const graph = (panel: Common & Pick<Panel, 'queries'>): Panel => ({ kind: 'timeseries', ...panel })

/** One figure. */
export const figure = (panel: Common & { readonly expr: string; readonly legend?: string }): Panel => {
  const { expr, legend = '', ...rest } = panel
  return { kind: 'stat', queries: [{ expr, legend }], ...rest }
}

/** What is there at this moment, line by line. */
export const list = (panel: Common & { readonly expr: string }): Panel => {
  const { expr, ...rest } = panel
  return { kind: 'table', queries: [{ expr, legend: '' }], ...rest }
}

/** Anything above 0 is bad. */
export const NONE_IS_GOOD: readonly Threshold[] = [[1, 'red']]
export const NONE_IS_BEST: readonly Threshold[] = [[1, 'yellow']]

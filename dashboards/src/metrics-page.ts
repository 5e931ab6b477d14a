/** The tables of `docs/metrics.md`, of what is registered. */
import { type CataloguedMetric, catalog, PROCESSES, type ProcessName } from './catalog.ts'

const TITLE: Readonly<Record<ProcessName, string>> = {
  server: '`basalt server`',
  target: '`basalt target`',
  master: '`basalt master`',
  csi: '`basalt csi`',
}

const HEAD = `# Metrics

Every metric that a process of Basalt shows at \`/metrics\`. [observability.md](observability.md) says how they are collected, and
what dashboards and alerts make of them.

A counter begins at 0 with its process. A histogram is three series, \`NAME_bucket\` with the label \`le\`, \`NAME_sum\` and
\`NAME_count\`; its bounds are powers of two from 16 µs to 33.5 s. \`server\` and \`replica\` are ids of servers: \`server\` is the one
that tells, \`replica\` another one that it tells of. \`volume\` is a volume's name. What a primary tells is there while it leads.

This page is made of what the processes register (\`npm run dashboards\`).
`

/** The whole page. */
export function metricsPage(): string {
  const groups = Map.groupBy(catalog(), ({ of }) => titleOf(of))
  const sections = [...groups].sort(([a], [b]) => rankOf(a) - rankOf(b))
  return [HEAD, ...sections.map(([title, metrics]) => section(title, metrics))].join('\n')
}

const titleOf = (of: readonly ProcessName[]): string =>
  of.length === PROCESSES.length ? 'Every process' : of.map((process) => TITLE[process]).join(' and ')

const rankOf = (title: string): number => (title === 'Every process' ? 100 : title.length)

function section(title: string, metrics: readonly CataloguedMetric[]): string {
  const rows = metrics.map(({ name, type, labelNames, help }) => [
    `\`${name}\``,
    type,
    labelNames.map((label) => `\`${label}\``).join(', '),
    unitOf(name),
    help,
  ])
  const head = ['metric', 'type', 'labels', 'unit', 'meaning']
  return `## ${title}\n\n${table([head, ...rows])}\n`
}

/** A table in columns, as people would align it. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  const rule = widths.map((width) => '-'.repeat(width))
  return [line(rows[0]!), line(rule), ...rows.slice(1).map(line)].join('\n')
}

const UNITS: readonly (readonly [end: RegExp, unit: string])[] = [
  [/_timestamp_seconds$/, 'seconds since 1970'],
  [/^(?:basalt_time|process_start_time|basalt_master_(?:backup|scrub)_last)_seconds$/, 'seconds since 1970'],
  [/_seconds(?:_total)?$/, 'seconds'],
  [/_bytes(?:_total)?$/, 'bytes'],
  [/_ratio$/, '0 to 1'],
  [/_lsn$/, 'LSN'],
]

const unitOf = (name: string): string => UNITS.find(([end]) => end.test(name))?.[1] ?? ''

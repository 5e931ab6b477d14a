/** Phases, steps and harm of one scenario over time, as SVG. */
import { durationText } from '../model/duration-text.ts'
import { shortNumber, ticks } from './axis.ts'
import type { MarkReport, ScenarioReport, StepReport } from './collect.ts'
import { harmBands } from './harm.ts'
import { type Markup, markup } from './markup.ts'

const WIDTH = 1100
const LEFT = 240
const RIGHT = 60
const ROW = 18
/** Rows at most; of more steps, those that failed and the longest are drawn. */
const STEPS_MAX = 80
const LABEL_CHARS = 34
/** Of a mark's label, in the font of the page. */
const CHAR_WIDTH = 6.2
const MARK_ROWS_MAX = 6

interface Row {
  readonly kind: 'phase' | 'step'
  readonly label: string
  readonly startedMs: number
  readonly endedMs: number
  readonly outcome: string
}

export function timelineSvg(report: ScenarioReport): Markup {
  const spanMs = Math.max(1, report.endedMs - report.startedMs)
  const x = (atMs: number) =>
    round(LEFT + (Math.min(Math.max(atMs - report.startedMs, 0), spanMs) / spanMs) * (WIDTH - LEFT - RIGHT))
  const labels = placeLabels(report.marks, x)
  const top = 8 + ROW * (1 + Math.max(0, ...labels.map(({ row }) => row + 1)))
  const { rows, leftOut } = rowsOf(report)
  const height = top + rows.length * ROW + 30 + (leftOut > 0 ? ROW : 0)
  const bottom = top + rows.length * ROW
  return markup`<svg class="timeline" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="timeline">
${harmBands(report.marks, report.endedMs).map(
  ({ startMs, endMs }) =>
    markup`<rect class="harm" x="${x(startMs)}" y="${top - 4}" width="${round(Math.max(1, x(endMs) - x(startMs)))}" height="${bottom - top + 4}"/>`,
)}
${ticks(0, spanMs / 1000, 8)
  .filter((time) => time * 1000 <= spanMs)
  .map((time) => axisTick(x(report.startedMs + time * 1000), time, top, bottom))}
${rows.map((row, at) => rowSvg(row, top + at * ROW, x))}
${labels.map(({ mark, row, left }) => markSvg(mark, { left, top: 14 + row * ROW, bottom, at: x(mark.atMs) }))}
${leftOut > 0 ? markup`<text class="tick" x="8" y="${height - 8}">${leftOut} shorter steps are in the table only</text>` : null}
</svg>`
}

const axisTick = (at: number, time: number, top: number, bottom: number): Markup =>
  markup`<line class="grid" x1="${at}" x2="${at}" y1="${top - 4}" y2="${bottom}"/>
<text class="tick" x="${at}" y="${bottom + 16}" text-anchor="middle">${shortNumber(time)} s</text>`

function rowSvg(row: Row, top: number, x: (atMs: number) => number): Markup {
  const [from, to] = [x(row.startedMs), x(row.endedMs)]
  const time = durationText(Math.max(0, row.endedMs - row.startedMs))
  const isPhase = row.kind === 'phase'
  return markup`<g><title>${row.label}: ${row.outcome}, ${time}</title>
<text class="${row.kind}-label" x="${isPhase ? 8 : 20}" y="${top + 12.5}">${shortened(row.label)}</text>
<rect class="bar ${row.kind} ${row.outcome}" x="${from}" y="${top + (isPhase ? 7 : 3)}" width="${round(Math.max(2, to - from))}" height="${isPhase ? 4 : 12}"/>
${isPhase ? null : markup`<text class="tick" x="${round(Math.max(to, from + 2) + 4)}" y="${top + 12.5}">${time}</text>`}</g>`
}

function markSvg(
  mark: MarkReport,
  { left, top, bottom, at }: { left: number; top: number; bottom: number; at: number },
): Markup {
  const kind = mark.isHarm ? 'harm' : 'healed'
  return markup`<g><title>${mark.what}</title><line class="mark ${kind}" x1="${at}" x2="${at}" y1="${top + 3}" y2="${bottom}"/>
<text class="mark-label ${kind}" x="${left}" y="${top}">${shortened(mark.what)}</text></g>`
}

interface Label {
  readonly mark: MarkReport
  readonly row: number
  readonly left: number
}

/** In rows above the bars, none over another as long as there are rows. */
function placeLabels(marks: readonly MarkReport[], x: (atMs: number) => number): readonly Label[] {
  const freeFrom = Array.from({ length: MARK_ROWS_MAX }, () => 0)
  return marks.map((mark) => {
    const width = shortened(mark.what).length * CHAR_WIDTH
    const left = round(Math.max(0, Math.min(x(mark.atMs), WIDTH - width - 4)))
    const found = freeFrom.findIndex((free) => free <= left)
    const row = found === -1 ? MARK_ROWS_MAX - 1 : found
    freeFrom[row] = left + width + 8
    return { mark, row, left }
  })
}

function rowsOf(report: ScenarioReport): { readonly rows: readonly Row[]; readonly leftOut: number } {
  const ran = report.steps.filter(({ outcome }) => outcome !== 'skipped')
  const shown = new Set([...ran].sort(byImportance).slice(0, STEPS_MAX))
  const rows: Row[] = []
  const phases = report.phases.filter(({ outcome }) => outcome !== 'skipped')
  for (const phase of phases.slice(0, STEPS_MAX)) {
    const { phase: name, round: number, rounds, ...times } = phase
    rows.push({ kind: 'phase', label: rounds > 1 ? `${name} ${number}/${rounds}` : name, ...times })
    for (const step of ran)
      if (shown.has(step) && step.step.phase === name && step.step.round === number) rows.push(stepRow(step))
  }
  const drawn = rows.filter(({ kind }) => kind === 'step').length
  return { rows, leftOut: ran.length - drawn }
}

const byImportance = (a: StepReport, b: StepReport): number =>
  Number(b.outcome !== 'passed') - Number(a.outcome !== 'passed') ||
  b.endedMs - b.startedMs - (a.endedMs - a.startedMs)

const stepRow = ({ step, startedMs, endedMs, outcome }: StepReport): Row => ({
  ...{ kind: 'step', label: `${step.action}${step.id === null ? '' : ` ${step.id}`}` },
  ...{ startedMs, endedMs, outcome },
})

const shortened = (text: string): string =>
  text.length <= LABEL_CHARS ? text : `${text.slice(0, LABEL_CHARS - 1)}…`

const round = (value: number): number => Math.round(value * 100) / 100

/** One series over time as SVG, with axes, its unit, and when harm was on. */
import { shortNumber, ticks } from './axis.ts'
import type { MarkReport } from './collect.ts'
import { harmBands } from './harm.ts'
import { type Markup, markup } from './markup.ts'
import type { Point, Series } from './series.ts'

const WIDTH = 640
const HEIGHT = 190
/** A pause so many times as long as most breaks the line. */
const GAP_FACTOR = 8
/** And so much of the time that anybody can see it. */
const GAP_SHARE = 0.01
const NEIGHBOURS = 8
const PLOT = { left: 56, right: 22, top: 26, bottom: 28 } as const

export interface PlotOptions {
  readonly startMs: number
  readonly endMs: number
  readonly marks: readonly MarkReport[]
}

/** Null for a series without samples. */
export function plotSvg(series: Series, { startMs, endMs, marks }: PlotOptions): Markup | null {
  const summary = series.summary()
  if (summary === null) return null
  const { min, max } = summary
  const values = ticks(min >= 0 && min <= max / 2 ? 0 : min, max, 4)
  const [low, high] = [values[0]!, values.at(-1)!]
  const times = ticks(0, Math.max(0.001, (endMs - startMs) / 1000), 8)
  const spanMs = times.at(-1)! * 1000
  const x = (atMs: number) =>
    round(
      PLOT.left + (Math.min(Math.max(atMs - startMs, 0), spanMs) / spanMs) * (WIDTH - PLOT.left - PLOT.right),
    )
  const y = (value: number) =>
    round(HEIGHT - PLOT.bottom - ((value - low) / (high - low)) * (HEIGHT - PLOT.top - PLOT.bottom))
  return markup`<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${series.name} in ${series.unit}">
<text class="title" x="${PLOT.left}" y="15">${series.name}${series.unit === '' ? '' : ` (${series.unit})`}</text>
${harmBands(marks, endMs).map(
  ({ startMs: from, endMs: to }) =>
    markup`<rect class="harm" x="${x(from)}" y="${PLOT.top}" width="${round(Math.max(1, x(to) - x(from)))}" height="${HEIGHT - PLOT.top - PLOT.bottom}"/>`,
)}
${values.map(
  (
    value,
  ) => markup`<line class="grid" x1="${PLOT.left}" x2="${WIDTH - PLOT.right}" y1="${y(value)}" y2="${y(value)}"/>
<text class="tick" x="${PLOT.left - 6}" y="${y(value) + 3.5}" text-anchor="end">${shortNumber(value)}</text>`,
)}
${times.map(
  (time) =>
    markup`<text class="tick" x="${x(startMs + time * 1000)}" y="${HEIGHT - 10}" text-anchor="middle">${shortNumber(time)} s</text>`,
)}
${segmentsOf(series.points).map((points) => segmentSvg(points, x, y))}
</svg>`
}

const segmentSvg = (
  points: readonly Point[],
  x: (atMs: number) => number,
  y: (value: number) => number,
): Markup => {
  const [first] = points
  if (points.length === 1)
    return markup`<circle class="dot" cx="${x(first!.atMs)}" cy="${y(first!.value)}" r="2"/>`
  return markup`<polyline class="line" points="${points.map(({ atMs, value }) => `${x(atMs)},${y(value)}`).join(' ')}"/>`
}

/** Where nothing was measured for long there is no line. */
export function segmentsOf(points: readonly Point[]): readonly (readonly Point[])[] {
  const gaps = points.slice(1).map(({ atMs }, at) => atMs - points[at]!.atMs)
  const visible = GAP_SHARE * ((points.at(-1)?.atMs ?? 0) - (points[0]?.atMs ?? 0))
  const segments: Point[][] = []
  for (const [at, point] of points.entries()) {
    const gap = gaps[at - 1]
    if (gap === undefined || (gap > visible && gap > GAP_FACTOR * usualAround(gaps, at - 1)))
      segments.push([point])
    else segments.at(-1)!.push(point)
  }
  return segments
}

/** Of the gaps before and after that at `at`, the greater median: old samples may be thinner than new ones. */
function usualAround(gaps: readonly number[], at: number): number {
  const before = median(gaps.slice(Math.max(0, at - NEIGHBOURS), at))
  const after = median(gaps.slice(at + 1, at + 1 + NEIGHBOURS))
  return Math.max(before, after)
}

/** 0 of nothing. */
const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0

const round = (value: number): number => Math.round(value * 100) / 100

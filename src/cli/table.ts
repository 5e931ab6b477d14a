/**
 * Tables for people, on a terminal or in a mail: columns of plain text, numbers to the right. On a terminal a table is
 * no wider than it: columns that may shrink are cut. What comes from outside cannot steer the terminal.
 */
export interface Column<Row> {
  readonly title: string
  readonly right?: boolean
  /** May be cut, with an ellipsis, when the table is wider than the terminal. */
  readonly shrinks?: boolean
  /** Only shown when asked for more. */
  readonly isWide?: boolean
  value(row: Row): string
}

export interface TableOptions {
  /** Columns of the terminal; undefined where there is none. */
  readonly width?: number | undefined
  readonly isWide?: boolean
}

const SHRUNK_CHARS_MIN = 8
const GAP = '  '

/** Rows under a line of titles; ends with a line break. Without rows, the titles alone. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: TableOptions = {},
): string {
  const shown = columns.filter((column) => options.isWide === true || column.isWide !== true)
  const cells = [
    shown.map(({ title }) => title),
    ...rows.map((row) => shown.map((column) => oneLine(column.value(row)))),
  ]
  const widths = shown.map((_, index) => Math.max(...cells.map((line) => charsOf(line[index] ?? ''))))
  shrinkToFit(shown, widths, options.width)
  return cells.map((line) => `${pad(line, widths, shown)}\n`).join('')
}

/** One fact a line, names in a column of their own; ends with a line break. */
export function renderFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(0, ...facts.map(([name]) => charsOf(name)))
  return facts
    .map(([name, value]) => `${name.padEnd(width)}${GAP}${oneLine(value)}`.trimEnd() + '\n')
    .join('')
}

/** Takes from the widest column that may shrink until the line fits, or nothing is left to take. */
function shrinkToFit(columns: readonly Column<never>[], widths: number[], width: number | undefined): void {
  if (width === undefined) return
  let excess = widths.reduce((sum, w) => sum + w + GAP.length, -GAP.length) - width
  while (excess > 0) {
    const widest = widths.reduce(
      (best, w, i) => (columns[i]?.shrinks && w > (widths[best] ?? 0) ? i : best),
      -1,
    )
    const chars = widths[widest]
    if (chars === undefined || chars <= SHRUNK_CHARS_MIN) return
    widths[widest] = chars - 1
    excess--
  }
}

function pad(
  line: readonly string[],
  widths: readonly number[],
  columns: readonly { readonly right?: boolean }[],
): string {
  const padded = line.map((cell, index) => {
    const width = widths[index] ?? 0
    const text = charsOf(cell) > width ? `${[...cell].slice(0, width - 1).join('')}…` : cell
    const space = ' '.repeat(width - charsOf(text))
    return columns[index]?.right ? space + text : text + space
  })
  return padded.join(GAP).trimEnd()
}

const charsOf = (text: string): number => [...text].length

const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ')

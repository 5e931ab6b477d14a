/** Tables for people, on a terminal or in a mail: columns of plain text, numbers to the right. */

export interface Column<Row> {
  readonly title: string
  readonly right?: boolean
  value(row: Row): string
}

/** Rows under a line of titles; ends with a line break. Without rows, the titles alone. */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map((column) => column.value(row))),
  ]
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)))
  return cells.map((line) => `${pad(line, widths, columns)}\n`).join('')
}

/** One fact a line, names in a column of their own; ends with a line break. */
export function renderFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(0, ...facts.map(([name]) => name.length))
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('')
}

function pad(
  line: readonly string[],
  widths: readonly number[],
  columns: readonly { right?: boolean }[],
): string {
  const padded = line.map((cell, index) => {
    const width = widths[index] ?? 0
    return columns[index]?.right ? cell.padStart(width) : cell.padEnd(width)
  })
  return padded.join('  ').trimEnd()
}

/** Rows whose values follow from their number, and what of them was committed as the database itself said. Pure. */
import { createHash } from 'node:crypto'

/** Of the row `id`: 64 hexadecimal digits. */
export const rowValue = (seed: string, id: number): string =>
  createHash('sha256').update(`${seed} ${id}`).digest('hex')

/** One transaction of `rows` rows from `firstId` on, and a line that says so once it is committed. */
export function transaction(seed: string, firstId: number, rows: number): string {
  const values = Array.from(
    { length: rows },
    (_, index) => `(${firstId + index},'${rowValue(seed, firstId + index)}')`,
  )
  const last = firstId + rows - 1
  return `BEGIN;INSERT INTO rows VALUES ${values.join(',')};COMMIT;SELECT 'committed',${last};\n`
}

/** The row that a line of the database says is committed; undefined for other lines. */
export function committedIn(line: string): number | undefined {
  const [, digits] = /^committed\|(\d+)$/.exec(line.trim()) ?? []
  return digits === undefined ? undefined : Number(digits)
}

export interface RowsVerdict {
  /** How many there are. */
  readonly rows: number
  /** What is wrong, a sentence each; a few of them. */
  readonly faults: readonly string[]
}

const FAULTS_MAX = 5

/**
 * `dump`: lines `ID|VALUE` in order of their ids. Each row up to `committed` must be there; what is beyond was under way, and
 * must be whole transactions of `batch` rows.
 */
export function checkRows(
  dump: string,
  { seed, committed, batch }: { readonly seed: string; readonly committed: number; readonly batch: number },
): RowsVerdict {
  const faults: string[] = []
  let rows = 0
  for (const line of dump.split('\n')) {
    if (line === '') continue
    const [id, value] = line.split('|')
    rows++
    if (Number(id) !== rows) {
      faults.push(`row ${rows} is missing: row ${id} stands there`)
      rows = Number(id)
    } else if (value !== rowValue(seed, rows)) faults.push(`row ${rows} is not what was inserted`)
    if (faults.length >= FAULTS_MAX) break
  }
  if (rows < committed && faults.length === 0)
    faults.push(`rows ${rows + 1} to ${committed} were committed and are not there`)
  if (rows % batch !== 0 && faults.length === 0)
    faults.push(`${rows} rows are not whole transactions of ${batch}`)
  return { rows, faults }
}

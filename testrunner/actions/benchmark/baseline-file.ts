/** A file of figures, a line of JSON for each benchmark, only ever appended to. */
import { appendFile, readFile } from 'node:fs/promises'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { isSystemError } from '../../../src/io/system-error.ts'
import { couldNot } from '../shared/failures.ts'
import type { NamedFigures } from './compare-figures.ts'

/** Under which name a run's command leaves the path of its file in `World.shared`. */
export const BASELINE_FILE = 'baseline file'

export interface BaselineKey {
  /** With its variant. */
  readonly scenario: string
  readonly name: string
  readonly backend: string
}

const Line = Type.Object({
  at: Type.String(),
  scenario: Type.String(),
  name: Type.String(),
  backend: Type.String(),
  figures: Type.Record(Type.String(), Type.Number()),
})

/** The last figures of `key` in the file's text; undefined when there are none. Lines that are none are an error: ACTION. */
export function lastFigures(text: string, key: BaselineKey): NamedFigures | undefined {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines
    .map((line, index) => parsed(line, index + 1))
    .findLast(
      ({ scenario, name, backend }) =>
        scenario === key.scenario && name === key.name && backend === key.backend,
    )?.figures
}

function parsed(line: string, number: number) {
  try {
    const value: unknown = JSON.parse(line)
    if (Value.Check(Line, value)) return value
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw couldNot(`line ${number} of the baseline is not one that bench_baseline wrote`)
}

export async function readBaseline(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return ''
    throw error
  }
}

export const appendBaseline = (
  path: string,
  key: BaselineKey,
  figures: NamedFigures,
  atMs: number,
): Promise<void> =>
  appendFile(path, `${JSON.stringify({ at: new Date(atMs).toISOString(), ...key, figures })}\n`)

/** `basalt scenario list`: what scenarios there are. */
import { isBlockError } from '../../src/base/errors.ts'
import { type Column, renderTable } from '../../src/cli/table.ts'
import { problemText } from '../reading/problems.ts'
import { listScenarios, type ScenarioHead } from '../reading/read-scenario.ts'
import { EXIT_INVALID, EXIT_OK, type ReadingPorts } from './ports.ts'

export interface ListOptions {
  /** A file or a folder. */
  readonly path: string
  readonly isJson: boolean
}

const COLUMNS: readonly Column<ScenarioHead>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'TIER', value: ({ tier }) => tier },
  { title: 'VARIANTS', value: ({ variants }) => variants.join(',') },
  { title: 'CI', value: ({ ci }) => ci.join(',') || '-' },
  { title: 'PROVES', shrinks: true, value: ({ proves }) => proves },
]

/** Resolves with 0, or 2 when a file's head is invalid, there is none, or the folder is not there. */
export async function listCommand({ path, isJson }: ListOptions, ports: ReadingPorts): Promise<number> {
  let heads: readonly ScenarioHead[]
  try {
    heads = await listScenarios(path, ports.files)
  } catch (error) {
    if (!isBlockError(error)) throw error
    ports.err(`${error.message}\n`)
    return EXIT_INVALID
  }
  if (heads.length === 0) ports.err(`there is no scenario in ${path}\n`)
  if (isJson) ports.out(`${JSON.stringify(heads, null, 2)}\n`)
  else if (heads.length > 0) {
    const valid = heads.filter(({ problems }) => problems.length === 0)
    ports.out(renderTable(COLUMNS, valid, { width: ports.outputWidth }))
  }
  const problems = heads.flatMap((head) => head.problems)
  for (const problem of problems) ports.err(`${problemText(problem)}\n`)
  return heads.length > 0 && problems.length === 0 ? EXIT_OK : EXIT_INVALID
}

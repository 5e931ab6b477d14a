/** How a process is started with a known bug in its sources. */
import { fileURLToPath } from 'node:url'
import type { Mutant } from './catalogue.ts'

/** Options of `fork` under which the child runs with the mutant. */
export function mutantRun(mutant: Mutant): { execArgv: string[]; env: Record<string, string> } {
  const loader = fileURLToPath(new URL('loader.ts', import.meta.url))
  return { execArgv: ['--import', loader], env: { BASALT_MUTANT: mutant.name } }
}

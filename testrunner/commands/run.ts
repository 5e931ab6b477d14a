/**
 * `basalt run`: reads and checks all scenarios, then runs them one after the other and reports. Exit codes: 0 all passed or
 * skipped, 1 one failed, 2 a file or the call is wrong, 5 the backend cannot work here.
 */
import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isBlockError } from '../../src/base/errors.ts'
import { CATALOG } from '../actions/all.ts'
import type { Backend } from '../backends/backend.ts'
import { runName, stamped } from '../engine/scenario-events.ts'
import type { Scenario } from '../model/scenario.ts'
import { diskFiles } from '../reading/disk-files.ts'
import { problemText } from '../reading/problems.ts'
import { openBackend } from './backends.ts'
import { countInterrupts, type Interrupts } from './interrupts.ts'
import type { RunnerPorts, RunOptions } from './options.ts'
import { EXIT_INVALID, EXIT_OK } from './ports.ts'
import { openReporting, type Reporting } from './reporting.ts'
import { type RunOneResult, runOne } from './run-one.ts'
import { selectScenarios } from './select-scenarios.ts'

const EXIT_FAILED = 1
const EXIT_UNAVAILABLE = 5

export async function runCommand(options: RunOptions, ports: RunnerPorts): Promise<number> {
  const prepared = await prepare(options, ports)
  if (typeof prepared === 'number') return prepared
  const results = await runAll(prepared, options, ports, () => null)
  return results.some(({ outcome }) => outcome === 'failed') ? EXIT_FAILED : EXIT_OK
}

export interface Prepared {
  readonly scenarios: readonly Scenario[]
  readonly backend: Backend
}

/** What is to be run and where, or the exit code when that is wrong: nothing was started then. */
export async function prepare(options: RunOptions, ports: RunnerPorts): Promise<Prepared | number> {
  const complain = (text: string): void => void ports.stderr.write(`${text}\n`)
  let scenarios: readonly Scenario[]
  try {
    const selected = await selectScenarios(options, { files: diskFiles, catalog: CATALOG })
    for (const problem of selected.problems) complain(problemText(problem))
    if (selected.problems.length > 0) return EXIT_INVALID
    scenarios = selected.scenarios
  } catch (error) {
    if (!isBlockError(error)) throw error
    complain(`basalt: ${error.message}`)
    return EXIT_INVALID
  }
  try {
    const backend = await openBackend(options, ports)
    await backend.missing([])
    return { scenarios, backend }
  } catch (error) {
    if (!isBlockError(error)) throw error
    complain(`basalt: ${error.message}`)
    return error.code === 'INVALID_ARGUMENT' || error.code === 'NOT_FOUND' ? EXIT_INVALID : EXIT_UNAVAILABLE
  }
}

/** Those after the user's interrupt are not begun. `withoutOf`: id of the step that is left out of a scenario. */
export async function runAll(
  { scenarios, backend }: Prepared,
  options: RunOptions,
  ports: RunnerPorts,
  withoutOf: (scenario: Scenario) => string | null,
  ended: (scenario: Scenario, result: RunOneResult) => void = () => undefined,
): Promise<readonly RunOneResult[]> {
  const runId = idOf(ports)
  const reporting = await openReporting(options, ports, runId)
  const interrupts = countInterrupts(ports.onInterrupt, (text) => void ports.stderr.write(`${text}\n`))
  const results: RunOneResult[] = []
  try {
    for (const [index, scenario] of scenarios.entries()) {
      if (interrupts.first.aborted) break
      const parts = { backend, options, ports, interrupts, reporting, without: withoutOf(scenario) }
      const result = await runIn(scenario, `${runId.slice(-6)}-${index + 1}`, parts)
      results.push(result)
      ended(scenario, result)
    }
    await reporting.finish(results.map(({ outcome }) => outcome))
  } finally {
    interrupts.close()
  }
  return results
}

interface RunParts {
  readonly backend: Backend
  readonly options: RunOptions
  readonly ports: RunnerPorts
  readonly interrupts: Interrupts
  readonly reporting: Reporting
  readonly without: string | null
}

async function runIn(scenario: Scenario, runId: string, parts: RunParts): Promise<RunOneResult> {
  const { backend, options, ports, interrupts, reporting, without } = parts
  const label = runName(scenario)
  const folder = resolve(reporting.folderOf(label))
  await mkdir(folder, { recursive: true })
  const emit = stamped(reporting.sink, label, ports.clock, ports.clock.monotonicMs())
  return await runOne({
    ...{ scenario, backend, ports, interrupts, runId, without, emit },
    ...{ directory: `${folder}/machines`, isKept: options.isKept },
    artifact: async (path, content, about) => {
      await reporting.artifact(label, path, content)
      emit({ type: 'artifact', path: `artifacts/${path}`, about })
    },
  })
}

/** `YYYYMMDD-HHMMSS-xxxxxx`, in UTC. */
function idOf({ clock, random }: Pick<RunnerPorts, 'clock' | 'random'>): string {
  const [date, time] = new Date(clock.wallMs()).toISOString().replaceAll(/[-:]/g, '').split(/[T.]/)
  return `${date}-${time}-${random
    .integer(36 ** 6)
    .toString(36)
    .padStart(6, '0')}`
}

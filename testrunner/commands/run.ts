/**
 * `basalt run`: reads and checks all scenarios, then runs them one after the other and reports. Exit codes: 0 all passed or
 * skipped, 1 one failed, 2 a file or the call is wrong, 5 the backend cannot work here.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isBlockError } from '../../src/base/errors.ts'
import { CATALOG } from '../actions/all.ts'
import type { Backend } from '../backends/backend.ts'
import { runName, scenarioSkipped, scenarioStarted, stamped } from '../engine/scenario-events.ts'
import type { Scenario } from '../model/scenario.ts'
import { diskFiles } from '../reading/disk-files.ts'
import { problemText } from '../reading/problems.ts'
import { openBackend } from './backends.ts'
import { countInterrupts } from './interrupts.ts'
import type { RunnerPorts, RunOptions } from './options.ts'
import { checkReportFiles, makeOutput } from './outputs.ts'
import { EXIT_INVALID, EXIT_OK } from './ports.ts'
import { openReporting } from './reporting.ts'
import { type RunOneResult, runOne } from './run-one.ts'
import { selectScenarios } from './select-scenarios.ts'

const EXIT_FAILED = 1
const EXIT_UNAVAILABLE = 5

export async function runCommand(options: RunOptions, ports: RunnerPorts): Promise<number> {
  const prepared = await prepare(options, ports)
  if (typeof prepared === 'number') return prepared
  const results = await runAll(prepared, options, ports, () => null)
  const isWhole = results.length === prepared.scenarios.length
  return isWhole && results.every(({ outcome }) => outcome !== 'failed') ? EXIT_OK : EXIT_FAILED
}

export interface Prepared {
  readonly scenarios: readonly Scenario[]
  readonly backend: Backend
}

/**
 * What is to be run and where, or the exit code when that is wrong: nothing was started then. Without `willRun` places for
 * what a run writes are not looked at.
 */
export async function prepare(
  options: RunOptions,
  ports: RunnerPorts,
  willRun = true,
): Promise<Prepared | number> {
  const complain = (text: string): void => void ports.stderr.write(`${text}\n`)
  let scenarios: readonly Scenario[]
  try {
    const selected = await selectScenarios(options, { files: diskFiles, catalog: CATALOG })
    for (const problem of selected.problems) complain(problemText(problem))
    if (selected.problems.length > 0) return EXIT_INVALID
    scenarios = selected.scenarios
    if (willRun) {
      await checkReportFiles(options)
      await makeOutput(options.output)
    }
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
    return error.code === 'INVALID_ARGUMENT' ? EXIT_INVALID : EXIT_UNAVAILABLE
  }
}

/**
 * Those after the user's interrupt are not begun: reports count them as skipped, and there are no results of them.
 * `withoutOf`: id of the step that is left out of a scenario.
 */
export async function runAll(
  { scenarios, backend }: Prepared,
  options: RunOptions,
  ports: RunnerPorts,
  withoutOf: (scenario: Scenario) => string | null,
  ended: (scenario: Scenario, result: RunOneResult) => void = () => undefined,
): Promise<readonly RunOneResult[]> {
  const runId = ports.random
    .integer(36 ** 6)
    .toString(36)
    .padStart(6, '0')
  const reporting = await openReporting(scenarios, options, ports, runId)
  const interrupts = countInterrupts(ports.onInterrupt, (text) => void ports.stderr.write(`${text}\n`))
  const beganMs = ports.clock.monotonicMs()
  const machines = resolve(reporting.machines)
  const results: RunOneResult[] = []
  try {
    for (const [index, scenario] of scenarios.entries()) {
      const label = runName(scenario)
      const emit = stamped(reporting.sink, label, ports.clock, beganMs)
      if (interrupts.first.aborted) {
        emit(scenarioStarted(scenario))
        emit(scenarioSkipped('stopped before it began'))
        continue
      }
      const directory = join(machines, `${index + 1}`)
      await mkdir(directory, { recursive: true })
      const result = await runOne({
        ...{ scenario, backend, ports, interrupts, emit, directory, isKept: options.isKept },
        baseline: options.baseline,
        ...{ runId: `${runId}-${index + 1}`, without: withoutOf(scenario) },
        artifact: async (path, content, about) => {
          const saved = await reporting.artifact(label, path, content, about)
          emit(saved === null ? { type: 'log', text: `no room for ${path}` } : { type: 'artifact', ...saved })
        },
      })
      results.push(result)
      ended(scenario, result)
    }
  } finally {
    if (!options.isKept) await rm(machines, { recursive: true, force: true })
    await reporting.finish()
    interrupts.close()
  }
  return results
}

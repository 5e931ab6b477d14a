/**
 * One scenario from its begin to its end: skipped where the place lacks something, else staged, run, judged, and cleaned up,
 * whatever happens in between.
 */
import { isBlockError } from '../../src/base/errors.ts'
import { CATALOG } from '../actions/all.ts'
import { BASELINE_FILE } from '../actions/benchmark/gate.ts'
import { afterScenario } from '../actions/gates/gates.ts'
import type { Backend } from '../backends/backend.ts'
import type { ScenarioResult } from '../engine/ports.ts'
import { runScenario } from '../engine/run-scenario.ts'
import { scenarioEnded, scenarioSkipped, scenarioStarted } from '../engine/scenario-events.ts'
import type { Outcome, ScenarioEvent } from '../model/event.ts'
import { type Failure, StepFailure } from '../model/failure.ts'
import { NEEDS } from '../model/need.ts'
import type { Scenario } from '../model/scenario.ts'
import { resolveTemplates } from '../model/template.ts'
import type { Interrupts } from './interrupts.ts'
import type { RunnerPorts } from './options.ts'
import { performer } from './perform.ts'
import { Stage } from './stage.ts'
import { messageOf } from './world.ts'

export interface RunOneOptions {
  readonly scenario: Scenario
  readonly backend: Backend
  readonly ports: RunnerPorts
  readonly interrupts: Interrupts
  readonly runId: string
  readonly directory: string
  readonly isKept: boolean
  /** File of figures for benchmarks; undefined when the run has none. */
  readonly baseline: string | undefined
  /** Id of a step that is left out. */
  readonly without: string | null
  readonly emit: (event: ScenarioEvent) => void
  /** Into the bundle. */
  artifact(path: string, content: string | Uint8Array, about: string): Promise<void>
}

export interface RunOneResult {
  readonly outcome: Outcome
  readonly failure: Failure | null
  /** Null when no step was run. */
  readonly result: ScenarioResult | null
}

/** Place and cluster have so long to be there. */
const OPEN_MS = 240_000

/** Never rejects for what the product or the scenario does. */
export async function runOne(options: RunOneOptions): Promise<RunOneResult> {
  const { scenario, backend, emit, interrupts } = options
  emit(scenarioStarted(scenario))
  const missing = await backend.missing(scenario.needs)
  if (missing.length > 0) {
    const needed = missing.map((need) => `${need} (${NEEDS[need]})`).join(', ')
    emit(scenarioSkipped(`${backend.name} lacks ${needed}`))
    return { outcome: 'skipped', failure: null, result: null }
  }
  let stage: Stage
  try {
    const limit = AbortSignal.timeout(OPEN_MS)
    const signal = AbortSignal.any([interrupts.first, limit])
    stage = await Stage.open({ ...options, signal })
  } catch (error) {
    const failure = openingFailure(error, interrupts.first)
    emit({ type: 'scenario-ended', outcome: 'failed', reason: failure.message, failure })
    return { outcome: 'failed', failure, result: null }
  }
  try {
    return await onStage(stage, options)
  } finally {
    await stage.close()
  }
}

async function onStage(stage: Stage, options: RunOneOptions): Promise<RunOneResult> {
  const { scenario, ports, interrupts, emit, artifact, without } = options
  const { world } = stage
  if (options.baseline !== undefined) world.shared.set(BASELINE_FILE, options.baseline)
  const { clock } = ports
  const result = await runScenario({
    ...{ scenario, catalog: CATALOG, resolve: resolveTemplates, clock, emit, without },
    perform: performer({ world, clock, emit, artifact }),
    ...{ signal: interrupts.first, hurry: interrupts.second, slowness: world.place.slowness },
  })
  const broken = interrupts.first.aborted ? null : await afterScenario(world, clock)
  const failure = broken ?? result.failure
  if (failure !== null && !interrupts.second.aborted) {
    for (const part of [world.cluster, world.place]) {
      await part.collect?.(artifact).catch((error: unknown) => {
        emit({ type: 'log', text: `not all evidence could be collected: ${messageOf(error)}` })
      })
    }
  }
  emit(scenarioEnded(result, broken))
  return { outcome: failure === null ? 'passed' : 'failed', failure, result }
}

function openingFailure(error: unknown, stopped: AbortSignal): Failure {
  if (stopped.aborted)
    return { code: 'CANCELLED', message: 'the user stopped the run while it was opened', evidence: null }
  const message = `the place could not be opened: ${messageOf(error)}`
  if (error instanceof StepFailure) return { code: error.code, message, evidence: error.evidence }
  return { code: 'ACTION', message, evidence: isBlockError(error) ? { code: error.code } : null }
}

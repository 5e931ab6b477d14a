/** What the engine is given: it has no world of its own, so a manual clock and actions of a test replay any run. */
import type { Clock } from '../../src/base/ports/clock.ts'
import type { ActionCatalog, ActionSpec } from '../model/action-spec.ts'
import type { Outcome, ScenarioEvent, StepName } from '../model/event.ts'
import type { Failure } from '../model/failure.ts'
import type { Scenario } from '../model/scenario.ts'
import type { Value, ValueMap } from '../model/value.ts'

/** One attempt at a step. */
export interface ActionCall {
  readonly spec: ActionSpec
  /** Templates are replaced; types are not yet checked. */
  readonly args: ValueMap
  readonly step: StepName
  /** Aborted at the step's or the scenario's timeout, and when the run is stopped. The call ends soon after it. */
  readonly signal: AbortSignal
  progress(text: string): void
}

export interface EngineOptions {
  readonly scenario: Scenario
  readonly catalog: ActionCatalog
  /** Rejects with StepFailure, with BadArgument (`name: why`), or with any error, which counts as ACTION. */
  readonly perform: (call: ActionCall) => Promise<Value>
  /** `value` with its templates replaced from `scope`. Throws BadArgument that names what is missing. */
  readonly resolve: (value: Value, scope: ValueMap) => Value
  readonly clock: Clock
  readonly emit: (event: ScenarioEvent) => void
  /** The user stops the run: the step under way is ended, and `always` phases still run. */
  readonly signal: AbortSignal
  /** The user stops it a second time: nothing more is run. */
  readonly hurry?: AbortSignal
  /** Every timeout is so many times what the file says; 1 unless given. */
  readonly slowness?: number
  /** Id of a step that is left out, as if the file did not have it. */
  readonly without?: string | null
}

export interface StepResult {
  readonly step: StepName
  readonly becauseOf: string | null
  readonly outcome: Outcome
  /** It failed, and `ignore_error` made it pass. */
  readonly isErrorIgnored: boolean
  readonly failure: Failure | null
  readonly durationMs: number
}

export interface ScenarioResult {
  readonly outcome: 'passed' | 'failed'
  /** The first one; a grave one (data, hard fails) goes before others. */
  readonly failure: Failure | null
  /** Null also when the scenario was stopped between steps. */
  readonly failedStep: StepName | null
  /** In the order in which they ended; those that never ran are `skipped`. */
  readonly steps: readonly StepResult[]
  /** What `save_as` saved, repeated phases aggregated. */
  readonly saved: ValueMap
}

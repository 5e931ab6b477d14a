/**
 * What happens in a run, as it happens. The console's progress, result.json, JUnit and the HTML page are all made of these
 * and of nothing else. Times are ms since the run began.
 */
import type { Failure } from './failure.ts'
import type { Position } from './position.ts'
import type { Tier } from './scenario.ts'
import type { Value, ValueMap } from './value.ts'

export type Outcome = 'passed' | 'failed' | 'skipped'

/** A step within a run: unique also when its phase is repeated. */
export interface StepName {
  readonly phase: string
  /** From 1. */
  readonly round: number
  /** From 1, within its phase. */
  readonly index: number
  readonly action: string
  readonly id: string | null
}

export type ScenarioEvent =
  | {
      readonly type: 'scenario-started'
      readonly proves: string
      readonly tier: Tier
      readonly variables: ValueMap
      readonly steps: number
    }
  | { readonly type: 'place-opened'; readonly machines: readonly string[]; readonly facts: ValueMap }
  | {
      readonly type: 'phase-started'
      readonly phase: string
      readonly round: number
      readonly rounds: number
    }
  | {
      readonly type: 'phase-ended'
      readonly phase: string
      readonly round: number
      readonly outcome: Outcome
    }
  | { readonly type: 'step-started'; readonly step: StepName; readonly arguments: ValueMap }
  | { readonly type: 'step-progress'; readonly step: StepName; readonly text: string }
  | {
      readonly type: 'step-retried'
      readonly step: StepName
      readonly attempt: number
      readonly failure: Failure
    }
  | {
      readonly type: 'step-ended'
      readonly step: StepName
      readonly outcome: Outcome
      readonly isErrorIgnored: boolean
      readonly durationMs: number
      readonly result: Value
      readonly failure: Failure | null
      readonly position: Position
    }
  /** A figure at a time, for plots and gates. */
  | { readonly type: 'sample'; readonly series: string; readonly unit: string; readonly value: number }
  /** Harm begins or ends; drawn into the timeline. `what`: e.g. `s1 killed`. */
  | { readonly type: 'mark'; readonly what: string; readonly isHarm: boolean }
  /** `path`: within the bundle. */
  | { readonly type: 'artifact'; readonly path: string; readonly about: string }
  | { readonly type: 'log'; readonly text: string }
  | { readonly type: 'cleaned-up'; readonly what: string; readonly failure: Failure | null }
  | {
      readonly type: 'scenario-ended'
      readonly outcome: Outcome
      readonly reason: string | null
      readonly failure: Failure | null
    }

/** One with its time and its scenario. */
export type RunEvent = ScenarioEvent & {
  readonly atMs: number
  /** Name of the scenario, and its variant when it is not the default: `ha/failover`, `ha/failover@nvme`. */
  readonly scenario: string
}

export type EventSink = (event: RunEvent) => void

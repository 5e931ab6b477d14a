/** Begin and end of a scenario, as whoever opens its place emits them around `runScenario`. */
import type { Clock } from '../../src/base/ports/clock.ts'
import type { EventSink, ScenarioEvent } from '../model/event.ts'
import type { Failure } from '../model/failure.ts'
import { DEFAULT_VARIANT, type Scenario } from '../model/scenario.ts'
import { stepText } from './failures.ts'
import type { ScenarioResult } from './ports.ts'

/** What events call a scenario: `ha/failover`, or `ha/failover@nvme`. */
export const runName = ({ name, variant }: Pick<Scenario, 'name' | 'variant'>): string =>
  variant === DEFAULT_VARIANT ? name : `${name}@${variant}`

/** Events of one scenario with its name and the time since `beganMs` (of `clock.monotonicMs`), when the run began. */
export const stamped =
  (sink: EventSink, scenario: string, clock: Clock, beganMs: number) =>
  (event: ScenarioEvent): void =>
    sink({ ...event, atMs: Math.max(0, Math.round((clock.monotonicMs() - beganMs) * 1000) / 1000), scenario })

export const scenarioStarted = ({ proves, tier, variables, phases }: Scenario): ScenarioEvent => ({
  ...{ type: 'scenario-started', proves, tier, variables },
  steps: phases.reduce((sum, { steps, repeat }) => sum + steps.length * repeat, 0),
})

/** `reason`: e.g. what the place lacks. */
export const scenarioSkipped = (reason: string): ScenarioEvent => ({
  ...{ type: 'scenario-ended', outcome: 'skipped', reason, failure: null },
})

/** `broken`: of the rules that hold in every scenario; it fails one that else passed, and goes before other failures. */
export function scenarioEnded(
  { failure, failedStep }: Pick<ScenarioResult, 'failure' | 'failedStep'>,
  broken: Failure | null,
): ScenarioEvent {
  if (broken !== null)
    return { type: 'scenario-ended', outcome: 'failed', reason: broken.message, failure: broken }
  if (failure === null) return { type: 'scenario-ended', outcome: 'passed', reason: null, failure: null }
  const where = failedStep === null ? '' : stepText(failedStep)
  const reason = failure.message.includes(where) ? failure.message : `${where}: ${failure.message}`
  return { type: 'scenario-ended', outcome: 'failed', reason, failure }
}

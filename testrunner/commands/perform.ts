/** From a step of a scenario to its action, with its arguments typed. */
import type { Clock } from '../../src/base/ports/clock.ts'
import type { ActionContext, World } from '../actions/action.ts'
import { actionOf } from '../actions/all.ts'
import type { ActionCall } from '../engine/ports.ts'
import type { ScenarioEvent } from '../model/event.ts'
import { parseArguments } from '../model/parameter.ts'
import type { Value } from '../model/value.ts'

export interface PerformOptions {
  readonly world: World
  readonly clock: Clock
  readonly emit: (event: ScenarioEvent) => void
  readonly artifact: ActionContext['artifact']
}

export const performer =
  ({ world, clock, emit, artifact }: PerformOptions) =>
  async ({ spec, args, signal, progress }: ActionCall): Promise<Value> => {
    const action = actionOf(spec.name)
    const context: ActionContext = {
      ...{ world, clock, signal, progress, artifact },
      sample: (series, value, unit) => emit({ type: 'sample', series, value, unit }),
      mark: (what, isHarm) => emit({ type: 'mark', what, isHarm }),
    }
    return (await action.run(context, parseArguments(action.parameters, args))) ?? null
  }

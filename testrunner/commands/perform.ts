/** From a step of a scenario to its action: arguments typed, errors told as failures. */
import { isBlockError } from '../../src/base/errors.ts'
import type { Clock } from '../../src/base/ports/clock.ts'
import type { ActionContext, World } from '../actions/action.ts'
import { actionOf } from '../actions/all.ts'
import type { ScenarioEvent } from '../model/event.ts'
import { StepFailure } from '../model/failure.ts'
import { BadArgument, parseArguments } from '../model/parameter.ts'
import type { Value, ValueMap } from '../model/value.ts'

export interface PerformOptions {
  readonly world: World
  readonly clock: Clock
  readonly emit: (event: ScenarioEvent) => void
  readonly artifact: ActionContext['artifact']
}

/** What an engine asks of who runs actions. */
export interface StepCall {
  readonly spec: { readonly name: string }
  /** Without templates, not yet typed. */
  readonly args: ValueMap
  readonly signal: AbortSignal
  progress(text: string): void
}

export const performer =
  ({ world, clock, emit, artifact }: PerformOptions) =>
  async ({ spec, args, signal, progress }: StepCall): Promise<Value> => {
    const action = actionOf(spec.name)
    const context: ActionContext = {
      ...{ world, clock, signal, progress, artifact },
      sample: (series, value, unit) => emit({ type: 'sample', series, value, unit }),
      mark: (what, isHarm) => emit({ type: 'mark', what, isHarm }),
    }
    try {
      return (await action.run(context, parseArguments(action.parameters, args))) ?? null
    } catch (error) {
      throw asStepFailure(error)
    }
  }

/** Errors of the product keep their code and facts as evidence. */
export function asStepFailure(error: unknown): unknown {
  if (error instanceof BadArgument) return new StepFailure('ARGUMENT', error.message, null, { cause: error })
  if (!isBlockError(error)) return error
  const facts = Object.entries(error.facts).flatMap(([name, value]): [string, Value][] =>
    value === undefined ? [] : [[name, typeof value === 'bigint' ? `${value}` : value]],
  )
  return new StepFailure(
    'ACTION',
    error.message,
    { code: error.code, ...Object.fromEntries(facts) },
    { cause: error },
  )
}

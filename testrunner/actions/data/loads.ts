/** Loads of the oracle that run between steps, by name. */
import { StepFailure } from '../../model/failure.ts'
import { optional, text } from '../../model/parameters.ts'
import type { Load } from '../../oracle/oracle.ts'
import type { ActionContext, World } from '../action.ts'
import { couldNot } from '../shared/failures.ts'

export const LOAD_NAME = {
  load: optional(text('name of the load, where a volume has several; its volume unless told')),
} as const

const keyOf = (name: string): string => `load ${name}`

export function keepLoad({ shared }: World, name: string, load: Load): void {
  if (shared.has(keyOf(name))) throw couldNot(`the load ${name} runs already`)
  shared.set(keyOf(name), load)
}

export function loadOf({ shared }: World, name: string): Load {
  const load = shared.get(keyOf(name)) as Load | undefined
  if (load !== undefined) return load
  throw couldNot(`there is no load ${name}: oracle_load_start begins one`)
}

/** Undefined when it was ended already. */
export function takeLoad({ shared }: World, name: string): Load | undefined {
  const load = shared.get(keyOf(name)) as Load | undefined
  shared.delete(keyOf(name))
  return load
}

/** Waits for `writes` more acknowledged writes. TIMEOUT when the step ends before. */
export async function progressOf({ signal }: ActionContext, load: Load, writes: number): Promise<void> {
  const before = load.totals.writes
  const progressed = await load.progress(writes, signal).then(
    () => !signal.aborted,
    (error: unknown) => {
      if (signal.aborted && !(error instanceof StepFailure)) return false
      throw error
    },
  )
  if (progressed) return
  const { writes: now, errors } = load.totals
  throw new StepFailure('TIMEOUT', `${now - before} of ${writes} writes were acknowledged in time`, {
    expected: writes,
    actual: now - before,
    errors,
  })
}

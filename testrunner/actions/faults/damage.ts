/** What harm was done in a run, beside whether some is on: rules that forgive one kind and no other ask it. */
import type { ActionContext, World } from '../action.ts'
import { beginHarm } from '../shared/harm.ts'

export type DamageKind = 'killed' | 'corrupted'

const keyOf = (kind: DamageKind): string => `damage ${kind}`
const LAST_MS = 'last harm'

/** `whom`: a machine's name. */
export function noteDamage({ shared }: Pick<World, 'shared'>, kind: DamageKind, whom: string): void {
  shared.set(keyOf(kind), new Set([...damageOf({ shared }, kind), whom]))
}

/** Names of machines. */
export const damageOf = ({ shared }: Pick<World, 'shared'>, kind: DamageKind): ReadonlySet<string> =>
  (shared.get(keyOf(kind)) as ReadonlySet<string> | undefined) ?? new Set()

/** It runs again: if it ends once more, that is another matter. */
export function forgetKilled({ shared }: Pick<World, 'shared'>, whom: string): void {
  const killed = damageOf({ shared }, 'killed')
  if (killed.has(whom)) shared.set(keyOf('killed'), new Set([...killed].filter((name) => name !== whom)))
}

/** Begins harm, and remembers when, for what is measured from it. */
export function doHarm(context: Pick<ActionContext, 'world' | 'mark' | 'clock'>, what: string): void {
  context.world.shared.set(LAST_MS, context.clock.monotonicMs())
  beginHarm(context, what)
}

/** Of the monotonic clock; undefined when none was done yet. */
export const lastHarmMs = ({ shared }: Pick<World, 'shared'>): number | undefined =>
  shared.get(LAST_MS) as number | undefined

/** What harm was done in a run, beside whether some is on: rules that forgive one kind and no other ask it. */
import type { World } from '../action.ts'

export type DamageKind = 'killed' | 'corrupted' | 'filled'

const keyOf = (kind: DamageKind): string => `damage ${kind}`

/** `whom`: a machine's name. */
export function noteDamage({ shared }: Pick<World, 'shared'>, kind: DamageKind, whom: string): void {
  shared.set(keyOf(kind), new Set([...damageOf({ shared }, kind), whom]))
}

/** Names of machines. */
export const damageOf = ({ shared }: Pick<World, 'shared'>, kind: DamageKind): ReadonlySet<string> =>
  (shared.get(keyOf(kind)) as ReadonlySet<string> | undefined) ?? new Set()

/**
 * Until when a primary may serve: by the master's grant, or by the promises of enough members not to seal another epoch.
 * Members that promised and the primary itself are Q of every set that a promotion could ask, and a promotion needs
 * |set| − Q + 1 sealed ones: at least one of them is bound.
 */
import type { ServerId } from '../identity.ts'
import { type Policy, votesNeeded } from '../policy.ts'

interface LeaseFacts {
  readonly policy: Policy
  readonly self: ServerId
  readonly grantedUntilMs: number
  /** The sets of the joint rule. */
  readonly sets: readonly (readonly ServerId[])[]
  readonly promisedUntilMs: (member: ServerId) => number
}

const NEVER = Number.NEGATIVE_INFINITY

/**
 * Infinity for a volume of one replica while nobody else is in its set: nobody can take over then. While it is moved it has
 * two members, and the other one can. −Infinity when nothing was granted or promised.
 */
export function servesUntilMs(facts: LeaseFacts): number {
  const { policy, sets } = facts
  if (policy.mode.kind === 'best_effort') {
    const isAlone = policy.replicaFactor === 1 && sets.every((set) => set.length === 1)
    return isAlone ? Number.POSITIVE_INFINITY : facts.grantedUntilMs
  }
  return Math.max(facts.grantedUntilMs, Math.min(...sets.map((set) => promisedBySet(facts, set))))
}

/** A set of one has nobody who could promise: alone it stops with its grant, unless it was never to be more. */
function promisedBySet(facts: LeaseFacts, set: readonly ServerId[]): number {
  if (set.length < 2) return facts.policy.replicaFactor === 1 ? Number.POSITIVE_INFINITY : NEVER
  const promises = set
    .filter((member) => member !== facts.self)
    .map(facts.promisedUntilMs)
    .sort((a, b) => b - a)
  return promises[votesNeeded(facts.policy, set.length) - 2] ?? NEVER
}

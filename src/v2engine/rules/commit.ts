/**
 * The commit rule and the flush rule: which LSN enough members have. Two sets are asked while a change of the set is
 * open (the joint rule), because until the registry has answered nobody knows which of them a promotion will use.
 */
import { type Lsn, lsn } from '../../base/units.ts'
import type { ServerId } from '../identity.ts'
import { type Policy, votesNeeded } from '../policy.ts'

/** The LSN that a member has, in the sense of the question; undefined when it does not count. */
export type Position = (member: ServerId) => Lsn | undefined

/** The greatest LSN that `votes` of the members have; 0 when there are not so many who count. */
export function agreedLsn(members: readonly ServerId[], votes: number, position: Position): Lsn {
  const positions = members
    .map(position)
    .filter((at) => at !== undefined)
    .sort((a, b) => b - a)
  return positions[votes - 1] ?? lsn(0)
}

/** The same under the rule of every set at once. */
export const jointLsn = (policy: Policy, sets: readonly (readonly ServerId[])[], position: Position): Lsn =>
  lsn(Math.min(...sets.map((members) => agreedLsn(members, votesNeeded(policy, members.length), position))))

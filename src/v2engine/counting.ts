/** Which members count, for what: the questions that commit, flush, lease and set changes ask of a primary's state. */
import { type Lsn, lsn } from '../base/units.ts'
import type { ServerId } from './identity.ts'
import { isSound } from './marks.ts'
import { votesNeeded } from './policy.ts'
import { agreedLsn, jointLsn, type Position } from './rules/commit.ts'
import { servesUntilMs } from './rules/lease.ts'
import type { Peer, Primary, ReplicaState } from './state.ts'

/** The sets whose rules hold now: two while a change is open. */
export const activeSets = (primary: Primary): readonly (readonly ServerId[])[] =>
  primary.change === null ? [primary.set.members] : [primary.set.members, primary.change.next]

export const isMember = (primary: Primary, server: ServerId): boolean => primary.set.members.includes(server)

/** Entries reach it in order and it says truly what it has: only such a replica counts. */
export function counts(peer: Peer): boolean {
  if (peer.session === null || peer.standing === null) return false
  const { phase } = peer.session
  return (phase === 'streaming' || phase === 'live') && isSound(peer.standing)
}

/** How far it came, for judging how late it is: also while it is away, which is no vote for anything. */
export const positionFor = (peer: Peer): Lsn => (counts(peer) ? peer.appended : peer.reached)

export const appendedBy =
  (state: ReplicaState, primary: Primary): Position =>
  (member) => {
    if (member === state.self) return state.local.appended
    const peer = primary.peers.get(member)
    return peer !== undefined && counts(peer) ? peer.appended : undefined
  }

export const durableAt =
  (state: ReplicaState, primary: Primary): Position =>
  (member) => {
    if (member === state.self) return state.local.durable
    const peer = primary.peers.get(member)
    return peer !== undefined && counts(peer) ? peer.durable : undefined
  }

/**
 * What enough members of every set have. While the set shrinks to one, what counts for the one is what it has durably:
 * the registry may have let the other go already, and then a loss of power here must not take what was acknowledged.
 */
export function committableLsn(state: ReplicaState, primary: Primary): Lsn {
  const agreed = jointLsn(primary.policy, activeSets(primary), appendedBy(state, primary))
  const isLastLeft = primary.change?.next.length === 1 && primary.policy.mode.kind !== 'best_effort'
  return isLastLeft ? lsn(Math.min(agreed, state.local.durable)) : agreed
}

export const flushableLsn = (state: ReplicaState, primary: Primary): Lsn =>
  jointLsn(primary.policy, activeSets(primary), durableAt(state, primary))

/** What a set alone would commit. */
export const committableBy = (state: ReplicaState, primary: Primary, members: readonly ServerId[]): Lsn =>
  agreedLsn(members, votesNeeded(primary.policy, members.length), appendedBy(state, primary))

export const primaryServesUntilMs = (state: ReplicaState, primary: Primary): number =>
  servesUntilMs({
    policy: primary.policy,
    self: state.self,
    grantedUntilMs: primary.lease.grantedUntilMs,
    sets: activeSets(primary),
    promisedUntilMs: (member) => primary.lease.promises.get(member) ?? Number.NEGATIVE_INFINITY,
  })

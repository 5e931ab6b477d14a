/**
 * Changes of the in-sync set, from the primary's side (state.ts draws the machine). The two directions have different
 * orders, because a set may only ever name members that hold everything acknowledged: who comes in must have it before
 * the registry names him, and nobody is acknowledged past who goes before the registry has let him go.
 */
import { type Lsn, lsn } from '../base/units.ts'
import { committableBy, counts, isMember, positionFor } from './counting.ts'
import type { ServerId } from './identity.ts'
import { persistMarks } from './local-cuts.ts'
import type { SetRecord } from './marks.ts'
import type { Outbox } from './outbox.ts'
import { isSetLargeEnough } from './policy.ts'
import { moveOn } from './sessions.ts'
import type { Peer, Primary, ReplicaState, SetChange } from './state.ts'

/** Drives the open change on, or gives it up. Called after everything that may have changed its condition. */
export function driveSetChange(state: ReplicaState, primary: Primary, nowMs: number, out: Outbox): void {
  const { change } = primary
  if (change === null) return
  if (change.asked !== null) {
    askAgain(state, primary, change, change.asked, nowMs, out)
    return
  }
  if (isOverdue(state, primary, change, nowMs)) {
    primary.change = null
    return
  }
  const peer = primary.peers.get(change.member)
  if (change.kind === 'add' && peer !== undefined) moveOn(state, primary, peer, nowMs, out)
  if (!isReady(state, primary, change)) return
  change.asked = { atMs: nowMs, times: 1 }
  ask(primary, change.next, out)
}

/** At each beat: opens a change when a member has to go, or a replica may come. */
export function openSetChange(state: ReplicaState, primary: Primary, nowMs: number): void {
  if (primary.change !== null) return
  // without the master the set stays as it is
  if (nowMs >= primary.lease.grantedUntilMs || primary.startLsn === null) return
  const { members } = primary.set
  for (const member of members) {
    if (member === state.self || !mustLeave(state, primary, member, nowMs)) continue
    const next = members.filter((other) => other !== member)
    if (!isSetLargeEnough(primary.policy, next.length)) continue
    // while it is open the new set's rule holds too: one that could commit nothing would stop everybody
    if (!isCoveredBy(state, primary, next)) continue
    primary.change = { kind: 'remove', member, next, barrier: lsn(0), sinceMs: nowMs, asked: null }
    return
  }
  for (const peer of primary.peers.values()) {
    if (isMember(primary, peer.server) || !mayJoin(state, peer, nowMs)) continue
    const next = [...members, peer.server]
    const barrier = state.local.appended
    primary.change = { kind: 'add', member: peer.server, next, barrier, sinceMs: nowMs, asked: null }
    return
  }
}

function mustLeave(state: ReplicaState, primary: Primary, member: ServerId, nowMs: number): boolean {
  const peer = primary.peers.get(member)
  if (peer === undefined || peer.isBarred) return true
  const { mode } = primary.policy
  if (mode.kind !== 'sync_quorum' && peer.needsResync && peer.session === null) return true
  const sinceMs = owesSinceMs(state, primary, peer)
  if (mode.kind !== 'best_effort') {
    return sinceMs !== undefined && nowMs - sinceMs >= patienceMs(state, primary, peer)
  }
  if (state.local.appended - positionFor(peer) > mode.maxLagEntries) return true
  return sinceMs !== undefined && nowMs - sinceMs > mode.maxLagMs
}

/** A server that is not reached as an epoch begins is most likely the one whose loss ended the last one, above all if it refused. */
function patienceMs({ bounds }: ReplicaState, { phase }: Primary, { link, failures }: Peer): number {
  if (link.kind === 'up') return bounds.owesMs
  if (phase.kind !== 'starting') return bounds.unreachableMs
  return failures > 0 ? bounds.startRefusedMs : bounds.startUnreachableMs
}

/**
 * Since when a member owes something: an entry that it has not appended, the confirmation without which it does not
 * count while something is uncommitted, or its part of a flush. A quiet volume asks nothing of anybody.
 */
function owesSinceMs(state: ReplicaState, primary: Primary, peer: Peer): number | undefined {
  const isCounting = counts(peer)
  const durable: Lsn = isCounting ? peer.durable : lsn(0)
  const flush = primary.flushes.find((waiting) => waiting.lsn > durable)?.sinceMs
  const entry = primary.trail.firstAfterMs(positionFor(peer))
  const uncommitted = isCounting ? undefined : primary.trail.firstAfterMs(state.commit)
  const times = [flush, entry, uncommitted].filter((at) => at !== undefined)
  return times.length === 0 ? undefined : Math.min(...times)
}

const mayJoin = (state: ReplicaState, peer: Peer, nowMs: number): boolean =>
  counts(peer) && peer.session?.phase === 'live' && peer.appended >= state.commit && nowMs >= peer.rejoinAtMs

/** What lets a change that nobody has been asked for be given up. */
function isOverdue(state: ReplicaState, primary: Primary, change: SetChange, nowMs: number): boolean {
  if (nowMs - change.sinceMs >= state.bounds.giveUpMs) return true
  if (change.kind === 'remove') return !mustLeave(state, primary, change.member, nowMs)
  const peer = primary.peers.get(change.member)
  return peer === undefined || !counts(peer)
}

function isReady(state: ReplicaState, primary: Primary, change: SetChange): boolean {
  if (change.kind === 'add') {
    const peer = primary.peers.get(change.member)
    return peer !== undefined && counts(peer) && peer.confirmed >= change.barrier
  }
  // alone, this replica is all there is of what was acknowledged: not only in its page cache
  const isAlone = change.next.length === 1 && primary.policy.mode.kind !== 'best_effort'
  if (isAlone && state.local.durable < inheritedLsn(state, primary)) return false
  return isCoveredBy(state, primary, change.next)
}

/**
 * What may be committed. Until the epoch's start is, this replica does not know how far the epochs before it came: all that
 * it inherited may have been acknowledged.
 */
const inheritedLsn = (state: ReplicaState, primary: Primary): number =>
  Math.max(state.commit, primary.startLsn ?? Number.POSITIVE_INFINITY)

/**
 * What is committed satisfies the rule of a smaller set. In `sync_all` every member of the old set has it, so those of
 * the new one do, whether or not they are reachable now.
 */
const isCoveredBy = (state: ReplicaState, primary: Primary, members: readonly ServerId[]): boolean =>
  primary.policy.mode.kind !== 'sync_quorum' ||
  committableBy(state, primary, members) >= inheritedLsn(state, primary)

function ask(primary: Primary, members: readonly ServerId[], out: Outbox): void {
  const { epoch, set } = primary
  out.toAuthority({ kind: 'changeSet', epoch, version: set.version, members })
}

/**
 * No answer. The question may still be on its way, so a look at the old version proves nothing; but of two changes of
 * one version the registry takes one, and any newer version answers.
 */
function askAgain(
  state: ReplicaState,
  primary: Primary,
  change: SetChange,
  asked: NonNullable<SetChange['asked']>,
  nowMs: number,
  out: Outbox,
): void {
  if (nowMs - asked.atMs < state.bounds.askAgainMs) return
  asked.atMs = nowMs
  asked.times += 1
  ask(primary, asked.times > 2 ? primary.set.members : change.next, out)
  out.toAuthority({ kind: 'readSet', epoch: primary.epoch })
}

/** The registry's word: the only thing that changes the set. */
export function onSetIs(
  state: ReplicaState,
  primary: Primary,
  set: SetRecord,
  nowMs: number,
  out: Outbox,
): void {
  if (set.version <= primary.set.version) return
  const left = primary.set.members.filter((member) => !set.members.includes(member))
  primary.set = set
  primary.change = null
  persistMarks(state, { set }, out)
  out.notes.push({ kind: 'setChanged', version: set.version, members: set.members })
  for (const member of left) {
    const peer = primary.peers.get(member)
    if (peer !== undefined) peer.rejoinAtMs = nowMs + state.bounds.rejoinMs
  }
}

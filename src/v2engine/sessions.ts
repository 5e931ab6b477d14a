/**
 * Sessions at the primary: planned from what a replica says, with pins taken all or nothing, and given up on every way
 * out (state.ts draws the machine). What a session says counts only while it is the present one of its peer: its id,
 * its epoch and both openings are compared each time.
 */
import { type Lsn, lsn } from '../base/units.ts'
import { isMember } from './counting.ts'
import { type SessionRef, sameSession, sessionId } from './identity.ts'
import { isSound, SOUND } from './marks.ts'
import type { Follow } from './messages.ts'
import type { Outbox } from './outbox.ts'
import { makePlan, type Plan } from './plan.ts'
import { backoffMs } from './policy.ts'
import type { Peer, PeerSession, Primary, ReplicaState } from './state.ts'

/** The peer and its session that this names; undefined when it is not the present one. */
export function findSession(
  primary: Primary,
  ref: SessionRef,
): { peer: Peer; session: PeerSession } | undefined {
  for (const peer of primary.peers.values()) {
    const { session } = peer
    if (session !== null && sameSession(session.ref, ref)) return { peer, session }
  }
  return undefined
}

export function endSession(peer: Peer, why: string, out: Outbox): void {
  const { session } = peer
  if (session === null) return
  peer.session = null
  unpin(session, out)
  out.sessions.push({ kind: 'end', session: session.ref, why })
}

function unpin(session: PeerSession, out: Outbox): void {
  if (!session.isPinned) return
  session.isPinned = false
  out.sessions.push({ kind: 'unpin', session: session.ref })
}

/** Ends it and asks the replica anew, after a wait that doubles with each failure. */
export function failSession(state: ReplicaState, peer: Peer, why: string, nowMs: number, out: Outbox): void {
  if (peer.session?.plan.kind === 'catchUp') {
    if (why === 'stalled') peer.stalledCatchUps += 1
    // the log cannot give what it lacks, however often it is asked
    if (why === 'source damaged') peer.stalledCatchUps = state.bounds.stalledCatchUpsMax
  }
  endSession(peer, why, out)
  peer.failures += 1
  peer.askAtMs = nowMs + backoffMs(state.bounds, peer.failures)
}

/**
 * A member leaves the set before a resync, so that nobody waits for it meanwhile. In a quorum nobody does, and it may be
 * the one without which nothing is committed.
 */
const hasToLeaveFirst = (primary: Primary, peer: Peer): boolean =>
  primary.policy.mode.kind !== 'sync_quorum' && isMember(primary, peer.server)

/** Plans for a replica that has just said what it has. */
export function planFor(
  state: ReplicaState,
  primary: Primary,
  peer: Peer,
  follow: Follow,
  nowMs: number,
  out: Outbox,
): void {
  const isDamaged = !follow.standing.isResyncing && follow.durable < peer.reportedDurable
  if (isDamaged) {
    const facts = { had: peer.reportedDurable, has: follow.durable }
    out.notes.push({ kind: 'lostDurable', server: peer.server, ...facts })
    peer.standing = { ...follow.standing, isDamaged: true }
  }
  const verdict = makePlan({
    epoch: primary.epoch,
    history: state.adopted,
    local: state.local,
    commit: state.commit,
    follow,
    isDamaged,
    isCatchUpHopeless: peer.stalledCatchUps >= state.bounds.stalledCatchUpsMax,
  })
  if (verdict.kind === 'aheadOfPrimary') {
    peer.isBarred = true
    out.notes.push({ kind: 'aheadOfPrimary', server: peer.server, proof: verdict.proof })
    return
  }
  const { plan } = verdict
  peer.needsResync = plan.kind === 'resync'
  if (peer.needsResync && hasToLeaveFirst(primary, peer)) {
    peer.askAtMs = nowMs + state.bounds.pulseMs
    return
  }
  const ref: SessionRef = {
    id: sessionId(primary.nextSession),
    epoch: primary.epoch,
    primaryOpening: state.marks.opening,
    replicaOpening: follow.opening,
  }
  primary.nextSession += 1
  peer.session = { ref, plan, phase: 'pinning', isPinned: true, movedMs: nowMs, barrier: null }
  out.notes.push({ kind: 'planned', server: peer.server, session: ref, proof: plan.proof })
  out.sessions.push({ kind: 'pin', session: ref, server: peer.server, pins: pinsOf(plan) })
}

function pinsOf(plan: Plan): { logFrom: Lsn | null; versionsAfter: Lsn | null } {
  if (plan.kind === 'resync') return { logFrom: lsn(plan.target + 1), versionsAfter: plan.base }
  return { logFrom: lsn(plan.dropAbove + 1), versionsAfter: null }
}

export function onPinned(
  state: ReplicaState,
  primary: Primary,
  ref: SessionRef,
  isHeld: boolean,
  nowMs: number,
  out: Outbox,
): void {
  const found = findSession(primary, ref)
  // of a session that is over: its `unpin` has been sent
  if (found === undefined || found.session.phase !== 'pinning') return
  const { peer, session } = found
  session.isPinned = isHeld
  if (!isHeld || peer.link.kind !== 'up') {
    failSession(state, peer, 'no pins', nowMs, out)
    return
  }
  session.phase = 'offered'
  session.movedMs = nowMs
  const message = { kind: 'plan', session: ref, plan: session.plan, commit: state.commit } as const
  out.toPeer(peer.server, peer.link.connection, message)
}

/** The replica did durably what the plan asked for: entries flow, and the base of a resync beside them. */
export function onTaken(peer: Peer, session: PeerSession, follow: Lsn, nowMs: number, out: Outbox): void {
  if (session.phase !== 'offered') return
  const { plan, ref } = session
  const { server } = peer
  session.movedMs = nowMs
  peer.confirmed = lsn(0)
  if (plan.kind === 'resync') {
    session.phase = 'copying'
    peer.standing = { ...(peer.standing ?? SOUND), isResyncing: true }
    peer.appended = plan.target
    peer.durable = plan.base
    out.sessions.push({ kind: 'stream', session: ref, server, from: lsn(plan.target + 1) })
    out.sessions.push({ kind: 'copy', session: ref, server, base: plan.base, target: plan.target })
    return
  }
  session.phase = 'streaming'
  peer.appended = plan.dropAbove
  peer.durable = lsn(Math.min(follow, plan.dropAbove))
  out.sessions.push({ kind: 'stream', session: ref, server, from: lsn(plan.dropAbove + 1) })
}

export function onSessionMoved(
  state: ReplicaState,
  primary: Primary,
  ref: SessionRef,
  isCopied: boolean,
  nowMs: number,
  out: Outbox,
): void {
  const found = findSession(primary, ref)
  if (found === undefined) return
  const { peer, session } = found
  session.movedMs = nowMs
  if (!isCopied || session.phase !== 'copying') return
  session.phase = 'streaming'
  moveOn(state, primary, peer, nowMs, out)
}

/** After every acknowledgement: what is caught up needs no pins, and what is not sound needs a barrier. */
export function moveOn(state: ReplicaState, primary: Primary, peer: Peer, nowMs: number, out: Outbox): void {
  const { session, standing, link } = peer
  if (session === null || standing === null || link.kind !== 'up') return
  if (session.phase !== 'streaming' && session.phase !== 'live') return
  if (peer.appended < state.commit) return
  if (isSound(standing) && session.phase === 'streaming') {
    session.phase = 'live'
    peer.failures = 0
    unpin(session, out)
  }
  const at = barrierWanted(state, primary, peer)
  if (session.barrier !== null || at === null) return
  session.barrier = { lsn: at, sinceMs: nowMs }
  out.toPeer(peer.server, link.connection, { kind: 'barrier', session: session.ref, lsn: at })
}

/**
 * The LSN of the barrier that this peer lacks. For one that is not sound it is the head: an older entry that it lost
 * with its page cache may lie anywhere below.
 */
function barrierWanted(state: ReplicaState, primary: Primary, peer: Peer): Lsn | null {
  if (peer.standing !== null && !isSound(peer.standing)) return state.local.appended
  const { change } = primary
  if (change === null || change.kind !== 'add' || change.member !== peer.server) return null
  return peer.confirmed < change.barrier ? change.barrier : null
}

export function onConfirmed(
  state: ReplicaState,
  primary: Primary,
  found: { peer: Peer; session: PeerSession },
  confirmed: Lsn,
  nowMs: number,
  out: Outbox,
): void {
  const { peer, session } = found
  if (session.barrier?.lsn !== confirmed) return
  session.barrier = null
  session.movedMs = nowMs
  peer.standing = SOUND
  peer.needsResync = false
  peer.stalledCatchUps = 0
  peer.confirmed = confirmed
  raisePositions(peer, confirmed, confirmed)
  moveOn(state, primary, peer, nowMs, out)
}

export function raisePositions(peer: Peer, appended: Lsn, durable: Lsn): void {
  peer.appended = lsn(Math.max(peer.appended, appended))
  peer.durable = lsn(Math.max(peer.durable, durable))
  peer.reached = lsn(Math.max(peer.reached, peer.appended))
  peer.reportedDurable = lsn(Math.max(peer.reportedDurable, peer.durable))
}

/** At each beat: no phase lasts for ever without progress. */
export function checkSession(state: ReplicaState, peer: Peer, nowMs: number, out: Outbox): void {
  const { session } = peer
  const { bounds, local } = state
  if (session === null) return
  const stillMs = nowMs - session.movedMs
  const { barrier } = session
  switch (session.phase) {
    case 'pinning':
    case 'offered':
      if (stillMs >= bounds.offerMs) failSession(state, peer, 'plan not taken', nowMs, out)
      return
    case 'copying':
      if (stillMs >= bounds.stallMs) failSession(state, peer, 'stalled', nowMs, out)
      return
    case 'streaming':
    case 'live':
      if (barrier !== null && nowMs - barrier.sinceMs >= bounds.stallMs) {
        failSession(state, peer, 'barrier not confirmed', nowMs, out)
      } else if (peer.appended < local.appended && stillMs >= bounds.stallMs) {
        failSession(state, peer, 'stalled', nowMs, out)
      }
      return
  }
}

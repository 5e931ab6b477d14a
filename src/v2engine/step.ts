/**
 * The replication-decision engine: one reducer per hosted replica, `step(state, event)` in, effects out. It decides who
 * follows whom, what is committed, which set counts, how a replica comes back, and who may be promoted; storage,
 * connections and the registry carry it out. No I/O, no clock, no randomness: the same events give the same effects.
 *
 *     events ─▶ step ─▶ persist … durable … ─▶ after          events.ts, effects.ts: what comes and goes
 *                │                                            messages.ts: what servers and the authority say
 *     authority.ts   seal, assign, grant, stop                marks.ts, state.ts: what is durable, what is not
 *     lead.ts, advance.ts, peers.ts, sessions.ts, set-changes.ts, pulse.ts     as the primary
 *     follow.ts, local-cuts.ts                                                 as a replica
 *     plan.ts, history.ts, grade.ts, trail.ts, rules/                          pure rules; rules/ is the authority's too
 *
 * An epoch, from the registry's decision to the next:
 *
 *     registry: sealing e ──seal──▶ members: sealed e durable ──answers──▶ registry: e is of opening o of server a
 *        ──assign──▶ a: epoch entry appended ──lead, follow, plan──▶ members take it ──acks──▶ entry committed: serving
 *
 * The shell owns one state per replica and runs one event at a time (state.ts draws the roles). What the engine believes
 * is asserted; an assertion that fails fences the volume.
 */
import { assert, unreachable } from '../base/assert.ts'
import { advance } from './advance.ts'
import { obeyEpoch, onAuthority } from './authority.ts'
import type { Effects } from './effects.ts'
import type { Event } from './events.ts'
import {
  endFollowing,
  isRefused,
  onBarrier,
  onEntries,
  onFollowerProgress,
  onLead,
  onPlan,
  onPulse,
  onRelease,
  onSettled,
  type Sender,
} from './follow.ts'
import type { SessionRef } from './identity.ts'
import { driveStop, finishStop, onEpochStarted } from './lead.ts'
import type { Local } from './marks.ts'
import type { PeerMessage, PrimaryMessage } from './messages.ts'
import { Outbox } from './outbox.ts'
import { letGo, onLinkDown, onLinkUp, onReplicaMessage } from './peers.ts'
import { onTick } from './pulse.ts'
import { failSession, findSession, onPinned, onSessionMoved } from './sessions.ts'
import { driveSetChange } from './set-changes.ts'
import type { Following, Primary, ReplicaState } from './state.ts'

export function step(state: ReplicaState, event: Event): Effects {
  const out = new Outbox()
  if (state.role.kind === 'stopped') return out.effects(null)
  const { nowMs } = event
  switch (event.kind) {
    case 'progress':
      if (event.cut === state.cut) onProgress(state, event.local, nowMs, out)
      break
    case 'epochStarted':
      if (event.cut === state.cut) onEpochStarted(state, event.epoch, event.lsn, nowMs, out)
      break
    case 'authority':
      onAuthority(state, event.message, nowMs, out)
      break
    case 'peer':
      onPeer(state, event, event.message, nowMs, out)
      break
    case 'linkDown':
      if (state.role.kind === 'following') onLeaderGone(state.role, event, out)
      else onLinkDown(state, state.role, event.server, event.connection, nowMs, out)
      break
    case 'settled':
      if (state.role.kind === 'following') onSettled(state, state.role, event.session, event.lsn, out)
      break
    case 'poisoned':
      out.notes.push({ kind: 'poisoned' })
      leaveAll(state, 'poisoned', out)
      break
    case 'close':
      leaveAll(state, 'closed', out)
      break
    case 'flushAsked':
    case 'quiet':
    case 'linkUp':
    case 'pinned':
    case 'sessionMoved':
    case 'sessionFailed':
    case 'diverged':
    case 'tick':
      if (state.role.kind === 'primary') onPrimaryEvent(state, state.role, event, out)
      break
    default:
      unreachable(event)
  }
  return conclude(state, nowMs, out)
}

/** After any event: whatever may have become possible is done, and the one timer is set. */
function conclude(state: ReplicaState, nowMs: number, out: Outbox): Effects {
  if (state.role.kind === 'primary') {
    advance(state, state.role, nowMs, out)
    driveSetChange(state, state.role, nowMs, out)
    driveStop(state, state.role, nowMs, out)
    assertTold(state)
  }
  assert(state.commit <= state.local.appended, 'what is committed is appended here')
  return out.effects(state.role.kind === 'primary' ? state.role.nextPulseMs : null)
}

/** Invariants 1 and 2: hosts are told of nothing that is not committed, and of no flush beyond what they were told. */
function assertTold(state: ReplicaState): void {
  const { role } = state
  if (role.kind !== 'primary') return
  assert(role.acknowledged <= state.commit, 'what hosts are told is committed')
  assert(role.flushed <= role.acknowledged, 'a flush covers what hosts were told')
}

function onProgress(state: ReplicaState, local: Local, nowMs: number, out: Outbox): void {
  const before = state.local
  assert(local.durable <= local.appended, 'what is durable is appended')
  assert(local.appended >= before.appended, 'a log ends lower only after a cut')
  assert(local.durable >= before.durable, 'what is durable stays so')
  // the state that closes a resync is saved with what the live lane has of it, committed or not
  const reach = before.hasUnknown ? local.durable : Math.min(state.commit, local.durable)
  assert(local.image <= Math.max(before.image, reach), 'the flusher passes neither commit nor durable LSN')
  state.local = local
  if (local.appended > state.handed) state.handed = local.appended
  const { role } = state
  if (role.kind === 'primary') role.trail.record(local.appended, nowMs)
  if (role.kind === 'following') onFollowerProgress(state, role, out)
}

/** Events that mean nothing to who does not lead. */
function onPrimaryEvent(
  state: ReplicaState,
  primary: Primary,
  event: Extract<
    Event,
    {
      kind:
        | 'flushAsked'
        | 'quiet'
        | 'linkUp'
        | 'pinned'
        | 'sessionMoved'
        | 'sessionFailed'
        | 'diverged'
        | 'tick'
    }
  >,
  out: Outbox,
): void {
  const { nowMs } = event
  switch (event.kind) {
    case 'flushAsked':
      assert(event.lsn <= state.local.appended, 'a flush covers what is appended')
      // who asks for no more than the last one waits with it
      if (event.lsn > (primary.flushes.at(-1)?.lsn ?? 0)) {
        primary.flushes.push({ lsn: event.lsn, sinceMs: nowMs })
      }
      return
    case 'quiet':
      if (primary.phase.kind === 'stopping') primary.phase.quietLsn = event.lsn
      return
    case 'linkUp':
      onLinkUp(state, primary, event, nowMs, out)
      return
    case 'pinned':
      onPinned(state, primary, event.session, event.isHeld, nowMs, out)
      return
    case 'sessionMoved':
      onSessionMoved(state, primary, event.session, event.isCopied, nowMs, out)
      return
    case 'sessionFailed':
      onSessionFailed(state, primary, event.session, event.why, nowMs, out)
      return
    case 'diverged': {
      const peer = primary.peers.get(event.server)
      out.notes.push({ kind: 'diverged', server: event.server, lsn: event.lsn })
      if (peer === undefined) return
      peer.isBarred = true
      letGo(peer, 'diverged', out)
      return
    }
    case 'tick':
      onTick(state, primary, nowMs, out)
      return
  }
}

function onSessionFailed(
  state: ReplicaState,
  primary: Primary,
  ref: SessionRef,
  why: string,
  nowMs: number,
  out: Outbox,
): void {
  const found = findSession(primary, ref)
  if (found !== undefined) failSession(state, found.peer, why, nowMs, out)
}

function onPeer(state: ReplicaState, from: Sender, message: PeerMessage, nowMs: number, out: Outbox): void {
  if (from.server.length === 0) {
    out.notes.push({ kind: 'identityMissing', server: from.server })
    out.links.push({ kind: 'disconnect', server: from.server, connection: from.connection })
    return
  }
  switch (message.kind) {
    case 'fence':
      // the registry has decided on a higher epoch, and a member of this one's set obeys it
      if (state.role.kind === 'primary' && message.epoch.number > state.role.epoch.number) {
        obeyEpoch(state, message.epoch, out)
      }
      return
    case 'lead':
    case 'plan':
    case 'entries':
    case 'pulse':
    case 'barrier':
    case 'release':
      onPrimaryMessage(state, from, message, nowMs, out)
      return
    case 'follow':
    case 'taken':
    case 'refused':
    case 'ack':
    case 'confirmed':
    case 'promise':
      if (state.role.kind === 'primary') onReplicaMessage(state, state.role, from, message, nowMs, out)
      return
  }
}

function onPrimaryMessage(
  state: ReplicaState,
  from: Sender,
  message: PrimaryMessage,
  nowMs: number,
  out: Outbox,
): void {
  const epoch = 'epoch' in message ? message.epoch : message.session.epoch
  if (isRefused(state, from, epoch, out)) return
  if (epoch.number > state.marks.sealed.number) {
    // a primary shows its epoch before it sends anything of it
    if (message.kind !== 'lead') return
    obeyEpoch(state, epoch, out)
  }
  const { role } = state
  if (role.kind === 'primary') {
    // somebody else leads the epoch that this opening leads
    out.notes.push({ kind: 'epochTwice', server: from.server, epoch, other: role.epoch })
    return
  }
  if (role.kind === 'stopped') return
  switch (message.kind) {
    case 'lead':
      onLead(state, role, from, message, out)
      return
    case 'plan':
      onPlan(state, role, from, message, out)
      return
    case 'entries':
      onEntries(state, role, from, message, out)
      return
    case 'pulse':
      onPulse(state, role, from, message, nowMs, out)
      return
    case 'barrier':
      onBarrier(role, from, message, state, out)
      return
    case 'release':
      onRelease(state, role, from, message.epoch)
      return
  }
}

function onLeaderGone(
  role: Following,
  event: { server: string; connection: number | null },
  out: Outbox,
): void {
  const { leader } = role
  if (leader === null || leader.server !== event.server || leader.connection !== event.connection) return
  endFollowing(role, 'connection lost', out)
}

function leaveAll(state: ReplicaState, why: 'poisoned' | 'closed', out: Outbox): void {
  const { role } = state
  if (role.kind === 'primary') {
    // it serves nobody from here on: its members need not wait for it
    finishStop(state, role, { why, isDrained: false }, out)
  }
  if (role.kind === 'following') endFollowing(role, why, out)
  state.role = { kind: 'stopped', why }
}

/**
 * Becoming and ceasing to be the primary of an epoch.
 *
 *     assigned ─(served, set: durable)─▶ epoch entry appended ─▶ peers connected ─▶ entry committed ─▶ hosts served
 *     stop ─▶ hosts drained ─▶ quiet ─▶ every member has everything ─▶ promises released ─▶ stopped
 */
import { assert } from '../base/assert.ts'
import { type Epoch, type Lsn, lsn } from '../base/units.ts'
import { showLease } from './advance.ts'
import { activeSets, appendedBy } from './counting.ts'
import { appendSpan, trimHistory } from './history.ts'
import { sameEpoch } from './identity.ts'
import { persistMarks } from './local-cuts.ts'
import type { Assignment } from './messages.ts'
import type { Outbox } from './outbox.ts'
import { letGo, setReplicas } from './peers.ts'
import type { Primary, ReplicaState } from './state.ts'
import { Trail } from './trail.ts'

/** The caller has checked that this opening may lead the epoch. */
export function startPrimary(state: ReplicaState, assignment: Assignment, nowMs: number, out: Outbox): void {
  const { epoch, policy, replicas, set } = assignment
  assert(epoch.number > state.marks.served, 'no epoch is led twice')
  persistMarks(state, { served: epoch.number, set }, out)
  state.role = {
    kind: 'primary',
    epoch,
    policy,
    phase: { kind: 'starting' },
    startLsn: null,
    replicas,
    set,
    change: null,
    peers: new Map(),
    trail: new Trail(),
    lease: {
      grantedUntilMs: Number.NEGATIVE_INFINITY,
      promises: new Map(),
      shownUntilMs: Number.NEGATIVE_INFINITY,
      shownKind: 'none',
    },
    acknowledged: lsn(0),
    flushed: lsn(0),
    busy: lsn(0),
    flushes: [],
    nextSession: 1,
    nextPulseMs: nowMs,
  }
  out.storage.push({ kind: 'startEpoch', epoch })
}

/** The start entry is in the log: also when the epoch is over meanwhile, the log has an entry of it. */
export function onEpochStarted(
  state: ReplicaState,
  epoch: Epoch,
  startLsn: Lsn,
  nowMs: number,
  out: Outbox,
): void {
  const before = trimHistory(state.adopted, lsn(startLsn - 1))
  state.adopted = appendSpan(before, { epoch, firstLsn: startLsn })
  state.handed = lsn(Math.max(state.handed, startLsn))
  const { role } = state
  if (role.kind !== 'primary' || !sameEpoch(role.epoch, epoch)) return
  role.startLsn = startLsn
  role.trail.record(startLsn, nowMs)
  setReplicas(state, role, role.replicas, nowMs, out)
}

/** Hosts are cut off first, then sessions and connections end. What was appended stays and may yet be committed. */
export function leavePrimary(state: ReplicaState, primary: Primary, why: string, out: Outbox): void {
  out.halt = { why }
  out.serve = null
  for (const peer of primary.peers.values()) letGo(peer, why, out)
  state.role = { kind: 'following', leader: null }
}

/** Members need not wait for promises to a primary that serves no more. Sent before the connections close. */
function releasePromises(primary: Primary, out: Outbox): void {
  for (const peer of primary.peers.values()) {
    if (peer.link.kind !== 'up') continue
    out.toPeer(peer.server, peer.link.connection, { kind: 'release', epoch: primary.epoch })
  }
}

export function onStop(
  state: ReplicaState,
  primary: Primary,
  epoch: Epoch,
  nowMs: number,
  out: Outbox,
): void {
  if (!sameEpoch(epoch, primary.epoch) || primary.phase.kind === 'stopping') return
  if (primary.phase.kind === 'starting') {
    finishStop(state, primary, { why: 'stopped', isDrained: false }, out)
    return
  }
  primary.phase = { kind: 'stopping', sinceMs: nowMs, quietLsn: null }
  showLease(state, primary, out)
}

/** Drained when nothing is on its way and every member has all of the log. */
export function driveStop(state: ReplicaState, primary: Primary, nowMs: number, out: Outbox): void {
  const { phase } = primary
  if (phase.kind !== 'stopping') return
  const position = appendedBy(state, primary)
  const end = phase.quietLsn
  const isDrained =
    end !== null &&
    state.local.appended >= end &&
    activeSets(primary).every((set) => set.every((member) => (position(member) ?? -1) >= end))
  if (isDrained && out.reply.length > 0) {
    // hosts hear of their last writes before they are cut off
    primary.nextPulseMs = nowMs
  } else if (isDrained) {
    finishStop(state, primary, { why: 'stopped', isDrained: true }, out)
  } else if (nowMs - phase.sinceMs >= state.bounds.stopMs) {
    primary.phase = { kind: 'serving' }
    out.toAuthority({ kind: 'stopFailed', epoch: primary.epoch })
    showLease(state, primary, out)
  }
}

export function finishStop(
  state: ReplicaState,
  primary: Primary,
  how: { readonly why: string; readonly isDrained: boolean },
  out: Outbox,
): void {
  releasePromises(primary, out)
  leavePrimary(state, primary, how.why, out)
  const { isDrained } = how
  out.toAuthority({ kind: 'stopped', epoch: primary.epoch, opening: state.marks.opening, isDrained })
}

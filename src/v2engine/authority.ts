/**
 * Seals and assignments: what the registry decided, taken only if it is of this epoch and meant for this opening.
 *
 *     seal of e ──lower than sealed──▶ refused          ──bound by a promise──▶ later
 *               └─higher─▶ (serve nobody) ─▶ sealed durable ─▶ answer: last entry, standing, opening
 */
import { assert } from '../base/assert.ts'
import { type Epoch, epochNumber } from '../base/units.ts'
import { endFollowing } from './follow.ts'
import { epochAt } from './history.ts'
import { type LastEntry, sameEpoch } from './identity.ts'
import { leavePrimary, onStop, startPrimary } from './lead.ts'
import { persistMarks } from './local-cuts.ts'
import { standingOf } from './marks.ts'
import type { Assignment, AssignRefusal, AuthorityMessage } from './messages.ts'
import type { Outbox } from './outbox.ts'
import { setReplicas } from './peers.ts'
import { onSetIs } from './set-changes.ts'
import type { ReplicaState } from './state.ts'

export function onAuthority(
  state: ReplicaState,
  message: AuthorityMessage,
  nowMs: number,
  out: Outbox,
): void {
  const { role } = state
  switch (message.kind) {
    case 'seal':
      onSeal(state, message.epoch, nowMs, out)
      return
    case 'assign':
      onAssign(state, message, nowMs, out)
      return
    case 'grant':
      if (role.kind !== 'primary' || !sameEpoch(role.epoch, message.epoch)) return
      if (message.opening !== state.marks.opening || message.askedAtMs > nowMs) return
      // counted from when this server asked: the master counts from when it heard, which is later
      role.lease.grantedUntilMs = Math.max(
        role.lease.grantedUntilMs,
        message.askedAtMs + Math.min(message.leaseMs, state.bounds.leaseMs),
      )
      return
    case 'setIs':
      if (role.kind !== 'primary' || !sameEpoch(role.epoch, message.epoch)) return
      onSetIs(state, role, message.set, nowMs, out)
      return
    case 'stop':
      if (role.kind === 'primary') onStop(state, role, message.epoch, nowMs, out)
      return
  }
}

function onSeal(state: ReplicaState, epoch: Epoch, nowMs: number, out: Outbox): void {
  const { role, marks, self } = state
  const { sealed, opening } = marks
  if (role.kind === 'stopped') return
  if (epoch.number < sealed.number) {
    out.toAuthority({ kind: 'sealRefused', epoch, sealed })
    return
  }
  if (epoch.number === sealed.number && !sameEpoch(epoch, sealed)) {
    out.notes.push({ kind: 'epochTwice', server: self, epoch, other: sealed })
    out.toAuthority({ kind: 'sealRefused', epoch, sealed })
    return
  }
  if (epoch.number > sealed.number) {
    // a primary binds nobody but itself, and stops here
    if (role.kind === 'following' && nowMs < state.boundUntilMs) {
      out.toAuthority({ kind: 'sealLater', epoch, waitMs: state.boundUntilMs - nowMs })
      return
    }
    obeyEpoch(state, epoch, out)
  }
  const last = lastEntry(state)
  const hasServed = state.marks.served >= epoch.number
  const standing = standingOf(state.marks)
  out.toAuthority({ kind: 'sealed', epoch, server: self, opening, last, standing, hasServed })
}

/**
 * What a promotion compares. Of a replica that is resyncing: the epoch whose primary it takes everything from, and the
 * base up to which it has everything itself.
 */
function lastEntry(state: ReplicaState): LastEntry {
  const { resync } = state.marks
  const { appended } = state.local
  if (resync === null) return { epoch: epochAt(state.adopted, appended), lsn: appended }
  return { epoch: resync.history.at(-1)?.epoch.number ?? epochNumber(0), lsn: resync.base }
}

/** From here on everything of a lower epoch is refused, also by the next opening. */
export function obeyEpoch(state: ReplicaState, epoch: Epoch, out: Outbox): void {
  assert(epoch.number > state.marks.sealed.number, 'epochs only rise')
  const { role } = state
  if (role.kind === 'primary') leavePrimary(state, role, 'a higher epoch', out)
  if (role.kind === 'following') {
    endFollowing(role, 'a higher epoch', out)
    role.leader = null
  }
  persistMarks(state, { sealed: epoch }, out)
}

function onAssign(state: ReplicaState, assignment: Assignment, nowMs: number, out: Outbox): void {
  const { epoch } = assignment
  const { role, marks } = state
  if (assignment.role === 'replica') {
    if (role.kind === 'stopped' || epoch.number < marks.sealed.number) return
    if (epoch.number > marks.sealed.number) obeyEpoch(state, epoch, out)
    return
  }
  if (role.kind === 'primary' && sameEpoch(role.epoch, epoch)) {
    // told again, or told where replicas are now, and how many there are to be; how entries are committed an epoch does not change
    if (role.policy.mode.kind === assignment.policy.mode.kind) role.policy = assignment.policy
    if (role.startLsn === null) role.replicas = assignment.replicas
    else setReplicas(state, role, assignment.replicas, nowMs, out)
    onSetIs(state, role, assignment.set, nowMs, out)
    return
  }
  const why = refusalOf(state, assignment)
  if (why !== null) {
    out.toAuthority({ kind: 'assignRefused', epoch, why })
    return
  }
  if (role.kind === 'following') endFollowing(role, 'leads itself', out)
  startPrimary(state, assignment, nowMs, out)
}

function refusalOf(state: ReplicaState, assignment: Assignment): AssignRefusal | null {
  const { marks, self } = state
  const { epoch, opening, primary, replicas, set } = assignment
  if (state.role.kind === 'stopped') return 'stopped'
  if (primary !== self) return 'another server'
  if (!sameEpoch(epoch, marks.sealed)) return 'epoch not sealed here'
  // an epoch belongs to one opening: after a restart it is over, even if the registry still names it
  if (marks.served >= epoch.number) return 'epoch already served'
  if (opening !== marks.opening) return 'another opening'
  if (marks.resync !== null) return 'resyncing'
  const isNamed = replicas.some((replica) => replica.server === self) && set.members.includes(self)
  return isNamed ? null : 'not a replica'
}

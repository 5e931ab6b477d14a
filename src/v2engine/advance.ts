/**
 * The primary moves on: the commit LSN first, then what hosts may be told. Called after everything that can change one
 * of them; does nothing when nothing changed.
 *
 *     appended by enough ─▶ commit ─(epoch start committed, lease, minInSync, lag)─▶ acknowledged ─(durable on enough)─▶ flushed
 */
import { assert } from '../base/assert.ts'
import { type Lsn, lsn } from '../base/units.ts'
import {
  activeSets,
  appendedBy,
  committableLsn,
  durableAt,
  flushableLsn,
  positionFor,
  primaryServesUntilMs,
} from './counting.ts'
import { persistMarks } from './local-cuts.ts'
import type { Outbox } from './outbox.ts'
import { membersToAcknowledge, votesNeeded } from './policy.ts'
import type { Position } from './rules/commit.ts'
import type { Primary, ReplicaState } from './state.ts'

export function advance(state: ReplicaState, primary: Primary, nowMs: number, out: Outbox): void {
  raiseCommit(state, primary, out)
  showLease(state, primary, out)
  if (primary.phase.kind === 'starting') return
  // a late reply of the event loop must not acknowledge in an epoch that may be over
  if (nowMs >= primary.lease.shownUntilMs) return
  acknowledge(state, primary, nowMs, out)
  answerFlushes(state, primary, out)
}

/** Nothing is committed in an epoch before its start entry is: older entries may belong to a history that lost. */
function raiseCommit(state: ReplicaState, primary: Primary, out: Outbox): void {
  const { startLsn } = primary
  const agreed = lsn(Math.min(committableLsn(state, primary), state.local.appended))
  if (startLsn === null || agreed < startLsn) return
  if (agreed > state.commit) {
    assertHeld(primary, agreed, appendedBy(state, primary))
    state.commit = agreed
    out.storage.push({ kind: 'commit', lsn: agreed })
  }
  if (primary.phase.kind !== 'starting') return
  primary.phase = { kind: 'serving' }
  const { isDoubtful, isDamaged } = state.marks
  // what the epoch begins with is what the volume is; the doubt has been decided
  if (isDoubtful || isDamaged) persistMarks(state, { isDoubtful: false, isDamaged: false }, out)
  // writes of earlier epochs were answered, or not, by their own primaries
  primary.acknowledged = startLsn
  out.toAuthority({ kind: 'serving', epoch: primary.epoch, startLsn })
}

/** Tells the shell until when hosts are served, when that changed. */
export function showLease(state: ReplicaState, primary: Primary, out: Outbox): void {
  if (primary.phase.kind === 'starting') return
  const untilMs = primaryServesUntilMs(state, primary)
  const kind = primary.phase.kind === 'stopping' ? 'draining' : 'until'
  if (untilMs === primary.lease.shownUntilMs && kind === primary.lease.shownKind) return
  primary.lease.shownUntilMs = untilMs
  primary.lease.shownKind = kind
  out.serve = { kind, epoch: primary.epoch, untilMs }
}

function acknowledge(state: ReplicaState, primary: Primary, nowMs: number, out: Outbox): void {
  const { policy } = primary
  if (activeSets(primary).some((set) => set.length < membersToAcknowledge(policy))) return
  const to = lsn(Math.min(state.commit, lagLimit(state, primary, nowMs)))
  if (to <= primary.acknowledged) return
  primary.acknowledged = to
  out.reply.push({ kind: 'acknowledge', to })
}

/**
 * `best_effort`: no acknowledgement goes further ahead of a member than the bound; the member leaves the set first. So
 * an automatic failover to any member loses no more than that.
 */
function lagLimit(state: ReplicaState, primary: Primary, nowMs: number): number {
  const { mode } = primary.policy
  if (mode.kind !== 'best_effort') return Number.POSITIVE_INFINITY
  const limits = activeSets(primary)
    .flat()
    .filter((member) => member !== state.self)
    .map((member) => {
      const peer = primary.peers.get(member)
      const at = peer === undefined ? lsn(0) : positionFor(peer)
      const lateSinceMs = primary.trail.firstAfterMs(at)
      const isLate = lateSinceMs !== undefined && nowMs - lateSinceMs > mode.maxLagMs
      return isLate ? at : at + mode.maxLagEntries
    })
  return Math.min(...limits)
}

function answerFlushes(state: ReplicaState, primary: Primary, out: Outbox): void {
  const to = lsn(Math.min(flushableLsn(state, primary), primary.acknowledged))
  let answered: Lsn | null = null
  while (primary.flushes[0] !== undefined && primary.flushes[0].lsn <= to) {
    answered = primary.flushes.shift()!.lsn
  }
  if (answered === null) return
  assertHeld(primary, answered, durableAt(state, primary))
  primary.flushed = answered
  out.reply.push({ kind: 'flushed', to: answered })
}

/** Invariants 2 and 3, counted anew and plainly: so many members of every set have it. */
function assertHeld(primary: Primary, at: Lsn, position: Position): void {
  for (const set of activeSets(primary)) {
    const holders = set.filter((member) => (position(member) ?? -1) >= at).length
    assert(holders >= votesNeeded(primary.policy, set.length), 'enough members hold what hosts are told')
  }
}

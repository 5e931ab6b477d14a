/**
 * The replica's side of replication: obey the primary of the epoch that is sealed here, and no other.
 *
 *     lead ──▶ follow ──▶ plan ──(drop, give up: durable)──▶ taken ──▶ entries ⇄ ack … barrier ──(durable)──▶ confirmed
 */
import { assert } from '../base/assert.ts'
import { type Epoch, type Lsn, lsn } from '../base/units.ts'
import { trimHistory } from './history.ts'
import { type ConnectionId, type ServerId, type SessionRef, sameEpoch, sameSession } from './identity.ts'
import { dropLog, persistMarks, replaceImage } from './local-cuts.ts'
import { compareSets, standingOf } from './marks.ts'
import type { Follow, PlanRefusal, PrimaryMessage } from './messages.ts'
import type { Outbox } from './outbox.ts'
import type { Plan } from './plan.ts'
import type { FollowerSession, Following, Leader, ReplicaState } from './state.ts'

/** Who sent a message, and on which connection. */
export interface Sender {
  readonly server: ServerId
  readonly connection: ConnectionId
}

type Message<K extends PrimaryMessage['kind']> = Extract<PrimaryMessage, { kind: K }>

/** Drops the session with the leader, and tells the shell to stop receiving into it. */
export function endFollowing(role: Following, why: string, out: Outbox): void {
  const session = role.leader?.session
  if (role.leader === null || session === null || session === undefined) return
  role.leader.session = null
  out.sessions.push({ kind: 'end', session: session.ref, why })
}

/**
 * What a message of this epoch is to a replica that follows: `stale` is answered with the epoch obeyed here; `twice`
 * means that two openings took one number, and nothing of it is believed.
 */
function judgeEpoch(state: ReplicaState, epoch: Epoch): 'stale' | 'twice' | 'obeyed' | 'newer' {
  const { sealed } = state.marks
  if (epoch.number < sealed.number) return 'stale'
  if (epoch.number > sealed.number) return 'newer'
  return sameEpoch(epoch, sealed) ? 'obeyed' : 'twice'
}

/** Refuses what is of another epoch than the one obeyed; a newer one counts only in `lead`. */
export function isRefused(state: ReplicaState, from: Sender, epoch: Epoch, out: Outbox): boolean {
  const judged = judgeEpoch(state, epoch)
  if (judged === 'stale') {
    out.toPeer(from.server, from.connection, { kind: 'fence', epoch: state.marks.sealed })
  }
  if (judged === 'twice') {
    out.notes.push({ kind: 'epochTwice', server: from.server, epoch, other: state.marks.sealed })
  }
  return judged === 'stale' || judged === 'twice'
}

/** The leader that this connection is of; undefined for every other, older or unknown connection. */
function leaderOf(role: Following, from: Sender): Leader | undefined {
  const { leader } = role
  if (leader === null || leader.server !== from.server) return undefined
  return leader.connection === from.connection ? leader : undefined
}

/** A primary shows itself. The caller has refused lower epochs and sealed a higher one. */
export function onLead(
  state: ReplicaState,
  role: Following,
  from: Sender,
  message: Message<'lead'>,
  out: Outbox,
): void {
  const { leader } = role
  const isSame = leader !== null && leader.server === from.server && leader.opening === message.opening
  if (leader !== null && !isSame) {
    // one opening leads an epoch; a second one has no right to it
    const { sealed } = state.marks
    out.notes.push({ kind: 'epochTwice', server: from.server, epoch: message.epoch, other: sealed })
    return
  }
  if (leader !== null && from.connection < leader.connection) return
  endFollowing(role, 'the primary asks anew', out)
  role.leader = {
    server: from.server,
    connection: from.connection,
    opening: message.opening,
    lastSession: leader?.lastSession ?? 0,
    session: null,
    commitTold: leader?.commitTold ?? lsn(0),
  }
  out.toPeer(from.server, from.connection, describeSelf(state))
}

function describeSelf(state: ReplicaState): Follow {
  const { marks, local } = state
  return {
    kind: 'follow',
    epoch: marks.sealed,
    opening: marks.opening,
    history: trimHistory(state.adopted, lsn(Math.max(local.appended, local.image))),
    appended: local.appended,
    durable: local.durable,
    image: local.image,
    hasUnknown: local.hasUnknown,
    standing: standingOf(marks),
    resyncBase: marks.resync?.base ?? null,
  }
}

export function onPlan(
  state: ReplicaState,
  role: Following,
  from: Sender,
  message: Message<'plan'>,
  out: Outbox,
): void {
  const leader = leaderOf(role, from)
  const { session: ref, plan } = message
  if (leader === undefined || ref.replicaOpening !== state.marks.opening) return
  if (ref.primaryOpening !== leader.opening || ref.id <= leader.lastSession) return
  endFollowing(role, 'superseded', out)
  leader.lastSession = ref.id
  const refusal = refusalOf(state, plan)
  if (refusal !== null) {
    out.toPeer(from.server, from.connection, { kind: 'refused', session: ref, why: refusal })
    return
  }
  if (plan.isDamaged && !state.marks.isDamaged) persistMarks(state, { isDamaged: true }, out)
  takePlan(state, plan, out)
  leader.commitTold = message.commit
  leader.session = { ref, barrier: null }
  raiseCommit(state, leader, out)
  out.toPeer(from.server, from.connection, { kind: 'taken', session: ref })
}

/** A plan is made from what this replica said; one that does not fit what it is now is refused, not stretched. */
function refusalOf(state: ReplicaState, plan: Plan): PlanRefusal | null {
  const { local, marks } = state
  if (plan.kind === 'resync') {
    const isBaseHeld = plan.base <= (marks.resync?.base ?? local.durable)
    const isOrdered = plan.base <= plan.proof.D && plan.base <= plan.target
    return isBaseHeld && isOrdered ? null : 'plan does not fit'
  }
  if (marks.resync !== null || local.hasUnknown) return 'plan does not fit'
  if (local.image > plan.proof.D) return 'image beyond common'
  return local.appended < plan.dropAbove ? 'log does not reach' : null
}

function takePlan(state: ReplicaState, plan: Plan, out: Outbox): void {
  if (plan.kind === 'resync') {
    const { base, target, history } = plan
    replaceImage(state, { base, common: plan.proof.D, target, history }, out)
    return
  }
  assert(state.local.image <= plan.proof.D, 'the image holds nothing of what is dropped')
  dropLog(state, plan.dropAbove, out)
  state.adopted = plan.history
  assert(state.handed === plan.dropAbove, 'entries go on where the log ends')
}

export function onEntries(
  state: ReplicaState,
  role: Following,
  from: Sender,
  message: Message<'entries'>,
  out: Outbox,
): void {
  const leader = leaderOf(role, from)
  const session = currentSession(leader, message.session)
  if (leader === undefined || session === undefined) return
  const { first, last } = message
  if (first !== state.handed + 1 || last < first) {
    endFollowing(role, 'entries out of order', out)
    out.notes.push({ kind: 'protocol', server: from.server, what: `entries from ${first}` })
    out.toPeer(from.server, from.connection, describeSelf(state))
    return
  }
  out.storage.push({ kind: 'append', session: session.ref, first, last })
  state.handed = last
  settle(state, session, out)
  leader.commitTold = lsn(Math.max(leader.commitTold, message.commit))
  raiseCommit(state, leader, out)
}

const currentSession = (leader: Leader | undefined, ref: SessionRef) => {
  const session = leader?.session ?? undefined
  return session !== undefined && sameSession(session.ref, ref) ? session : undefined
}

export function onPulse(
  state: ReplicaState,
  role: Following,
  from: Sender,
  message: Message<'pulse'>,
  nowMs: number,
  out: Outbox,
): void {
  const leader = leaderOf(role, from)
  if (leader === undefined || !sameEpoch(message.epoch, state.marks.sealed)) return
  const known = state.marks.set
  if (known === null || compareSets(message.set, known) > 0) persistMarks(state, { set: message.set }, out)
  leader.commitTold = lsn(Math.max(leader.commitTold, message.commit))
  raiseCommit(state, leader, out)
  const { leaseMs, marginMs } = state.bounds
  state.boundUntilMs = Math.max(state.boundUntilMs, nowMs + leaseMs + marginMs)
  const { epoch, askedAtMs } = message
  out.toPeer(from.server, from.connection, { kind: 'promise', epoch, askedAtMs })
}

export function onBarrier(
  role: Following,
  from: Sender,
  message: Message<'barrier'>,
  state: ReplicaState,
  out: Outbox,
): void {
  const session = currentSession(leaderOf(role, from), message.session)
  if (session === undefined) return
  session.barrier = { lsn: message.lsn, isSettling: false }
  settle(state, session, out)
}

/** Once the entries that it covers are on their way to the log; a barrier may overtake them. */
function settle(state: ReplicaState, session: FollowerSession, out: Outbox): void {
  const { barrier } = session
  if (barrier === null || barrier.isSettling || state.handed < barrier.lsn) return
  barrier.isSettling = true
  out.storage.push({ kind: 'settle', session: session.ref, lsn: barrier.lsn })
}

/** Log and base are durable through the barrier: from here on this replica counts. */
export function onSettled(
  state: ReplicaState,
  role: Following,
  ref: SessionRef,
  settled: Lsn,
  out: Outbox,
): void {
  const { leader } = role
  const session = currentSession(leader ?? undefined, ref)
  if (leader === null || session === undefined || session.barrier?.lsn !== settled) return
  assert(state.local.durable >= settled, 'a barrier is confirmed only once it is durable here')
  session.barrier = null
  const { isDoubtful, isDamaged, resync } = state.marks
  if (resync !== null) state.local = { ...state.local, hasUnknown: false }
  if (isDoubtful || isDamaged || resync !== null) {
    persistMarks(state, { isDoubtful: false, isDamaged: false, resync: null }, out)
  }
  out.toPeer(leader.server, leader.connection, { kind: 'confirmed', session: ref, lsn: settled })
}

export function onRelease(state: ReplicaState, role: Following, from: Sender, epoch: Epoch): void {
  if (leaderOf(role, from) === undefined || !sameEpoch(epoch, state.marks.sealed)) return
  state.boundUntilMs = Number.NEGATIVE_INFINITY
}

/** Storage appended or synced more of what it was handed. */
export function onFollowerProgress(state: ReplicaState, role: Following, out: Outbox): void {
  const { leader } = role
  if (leader?.session === undefined || leader.session === null) return
  raiseCommit(state, leader, out)
  const { appended, durable } = state.local
  const session = leader.session.ref
  out.toPeer(leader.server, leader.connection, { kind: 'ack', session, appended, durable })
}

/** What is known committed and appended here; the flusher goes no further. */
function raiseCommit(state: ReplicaState, leader: Leader, out: Outbox): void {
  if (leader.session === null) return
  const commit = lsn(Math.min(leader.commitTold, state.local.appended))
  if (commit <= state.commit) return
  state.commit = commit
  out.storage.push({ kind: 'commit', lsn: commit })
}

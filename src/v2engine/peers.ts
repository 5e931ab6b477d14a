/**
 * A primary's connections to the other replicas: made by the primary, one per replica, made anew with backoff. What
 * comes over any other connection than the present one is stale.
 */
import { type Lsn, lsn } from '../base/units.ts'
import type { Sender } from './follow.ts'
import { gradeOf } from './grade.ts'
import { type ConnectionId, opening, type ServerId, sameEpoch } from './identity.ts'
import type { Follow, Replica, ReplicaMessage } from './messages.ts'
import type { Outbox } from './outbox.ts'
import type { Proof } from './plan.ts'
import { backoffMs } from './policy.ts'
import {
  checkSession,
  endSession,
  failSession,
  findSession,
  moveOn,
  onConfirmed,
  onTaken,
  planFor,
  raisePositions,
} from './sessions.ts'
import type { Peer, PeerSession, Primary, ReplicaState } from './state.ts'

/** Makes the peers be what the registry says: new ones are connected to, moved ones too, others let go. */
export function setReplicas(
  state: ReplicaState,
  primary: Primary,
  replicas: readonly Replica[],
  nowMs: number,
  out: Outbox,
): void {
  primary.replicas = replicas
  const named = new Map(replicas.map((replica) => [replica.server, replica.endpoint]))
  for (const peer of [...primary.peers.values()]) {
    if (named.has(peer.server)) continue
    letGo(peer, 'no replica any more', out)
    primary.peers.delete(peer.server)
    primary.lease.promises.delete(peer.server)
  }
  for (const [server, endpoint] of named) {
    if (server === state.self) continue
    if (server.length === 0 || endpoint.length === 0) {
      out.notes.push({ kind: 'identityMissing', server })
      continue
    }
    const peer = primary.peers.get(server)
    if (peer === undefined) {
      primary.peers.set(server, newPeer(server, endpoint, nowMs))
      out.links.push({ kind: 'connect', server, endpoint })
    } else if (peer.endpoint !== endpoint) {
      letGo(peer, 'it moved', out)
      peer.endpoint = endpoint
      peer.link = { kind: 'connecting' }
      out.links.push({ kind: 'connect', server, endpoint })
    }
  }
}

const newPeer = (server: ServerId, endpoint: string, nowMs: number): Peer => ({
  server,
  endpoint,
  link: { kind: 'connecting' },
  heardMs: nowMs,
  grade: 'live',
  standing: null,
  needsResync: false,
  opening: opening(0),
  session: null,
  appended: lsn(0),
  durable: lsn(0),
  reached: lsn(0),
  confirmed: lsn(0),
  reportedDurable: lsn(0),
  failures: 0,
  stalledCatchUps: 0,
  askAtMs: nowMs,
  rejoinAtMs: nowMs,
  isBarred: false,
})

/** Ends session and connection. */
export function letGo(peer: Peer, why: string, out: Outbox): void {
  endSession(peer, why, out)
  peer.standing = null
  out.links.push({ kind: 'disconnect', server: peer.server, connection: null })
}

export function onLinkUp(
  state: ReplicaState,
  primary: Primary,
  from: Sender,
  nowMs: number,
  out: Outbox,
): void {
  const peer = primary.peers.get(from.server)
  const isOld = peer?.link.kind === 'up' && peer.link.connection >= from.connection
  if (peer === undefined || peer.isBarred || isOld) {
    out.links.push({ kind: 'disconnect', server: from.server, connection: from.connection })
    return
  }
  endSession(peer, 'connected anew', out)
  peer.standing = null
  // of who answers now: the openings of a directory that was made anew may be numbered below those before
  peer.opening = opening(0)
  peer.link = { kind: 'up', connection: from.connection }
  askForFollow(state, primary, peer, nowMs, out)
}

function askForFollow(state: ReplicaState, primary: Primary, peer: Peer, nowMs: number, out: Outbox): void {
  if (peer.link.kind !== 'up' || peer.isBarred) return
  peer.askAtMs = nowMs + state.bounds.offerMs
  const { epoch } = primary
  const { connection } = peer.link
  out.toPeer(peer.server, connection, { kind: 'lead', epoch, opening: state.marks.opening })
}

export function onLinkDown(
  state: ReplicaState,
  primary: Primary,
  server: ServerId,
  connection: ConnectionId | null,
  nowMs: number,
  out: Outbox,
): void {
  const peer = primary.peers.get(server)
  if (peer === undefined || peer.link.kind === 'down') return
  if (peer.link.kind === 'up' && peer.link.connection !== connection) return
  endSession(peer, 'connection lost', out)
  peer.standing = null
  peer.failures += 1
  peer.link = { kind: 'down', retryAtMs: nowMs + backoffMs(state.bounds, peer.failures) }
}

/** What a replica says. The caller has dealt with `fence`. */
export function onReplicaMessage(
  state: ReplicaState,
  primary: Primary,
  from: Sender,
  message: Exclude<ReplicaMessage, { kind: 'fence' }>,
  nowMs: number,
  out: Outbox,
): void {
  const peer = primary.peers.get(from.server)
  if (peer === undefined || peer.isBarred) return
  if (peer.link.kind !== 'up' || peer.link.connection !== from.connection) return
  peer.heardMs = nowMs
  if (message.kind === 'follow') {
    onFollow(state, primary, peer, message, nowMs, out)
    return
  }
  if (message.kind === 'promise') {
    // an answer to what was not asked yet is a lie, and would lengthen the lease
    if (!sameEpoch(message.epoch, primary.epoch) || message.askedAtMs > nowMs) return
    const { promises } = primary.lease
    const untilMs = message.askedAtMs + state.bounds.leaseMs
    promises.set(peer.server, Math.max(promises.get(peer.server) ?? 0, untilMs))
    return
  }
  const found = findSession(primary, message.session)
  if (found === undefined || found.peer !== peer) return
  const { session } = found
  switch (message.kind) {
    case 'taken':
      onTaken(peer, session, session.plan.proof.R, nowMs, out)
      break
    case 'refused':
      failSession(state, peer, message.why, nowMs, out)
      break
    case 'ack':
      if (message.appended > state.local.appended) {
        bar(peer, session.plan.proof, out)
        return
      }
      if (session.phase === 'pinning' || session.phase === 'offered') return
      if (message.appended > peer.appended || message.durable > peer.durable) session.movedMs = nowMs
      if (message.appended > peer.appended) peer.stalledCatchUps = 0
      raisePositions(peer, message.appended, durableOf(message, session))
      break
    case 'confirmed':
      onConfirmed(state, primary, found, message.lsn, nowMs, out)
      break
  }
  moveOn(state, primary, peer, nowMs, out)
}

/** It has what this primary has not given it: it is stopped, and somebody has to look. */
function bar(peer: Peer, proof: Proof, out: Outbox): void {
  out.notes.push({ kind: 'aheadOfPrimary', server: peer.server, proof })
  peer.isBarred = true
  letGo(peer, 'ahead of its primary', out)
}

/** A replica that is resyncing claims its base and no more, and nobody more than what he appended. */
const durableOf = (ack: { readonly appended: Lsn; readonly durable: Lsn }, session: PeerSession): Lsn =>
  session.phase === 'copying' ? lsn(0) : lsn(Math.min(ack.durable, ack.appended))

function onFollow(
  state: ReplicaState,
  primary: Primary,
  peer: Peer,
  follow: Follow,
  nowMs: number,
  out: Outbox,
): void {
  if (!sameEpoch(follow.epoch, primary.epoch)) return
  if (follow.opening <= 0) {
    out.notes.push({ kind: 'identityMissing', server: peer.server })
    return
  }
  if (follow.opening < peer.opening) return
  endSession(peer, 'superseded', out)
  peer.opening = follow.opening
  peer.standing = follow.standing
  peer.appended = lsn(0)
  peer.durable = lsn(0)
  planFor(state, primary, peer, follow, nowMs, out)
  if (peer.isBarred) letGo(peer, 'ahead of its primary', out)
}

/** At each beat: grades, sessions that stand still, connections and plans that are due again. */
export function checkPeer(
  state: ReplicaState,
  primary: Primary,
  peer: Peer,
  nowMs: number,
  out: Outbox,
): void {
  if (peer.isBarred) return
  const grade = gradeOf(state.bounds, nowMs - peer.heardMs)
  if (grade !== peer.grade) {
    peer.grade = grade
    out.notes.push({ kind: 'grade', server: peer.server, grade })
    if (grade === 'gone' && peer.link.kind === 'up') {
      letGo(peer, 'gone', out)
      peer.link = { kind: 'down', retryAtMs: nowMs }
    }
  }
  checkSession(state, peer, nowMs, out)
  const { link } = peer
  if (link.kind === 'down' && nowMs >= link.retryAtMs) {
    peer.link = { kind: 'connecting' }
    out.links.push({ kind: 'connect', server: peer.server, endpoint: peer.endpoint })
  }
  if (link.kind === 'up' && peer.session === null && nowMs >= peer.askAtMs) {
    askForFollow(state, primary, peer, nowMs, out)
  }
}

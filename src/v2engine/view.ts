/** What others may see of a replica: heartbeats, status pages, checkers. A copy, never the state itself. */
import type { Epoch, Lsn } from '../base/units.ts'
import { isMember } from './counting.ts'
import type { ConnectionId, Opening, ServerId, SessionRef } from './identity.ts'
import { sameSession } from './identity.ts'
import { type SetRecord, type Standing, standingOf } from './marks.ts'
import type { Grade, Peer, ReplicaState } from './state.ts'

interface PeerView {
  readonly server: ServerId
  readonly isMember: boolean
  readonly isConnected: boolean
  readonly grade: Grade
  readonly standing: Standing | null
  readonly session: string | null
  readonly appended: Lsn
  readonly durable: Lsn
  /** When the first entry that it has not acknowledged was appended here, coarsely; null when it has them all. */
  readonly lateSinceMs: number | null
}

export interface ReplicaView {
  readonly role: 'following' | 'starting' | 'serving' | 'stopping' | 'stopped'
  readonly sealed: Epoch
  readonly opening: Opening
  readonly standing: Standing
  readonly commit: Lsn
  readonly set: SetRecord | null
  readonly isSetChanging: boolean
  readonly peers: readonly PeerView[]
}

export function viewOf(state: ReplicaState): ReplicaView {
  const { role, marks } = state
  const common = {
    sealed: marks.sealed,
    opening: marks.opening,
    standing: standingOf(marks),
    commit: state.commit,
  }
  if (role.kind !== 'primary') {
    return { ...common, role: role.kind, set: marks.set, isSetChanging: false, peers: [] }
  }
  const peers = [...role.peers.values()].map(
    (peer): PeerView => ({
      server: peer.server,
      isMember: isMember(role, peer.server),
      isConnected: peer.link.kind === 'up',
      grade: peer.grade,
      standing: peer.standing,
      session: peer.session === null ? null : `${peer.session.plan.kind} ${peer.session.phase}`,
      appended: peer.appended,
      durable: peer.durable,
      lateSinceMs: role.trail.firstAfterMs(peer.appended) ?? null,
    }),
  )
  return { ...common, role: role.phase.kind, set: role.set, isSetChanging: role.change !== null, peers }
}

/**
 * Connections to replicas that have this one's history, the best copies first: of a replica its primary, once it follows
 * in a session; of a primary its members, then those that come back.
 */
export function relativesOf({ role }: ReplicaState): readonly ConnectionId[] {
  if (role.kind === 'stopped') return []
  if (role.kind === 'following') {
    const { leader } = role
    return leader === null || leader.session === null ? [] : [leader.connection]
  }
  const related = [...role.peers.values()].filter(
    ({ session }) => session !== null && session.phase !== 'pinning' && session.phase !== 'offered',
  )
  const rank = ({ server, session }: Peer): number =>
    (isMember(role, server) ? 0 : 2) + (session?.phase === 'live' ? 0 : 1)
  return related
    .sort((a, b) => rank(a) - rank(b))
    .flatMap(({ link }) => (link.kind === 'up' ? [link.connection] : []))
}

/** Connections to the members that have everything that this primary has committed, but for what is on its way. */
export function inSyncOf({ role }: ReplicaState): readonly ConnectionId[] {
  if (role.kind !== 'primary') return []
  return [...role.peers.values()].flatMap(({ server, session, link }) =>
    isMember(role, server) && session?.phase === 'live' && link.kind === 'up' ? [link.connection] : [],
  )
}

/** Whether data that comes in a session is still wanted: asked by the shell for each frame of blocks. */
export function isReceiving(state: ReplicaState, ref: SessionRef): boolean {
  if (state.role.kind !== 'following') return false
  const session = state.role.leader?.session ?? null
  return session !== null && sameSession(session.ref, ref)
}

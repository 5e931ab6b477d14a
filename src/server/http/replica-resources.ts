/** Replicas as resources of the HTTP API of a block server: their JSON schemas, and how they are made of what is known. */
import { type Static, Type } from 'typebox'
import type { ReplicaStatus } from '../../replication/status.ts'
import type { ReplicaView } from '../replica/replica-view.ts'
import { ServerResource } from './server-view.ts'

const Count = Type.Integer({ minimum: 0 })
const Nullable = <T extends ReturnType<typeof Type.Object>>(schema: T) => Type.Union([schema, Type.Null()])

const EpochResource = Type.Object({ number: Count, id: Type.String({ description: '64 bits, decimal' }) })
const Standing = Type.Object({
  doubtful: Type.Boolean(),
  damaged: Type.Boolean(),
  resyncing: Type.Boolean(),
})

const Peer = Type.Object({
  server: Type.String(),
  member: Type.Boolean({ description: 'in the in-sync set' }),
  connected: Type.Boolean(),
  grade: Type.String({ description: 'live, slow, suspect or gone' }),
  standing: Nullable(Standing),
  session: Type.Union([Type.String({ description: 'plan and phase' }), Type.Null()]),
  lsn: Type.Object({ appended: Count, durable: Count }),
  lag: Type.Object({ entries: Count, bytes: Count, ms: Type.Number() }),
  resync: Nullable(
    Type.Object({
      base: Count,
      target: Count,
      scannedBlocks: Count,
      sizeBlocks: Count,
      sentBytes: Count,
      skippedBytes: Count,
      etaMs: Type.Union([Type.Number(), Type.Null()]),
    }),
  ),
})

export const Replica = Type.Object(
  {
    volume: Type.String({ description: 'UUID' }),
    name: Type.String(),
    state: Type.String({ description: 'opening, open, waiting or closed' }),
    outage: Type.Optional(Type.String()),
    reopens: Count,
    authority: Type.Union([Type.String(), Type.Null()]),
    served: Type.Boolean({ description: 'hosts are served from it' }),
    role: Type.Optional(Type.String({ description: 'following, starting, serving, stopping or stopped' })),
    epoch: Type.Optional(EpochResource),
    opening: Type.Optional(Count),
    standing: Type.Optional(Standing),
    set: Type.Optional(
      Nullable(Type.Object({ epoch: Count, version: Count, members: Type.Array(Type.String()) })),
    ),
    setChanging: Type.Optional(Type.Boolean()),
    sizeBytes: Type.Optional(Count),
    health: Type.Optional(Type.String()),
    reasons: Type.Array(Type.String()),
    lsn: Type.Optional(Type.Object({ appended: Count, committed: Count, durable: Count, checkpoint: Count })),
    log: Type.Optional(Type.Object({ sizeBytes: Count, usedBytes: Count })),
    dirtyBlocks: Type.Optional(Count),
    peers: Type.Array(Peer),
    iscsi: Type.Object({
      iqn: Type.String(),
      portals: Type.Array(Type.Object({ address: Type.String(), portalGroupTag: Count })),
      sessions: Count,
    }),
    nvme: Type.Object({
      nqn: Type.String(),
      portals: Type.Array(Type.Object({ address: Type.String() })),
      sessions: Count,
    }),
  },
  { description: "This server's copy of a volume" },
)
export type Replica = Static<typeof Replica>

/** `/healthz` of a block server. */
export const ServerHealth = Type.Object({
  healthy: Type.Boolean(),
  reasons: Type.Array(Type.String()),
  master: Type.Union([Type.String(), Type.Null()], {
    description: 'state of the stream to the master; null without one',
  }),
})

export const ServerStatus = Type.Object(
  {
    server: ServerResource,
    healthy: Type.Boolean(),
    reasons: Type.Array(Type.String()),
    master: Nullable(
      Type.Object({
        state: Type.String({ description: 'connecting, connected, waiting or away' }),
        address: Type.String(),
        reason: Type.Union([Type.String(), Type.Null()], { description: 'why the last stream ended' }),
        beats: Count,
        connects: Count,
      }),
    ),
    replicas: Type.Array(Replica),
  },
  { description: 'The server with all its replicas' },
)
export type ServerStatus = Static<typeof ServerStatus>

/** The `Replica` resource of `view`. */
export function replicaResource(view: ReplicaView): Replica {
  const { volume, name, state, isServed, outage, reopens, authority, status, iscsi, nvme } = view
  return {
    volume,
    name,
    state,
    ...(outage === undefined ? {} : { outage }),
    reopens,
    authority,
    served: isServed,
    reasons: [...(status?.volume.reasons ?? []), ...(status?.failure == null ? [] : [status.failure])],
    peers: [],
    ...(status === undefined ? {} : running(status)),
    iscsi: {
      iqn: iscsi.iqn,
      portals: iscsi.portals.map(({ address, portalGroupTag }) => ({ address, portalGroupTag })),
      sessions: iscsi.sessions.length,
    },
    nvme: {
      nqn: nvme.nqn,
      portals: nvme.portals.map(({ address }) => ({ address })),
      sessions: nvme.sessions.length,
    },
  }
}

function running(status: ReplicaStatus) {
  const { view, volume } = status
  const { role, sealed, opening, standing, set, commit, isSetChanging } = view
  return {
    role,
    epoch: { number: sealed.number, id: String(sealed.id) },
    opening,
    standing: standingResource(standing),
    set: set === null ? null : { epoch: set.epoch, version: set.version, members: [...set.members] },
    setChanging: isSetChanging,
    sizeBytes: volume.sizeBytes,
    health: volume.health,
    lsn: {
      appended: volume.appendedLsn,
      committed: commit,
      durable: volume.durableLsn,
      checkpoint: volume.checkpointLsn,
    },
    log: volume.log,
    dirtyBlocks: volume.dirtyBlocks,
    peers: view.peers.map((peer) => peerResource(peer, status)),
  }
}

const standingResource = (standing: ReplicaStatus['view']['standing']): Static<typeof Standing> => ({
  doubtful: standing.isDoubtful,
  damaged: standing.isDamaged,
  resyncing: standing.isResyncing,
})

function peerResource(
  peer: ReplicaStatus['view']['peers'][number],
  { lags, resyncs }: ReplicaStatus,
): Static<typeof Peer> {
  const { server, isMember, isConnected, grade, standing, session, appended, durable } = peer
  const lag = lags.find((one) => one.server === server)
  const resync = resyncs.find((one) => one.server === server)
  return {
    server,
    member: isMember,
    connected: isConnected,
    grade,
    standing: standing === null ? null : standingResource(standing),
    session,
    lsn: { appended, durable },
    lag: { entries: lag?.entries ?? 0, bytes: lag?.bytes ?? 0, ms: lag?.ms ?? 0 },
    resync: resync === undefined ? null : { ...resync, etaMs: resync.etaMs ?? null },
  }
}

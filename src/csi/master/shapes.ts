/** What the driver reads of the master's answers; an answer that lacks any of it comes from another version, and is refused. */
import { type Static, Type } from 'typebox'
import { Count, Nullable } from '../../client/wire/common.ts'
import type {
  JobInfo,
  ResolvedPolicy,
  ServerInfo,
  SnapshotInfo,
  VolumeInfo,
} from '../controller/master-port.ts'

const POLICY = {
  preset: Type.String(),
  replica_factor: Count,
  durability_mode: Type.String(),
  disk_type: Nullable(Type.String()),
  logical_block_bytes: Count,
  multipath: Type.Boolean(),
}

export const Volume = Type.Object({
  ...POLICY,
  id: Type.String(),
  name: Type.String(),
  size_bytes: Count,
  status: Type.Enum(['creating', 'active', 'deleting']),
  zones: Type.Array(Type.String()),
  serving: Type.Boolean(),
  may_have_lost: Type.Boolean(),
  health_state: Type.String(),
  health_reasons: Type.Array(Type.String()),
  clone: Nullable(Type.Object({ source: Type.String() })),
  made_of: Nullable(Type.Object({ volume: Type.String(), snapshot: Type.String() })),
  access: Type.Object({ chap: Nullable(Type.Object({ user: Type.String() })) }),
  publications: Type.Array(
    Type.Object({ node: Type.String(), read_only: Type.Boolean(), shared: Type.Boolean() }),
  ),
  iqn: Nullable(Type.String()),
  nqn: Type.String(),
  paths: Type.Array(
    Type.Object({
      role: Type.String(),
      iscsi_addrs: Type.Array(Type.String()),
      nvme_addrs: Type.Array(Type.String()),
    }),
  ),
})
export const VolumePage = Type.Object({ volumes: Type.Array(Volume), next_cursor: Nullable(Type.String()) })

export function volumeInfo(volume: Static<typeof Volume>): VolumeInfo {
  const { paths, publications, access, made_of: madeOf } = volume
  // who serves now is asked first: what is asked there needs no detour
  const inOrder = paths.toSorted((a, b) => Number(b.role === 'active') - Number(a.role === 'active'))
  return {
    ...policyInfo(volume),
    id: volume.id,
    name: volume.name,
    sizeBytes: volume.size_bytes,
    status: volume.status,
    zones: volume.zones,
    isServing: volume.serving,
    mayHaveLost: volume.may_have_lost,
    health: volume.health_state,
    healthReasons: volume.health_reasons,
    isFilling: volume.clone !== null,
    madeOf: madeOf && { volume: madeOf.volume, snapshot: madeOf.snapshot },
    chapUser: access.chap?.user ?? null,
    publications: publications.map(({ node, read_only, shared }) => ({
      node,
      isReadOnly: read_only,
      isShared: shared,
    })),
    iqn: volume.iqn,
    nqn: volume.nqn,
    iscsiPortals: inOrder.flatMap((path) => path.iscsi_addrs),
    nvmePortals: inOrder.flatMap((path) => path.nvme_addrs),
  }
}

export const Resolved = Type.Object({
  policy: Nullable(Type.Object(POLICY)),
  errors: Type.Array(Type.Object({ code: Type.String(), message: Type.String() })),
})

const Policy = Type.Object(POLICY)

export const policyInfo = (policy: Static<typeof Policy>): ResolvedPolicy => ({
  preset: policy.preset,
  replicaFactor: policy.replica_factor,
  durability: policy.durability_mode,
  diskType: policy.disk_type,
  logicalBlockBytes: policy.logical_block_bytes,
  isMultipath: policy.multipath,
})

export const Snapshot = Type.Object({
  id: Type.String(),
  name: Type.String(),
  volume_id: Type.String(),
  state: Type.Enum(['creating', 'ready', 'deleting', 'lost']),
  size_bytes: Count,
  created_at: Type.String(),
  group: Nullable(Type.String()),
  repository: Nullable(Type.String()),
})
export const SnapshotList = Type.Object({ snapshots: Type.Array(Snapshot) })
export const SnapshotPage = Type.Object({
  snapshots: Type.Array(Snapshot),
  next_cursor: Nullable(Type.String()),
})

export const snapshotInfo = (snapshot: Static<typeof Snapshot>): SnapshotInfo => ({
  id: { volume: snapshot.volume_id, snapshot: snapshot.id },
  name: snapshot.name,
  state: snapshot.state,
  sizeBytes: snapshot.size_bytes,
  createdAtMs: Date.parse(snapshot.created_at),
  isOfGroup: snapshot.group !== null,
  isOfBackup: snapshot.repository !== null,
})

export const Job = Type.Object({
  id: Type.String(),
  state: Type.Enum(['running', 'succeeded', 'failed', 'cancelling', 'cancelled']),
  message: Nullable(Type.String()),
})

export const jobInfo = ({ id, state, message }: Static<typeof Job>): JobInfo => ({ id, state, message })

/** The id of the job that changes replicas; null: nothing differs. */
export const PolicyChanged = Type.Object({ job: Nullable(Type.String()) })

const Server = Type.Object({
  zone: Nullable(Type.String()),
  rack: Nullable(Type.String()),
  disk_type: Type.String(),
  state: Type.String(),
  cordoned: Type.Boolean(),
  connection: Type.String(),
  capacity_bytes: Count,
  free_bytes: Nullable(Count),
  allocated_bytes: Count,
})
export const ServerPage = Type.Object({ servers: Type.Array(Server), next_cursor: Nullable(Type.String()) })

export const serverInfo = (server: Static<typeof Server>): ServerInfo => ({
  zone: server.zone,
  rack: server.rack,
  diskType: server.disk_type,
  isUsable: server.state === 'active' && !server.cordoned && server.connection === 'connected',
  capacityBytes: server.capacity_bytes,
  // of a server that has not said: none
  freeBytes: server.free_bytes ?? 0,
  allocatedBytes: server.allocated_bytes,
})

/** A volume as the API shows it, and what a request for one says. Secrets have no field here. */
import { type Static, Type } from 'typebox'
import { VOLUME_NAME_PATTERN } from '../../http/patterns.ts'
import type { Policy } from '../../v2engine/policy.ts'
import type { CreateVolume, PathView, ResolvedPolicy, VolumePlan, VolumeView } from '../master-api.ts'
import type { AccessRecord, PublicationRecord, QosRecord } from '../records.ts'
import { CLOSED, Count, NextCursor, nullable, SizeBytes, Text, Timestamp, timestamp } from './schemas.ts'

const Durability = Type.Enum(['sync_all', 'sync_quorum', 'best_effort'])
export const Preset = Type.Enum(['database', 'general', 'throughput'])
const DiskType = Type.Enum(['ssd', 'hdd', 'nvme'])
const Spread = Type.Enum(['required', 'preferred'])
const BlockBytes = Type.Enum([512, 4096])
export const HealthState = Type.Enum(['healthy', 'degraded', 'rebuilding', 'unsafe'])

export const QosBody = Type.Object(
  {
    iops: Type.Optional(Count),
    iops_burst: Type.Optional(Count),
    bytes_per_second: Type.Optional(Count),
    bytes_burst: Type.Optional(Count),
  },
  { ...CLOSED, description: 'Limits of a volume; 0 is no limit, what is left out stays' },
)
export type QosBody = Static<typeof QosBody>

export const CreateBody = Type.Object(
  {
    name: Type.String({ pattern: VOLUME_NAME_PATTERN, description: 'Unique in the cluster' }),
    size_bytes: SizeBytes,
    preset: Type.Optional(Preset),
    replica_factor: Type.Optional(Count),
    durability_mode: Type.Optional(Durability),
    min_in_sync: Type.Optional(Count),
    max_lag_entries: Type.Optional(Count),
    max_lag_ms: Type.Optional(Count),
    logical_block_bytes: Type.Optional(BlockBytes),
    log_bytes: Type.Optional(Count),
    disk_type: Type.Optional(DiskType),
    zones: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 63 }), { maxItems: 64 })),
    zone_spread: Type.Optional(Spread),
    rack_spread: Type.Optional(Spread),
    multipath: Type.Optional(Type.Boolean({ description: 'Hosts use several iSCSI paths at once' })),
    closed: Type.Optional(
      Type.Boolean({ description: 'Nobody is let in until access is set, or it is published to a node' }),
    ),
    qos: Type.Optional(QosBody),
  },
  { ...CLOSED, description: 'What is left out comes from the preset, `general` unless told' },
)
export type CreateBody = Static<typeof CreateBody>

/** Its fields under the names that the master knows them by; what was not given is not there. */
export function wishOf(body: CreateBody): CreateVolume {
  return {
    name: body.name,
    sizeBytes: body.size_bytes,
    ...given('preset', body.preset),
    ...given('replicas', body.replica_factor),
    ...given('durability', body.durability_mode),
    ...given('minInSync', body.min_in_sync),
    ...given('maxLagEntries', body.max_lag_entries),
    ...given('maxLagMs', body.max_lag_ms),
    ...given('logicalBlockBytes', body.logical_block_bytes),
    ...given('logBytes', body.log_bytes),
    ...given('diskType', body.disk_type),
    ...given('zones', body.zones),
    ...given('zoneSpread', body.zone_spread),
    ...given('rackSpread', body.rack_spread),
    ...given('multipath', body.multipath),
    ...given('closed', body.closed),
    ...given('qos', body.qos === undefined ? undefined : limitsOf(body.qos)),
  }
}

export const limitsOf = (body: QosBody): Partial<QosRecord> => ({
  ...given('iops', body.iops),
  ...given('iopsBurst', body.iops_burst),
  ...given('bytesPerSecond', body.bytes_per_second),
  ...given('bytesBurst', body.bytes_burst),
})

/** `{ [name]: value }`, or nothing: an optional field that was not given is absent, not undefined. */
function given<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  const fields: { [P in K]?: V } = {}
  if (value !== undefined) fields[name] = value
  return fields
}

const Qos = Type.Object({
  iops: Count,
  iops_burst: Count,
  bytes_per_second: Count,
  bytes_burst: Count,
})

const POLICY = {
  name: Text,
  size_bytes: Count,
  preset: Preset,
  replica_factor: Count,
  durability_mode: Durability,
  min_in_sync: nullable(Count),
  max_lag_entries: nullable(Count),
  max_lag_ms: nullable(Count),
  logical_block_bytes: BlockBytes,
  log_bytes: nullable(Count),
  disk_type: nullable(DiskType),
  zones: Type.Array(Text),
  zone_spread: Spread,
  rack_spread: Spread,
  multipath: Type.Boolean(),
  qos: Qos,
}
const ResolvedVolume = Type.Object(POLICY)

const Path = Type.Object({
  server: Text,
  server_name: Text,
  slot: Type.Integer({ minimum: 0, description: 'Ports, port groups and controller ids come from it' }),
  role: Type.Enum(['active', 'standby', 'transitioning', 'unavailable']),
  iscsi_addrs: Type.Array(Text),
  nvme_addrs: Type.Array(Text),
})

const pathResource = (path: PathView): Static<typeof Path> => ({
  server: path.server,
  server_name: path.serverName,
  slot: path.slot,
  role: path.role,
  iscsi_addrs: [...path.iscsi],
  nvme_addrs: [...path.nvme],
})

export const Access = Type.Object({
  initiators: nullable(Type.Array(Text)),
  chap: nullable(Type.Object({ user: Text, mutual_user: nullable(Text) })),
  hosts: nullable(Type.Array(Text)),
  dhchap: Type.Array(
    Type.Object({
      host: Text,
      controller: Type.Boolean({ description: 'The controller proves itself, too' }),
    }),
  ),
})

export const accessResource = ({ initiators, chap, hosts, dhchap }: AccessRecord): Static<typeof Access> => ({
  initiators: initiators === null ? null : [...initiators],
  chap: chap === null ? null : { user: chap.user, mutual_user: chap.mutual?.user ?? null },
  hosts: hosts === null ? null : [...hosts],
  dhchap: dhchap.map(({ host, sealedControllerSecret }) => ({
    host,
    controller: sealedControllerSecret !== null,
  })),
})

export const Publication = Type.Object({
  node: Text,
  initiator: nullable(Text),
  host: nullable(Text),
  dhchap: nullable(
    Type.Object(
      { controller: Type.Boolean({ description: 'The controller proves itself, too' }) },
      { description: 'The node proves itself over NVMe; null: it is let in by its NQN alone' },
    ),
  ),
  read_only: Type.Boolean(),
  shared: Type.Boolean({ description: 'Others that are shared may stand beside it' }),
  since: Timestamp,
})

export const publicationResource = (record: PublicationRecord): Static<typeof Publication> => ({
  node: record.node,
  initiator: record.initiator,
  host: record.host,
  dhchap: record.dhchap && { controller: record.dhchap.sealedControllerSecret !== null },
  read_only: record.isReadOnly,
  shared: record.isShared,
  since: timestamp(record.since),
})

const Replica = Type.Object({
  server: Text,
  server_name: Text,
  role: Type.Enum(['primary', 'replica']),
  state: Type.Enum(['allocating', 'ready', 'leaving']),
  in_sync: Type.Boolean(),
  connected: Type.Boolean(),
  standing: Type.Enum(['sound', 'doubtful', 'damaged', 'resyncing', 'unknown']),
  wal_lag: nullable(Type.Integer({ minimum: 0, description: 'Entries that it lacks' })),
  wal_lag_bytes: nullable(Count),
  resync_ratio: nullable(Type.Number({ minimum: 0, maximum: 1 })),
})

export const Volume = Type.Object({
  id: Type.String({ description: 'UUID' }),
  ...POLICY,
  status: Type.Enum(['creating', 'active', 'deleting']),
  health_state: HealthState,
  health_reasons: Type.Array(Text),
  serving: Type.Boolean({ description: 'Hosts are served' }),
  epoch: Count,
  volume_server: Type.String({ description: 'Id of the server that leads' }),
  iqn: nullable(Text),
  iscsi_addr: nullable(Type.String({ description: 'The first portal of the primary' })),
  iscsi_addrs: Type.Array(Text),
  nqn: Text,
  nvme_addr: nullable(Type.String({ description: 'The first NVMe portal of the primary' })),
  nvme_addrs: Type.Array(Text),
  paths: Type.Array(Path, { description: 'Servers that lead hosts to it, by slot' }),
  replicas: Type.Array(Replica),
  replica_degraded: Type.Boolean({ description: 'A replica is missing, not in sync or not connected' }),
  may_have_lost: Type.Boolean({ description: 'A forced promotion may have lost acknowledged writes' }),
  used_bytes: Count,
  snapshots_count: Count,
  snapshot_bytes: nullable(
    Type.Integer({ minimum: 0, description: 'What they take at the primary; null while it is not known' }),
  ),
  clone: nullable(
    Type.Object(
      { source: Text, ratio: Type.Number({ minimum: 0, maximum: 1 }) },
      { description: 'While it is filled: from what, and how much is there' },
    ),
  ),
  made_of: nullable(
    Type.Object(
      { volume: Text, snapshot: Text },
      { description: 'UUID of the volume and id of the snapshot that it was cloned from; they may be gone' },
    ),
  ),
  scrub: nullable(Type.Object({ last_at: Timestamp, errors: Count, repaired: Count })),
  access: Access,
  publications: Type.Array(Publication, { description: 'Nodes that use it, and are let in beside `access`' }),
  jobs: Type.Array(Text, { description: 'Ids of jobs that work on it' }),
  created_at: Timestamp,
})
export type Volume = Static<typeof Volume>

export const VolumeList = Type.Object({ volumes: Type.Array(Volume), next_cursor: NextCursor })

export function volumeResource(view: VolumeView): Volume {
  const { record, replicas } = view
  const { lead } = record
  const isWhole = replicas.every(({ isInSync, isConnected }) => isInSync && isConnected)
  return {
    id: record.uuid,
    ...policyFields(record),
    status: record.state,
    health_state: view.health,
    health_reasons: [...view.healthReasons],
    serving: view.isServing,
    epoch: lead.epoch.number,
    volume_server: lead.primary,
    iqn: view.iqn,
    iscsi_addr: view.iscsi[0] ?? null,
    iscsi_addrs: [...view.iscsi],
    nqn: view.nqn,
    nvme_addr: view.nvme[0] ?? null,
    nvme_addrs: [...view.nvme],
    paths: view.paths.map(pathResource),
    replicas: replicas.map((replica) => ({
      server: replica.server,
      server_name: replica.serverName,
      role: replica.role,
      state: replica.state,
      in_sync: replica.isInSync,
      connected: replica.isConnected,
      standing: replica.standing,
      wal_lag: replica.lagEntries,
      wal_lag_bytes: replica.lagBytes,
      resync_ratio: replica.resyncRatio,
    })),
    replica_degraded: !isWhole || replicas.length < record.policy.replicaFactor,
    may_have_lost: lead.mayHaveLost,
    used_bytes: view.usedBytes,
    snapshots_count: view.snapshots.count,
    snapshot_bytes: view.snapshots.bytes,
    clone: view.clone && { source: view.clone.source, ratio: view.clone.ratio },
    made_of: record.madeOf && { volume: record.madeOf.volume, snapshot: record.madeOf.snapshot },
    scrub: view.scrub && {
      last_at: timestamp(view.scrub.lastAt),
      errors: view.scrub.errors,
      repaired: view.scrub.repaired,
    },
    access: accessResource(record.access),
    publications: record.publications.map(publicationResource),
    jobs: [...view.jobs],
    created_at: timestamp(record.createdAt),
  }
}

type PolicyFields = Static<typeof ResolvedVolume>

function policyFields(record: NonNullable<ResolvedPolicy['policy']>): PolicyFields {
  const { policy, placement, qos } = record
  return {
    name: record.name,
    size_bytes: record.sizeBytes,
    preset: record.preset,
    replica_factor: policy.replicaFactor,
    ...modeFields(policy.mode),
    logical_block_bytes: record.logicalBlockBytes,
    log_bytes: record.logBytes,
    disk_type: placement.diskType,
    zones: [...placement.zones],
    zone_spread: placement.zoneSpread,
    rack_spread: placement.rackSpread,
    multipath: record.isMultipath,
    qos: {
      iops: qos.iops,
      iops_burst: qos.iopsBurst,
      bytes_per_second: qos.bytesPerSecond,
      bytes_burst: qos.bytesBurst,
    },
  }
}

type ModeFields = Pick<PolicyFields, 'durability_mode' | 'min_in_sync' | 'max_lag_entries' | 'max_lag_ms'>

function modeFields(mode: Policy['mode']): ModeFields {
  const none = { min_in_sync: null, max_lag_entries: null, max_lag_ms: null }
  switch (mode.kind) {
    case 'sync_all':
      return { ...none, durability_mode: mode.kind, min_in_sync: mode.minInSync }
    case 'sync_quorum':
      return { ...none, durability_mode: mode.kind }
    case 'best_effort': {
      const { kind, maxLagEntries, maxLagMs } = mode
      return { ...none, durability_mode: kind, max_lag_entries: maxLagEntries, max_lag_ms: maxLagMs }
    }
  }
}

export const Finding = Type.Object({ code: Text, message: Text })
const FINDINGS = {
  overrides: Type.Array(Text, { description: 'Fields that differ from the preset' }),
  warnings: Type.Array(Finding),
  errors: Type.Array(Finding, { description: 'With any of these, the same request to create is refused' }),
}
export const Resolved = Type.Object({ policy: nullable(ResolvedVolume), ...FINDINGS })

export const Plan = Type.Object({
  resolved_policy: nullable(ResolvedVolume),
  ...FINDINGS,
  plan: Type.Object({
    primary: nullable(Text),
    replicas: Type.Array(Text),
    candidates: Type.Array(Type.Object({ server: Text, server_name: Text, score: Type.Number() })),
    rejections: Type.Array(Type.Object({ server: Text, server_name: Text, reason: Text, message: Text })),
  }),
})

export function resolvedResource({ policy, ...findings }: ResolvedPolicy): Static<typeof Resolved> {
  return { policy: policy === null ? null : policyFields(policy), ...findingsOf(findings) }
}

export function planResource({ policy, plan, ...findings }: VolumePlan): Static<typeof Plan> {
  return {
    resolved_policy: policy === null ? null : policyFields(policy),
    ...findingsOf(findings),
    plan: {
      primary: plan.primary,
      replicas: [...plan.replicas],
      candidates: plan.candidates.map(({ server, serverName, score }) => ({
        server,
        server_name: serverName,
        score,
      })),
      rejections: plan.rejections.map(({ server, serverName, reason, message }) => ({
        server,
        server_name: serverName,
        reason,
        message,
      })),
    },
  }
}

const findingsOf = ({ overrides, warnings, errors }: Omit<ResolvedPolicy, 'policy'>) => ({
  overrides: overrides.map((name) => FIELD_NAMES[name] ?? name),
  warnings: [...warnings],
  errors: [...errors],
})

/** Names of fields in the API, by the master's. */
const FIELD_NAMES: Readonly<Record<string, string>> = {
  sizeBytes: 'size_bytes',
  replicas: 'replica_factor',
  durability: 'durability_mode',
  minInSync: 'min_in_sync',
  maxLagEntries: 'max_lag_entries',
  maxLagMs: 'max_lag_ms',
  logicalBlockBytes: 'logical_block_bytes',
  logBytes: 'log_bytes',
  diskType: 'disk_type',
  zoneSpread: 'zone_spread',
  rackSpread: 'rack_spread',
} satisfies { readonly [K in keyof CreateVolume]?: string }

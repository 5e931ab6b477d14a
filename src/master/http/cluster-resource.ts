/** Servers, jobs, events and the cluster as a whole, as the API shows them. */
import { type Static, Type } from 'typebox'
import type { ClusterView, Preflight, RebalanceMove, Refusal, ServerView } from '../master-api.ts'
import type { EventRecord, JobRecord } from '../records.ts'
import type { Json } from '../registry/registry.ts'
import { resultResource } from './result-resource.ts'
import { Count, NextCursor, nullable, Text, Timestamp, timestamp } from './schemas.ts'

export const Server = Type.Object({
  id: Text,
  name: Text,
  address: Type.String({ description: 'gRPC' }),
  addresses: Type.Object({
    grpc: Text,
    replication: Text,
    http: Text,
    iscsi: Type.Array(Text),
    nvme: Type.Array(Text),
  }),
  zone: nullable(Text),
  rack: nullable(Text),
  disk_type: Type.Enum(['ssd', 'hdd', 'nvme']),
  state: Type.Enum(['active', 'maintenance', 'left']),
  cordoned: Type.Boolean(),
  connection: Type.Enum(['connected', 'lost', 'never']),
  silent_ms: nullable(Type.Integer({ minimum: 0, description: 'Since its last beat' })),
  capacity_bytes: Count,
  free_bytes: nullable(Count),
  allocated_bytes: Type.Integer({ minimum: 0, description: 'Sizes of the volumes that it has replicas of' }),
  volume_count: Count,
  primary_count: Count,
  joined_at: Timestamp,
})
export const ServerList = Type.Object({ servers: Type.Array(Server), next_cursor: NextCursor })

export function serverResource(view: ServerView): Static<typeof Server> {
  const { record } = view
  const { grpc, replication, http, iscsi, nvme } = record.addresses
  return {
    id: record.id,
    name: record.name,
    address: grpc,
    addresses: { grpc, replication, http, iscsi: [...iscsi], nvme: [...nvme] },
    zone: record.zone,
    rack: record.rack,
    disk_type: record.diskType,
    state: record.state,
    cordoned: record.isCordoned,
    connection: view.connection,
    silent_ms: view.silentMs === null ? null : Math.round(view.silentMs),
    capacity_bytes: record.capacityBytes,
    free_bytes: view.freeBytes,
    allocated_bytes: view.allocatedBytes,
    volume_count: view.replicas,
    primary_count: view.primaries,
    joined_at: timestamp(record.joinedAt),
  }
}

export const JobState = Type.Enum(['running', 'succeeded', 'failed', 'cancelling', 'cancelled'])
export const Job = Type.Object({
  id: Text,
  kind: Type.Enum([
    ...['create', 'expand', 'delete', 'replace', 'move', 'drain', 'rebalance', 'restore', 'clone'],
    ...['scrub', 'backup', 'restore_backup', 'verify_backup', 'delete_backup', 'prune_backups', 'policy'],
  ] as JobRecord['kind'][]),
  state: JobState,
  volume: nullable(Type.String({ description: 'UUID' })),
  volume_name: nullable(Type.String({ description: 'Null when there is no such volume any more' })),
  server: nullable(Text),
  actor: Text,
  step: Text,
  progress: Type.Object({
    done: Count,
    total: Count,
    unit: Type.Enum(['bytes', 'volumes', 'steps', 'blocks', 'objects']),
  }),
  message: nullable(Type.String({ description: 'Why it failed, or what it waits for' })),
  result: Type.Unsafe<Json>({ description: 'What came of it, by kind; null when there is nothing to tell' }),
  created_at: Timestamp,
  updated_at: Timestamp,
})
export const JobList = Type.Object({ jobs: Type.Array(Job), next_cursor: NextCursor })

export function jobResource(job: JobRecord, volumeName: string | null): Static<typeof Job> {
  const { id, kind, state, volume, server, actor, step, message } = job
  const { done, total, unit } = job.progress
  return {
    id,
    kind,
    state,
    volume,
    volume_name: volumeName,
    server,
    actor,
    step,
    progress: { done, total, unit },
    message,
    result: resultResource(job.data.result ?? null),
    created_at: timestamp(job.createdAt),
    updated_at: timestamp(job.updatedAt),
  }
}

export const Event = Type.Object({
  number: Count,
  at: Timestamp,
  last_at: Timestamp,
  count: Type.Integer({ minimum: 1, description: 'How often it came in a row' }),
  severity: Type.Enum(['info', 'warning', 'error']),
  kind: Text,
  actor: Text,
  volume: nullable(Text),
  server: nullable(Text),
  message: Text,
  reason: nullable(Text),
  epoch: nullable(Count),
  lsn: nullable(Count),
  request_id: nullable(Text),
})
export const EventList = Type.Object({
  events: Type.Array(Event),
  last: nullable(Type.Integer({ description: 'Number of the last event here: `after` of the next request' })),
})

export function eventResource(event: EventRecord): Static<typeof Event> {
  const { at, lastAt, requestId, ...rest } = event
  return { ...rest, at: timestamp(at), last_at: timestamp(lastAt), request_id: requestId }
}

const REFUSAL = {
  what: Type.Enum(['move', 'promote']),
  reason: Text,
  message: Text,
  ago_ms: Count,
}
const RefusalResource = Type.Object(REFUSAL)

const refusalResource = ({ what, reason, message, agoMs }: Refusal): Static<typeof RefusalResource> => ({
  what,
  reason,
  message,
  ago_ms: agoMs,
})

export const ClusterStatus = Type.Object({
  cluster_id: Text,
  registry_id: Text,
  registry_seq: Count,
  lock: nullable(
    Type.Object(
      { reason: Text, detail: Text },
      { description: 'Why nothing is promoted, removed or deleted until the cluster is recovered' },
    ),
  ),
  volume_count: Count,
  healthy_count: Count,
  degraded_count: Count,
  rebuilding_count: Count,
  unsafe_count: Count,
  server_count: Count,
  connected_server_count: Count,
  cordoned_server_count: Count,
  capacity_bytes: Count,
  free_bytes: Count,
  allocated_bytes: Count,
  promotions_total: Count,
  failovers_total: Count,
  rebuilds_total: Count,
  running_job_count: Count,
  pending: Type.Array(
    Type.Object({
      volume: Text,
      why: Text,
      reason: nullable(Text),
      for_ms: nullable(Type.Integer({ description: 'From now on; null: until somebody does something' })),
      operator_needed: Type.Boolean(),
    }),
    { description: 'Volumes that nobody serves, and what they wait for' },
  ),
  refused: Type.Array(Type.Object({ volume: Text, ...REFUSAL }), {
    description: 'What was asked of leads and did not happen, the last of each volume',
  }),
})

export function clusterResource(view: ClusterView): Static<typeof ClusterStatus> {
  const { volumes, servers, lock } = view
  return {
    cluster_id: view.clusterId,
    registry_id: view.registryId,
    registry_seq: view.registrySeq,
    lock: lock === null ? null : { reason: lock.reason, detail: lock.detail },
    volume_count: volumes.total,
    healthy_count: volumes.healthy,
    degraded_count: volumes.degraded,
    rebuilding_count: volumes.rebuilding,
    unsafe_count: volumes.unsafe,
    server_count: servers.total,
    connected_server_count: servers.connected,
    cordoned_server_count: servers.cordoned,
    capacity_bytes: view.capacityBytes,
    free_bytes: view.freeBytes,
    allocated_bytes: view.allocatedBytes,
    promotions_total: view.promotionsTotal,
    failovers_total: view.failoversTotal,
    rebuilds_total: view.rebuildsTotal,
    running_job_count: view.runningJobs,
    pending: view.pending.map(({ volume, why, wait, isOperatorNeeded }) => ({
      volume,
      why,
      reason: wait?.reason ?? null,
      for_ms: wait?.forMs ?? null,
      operator_needed: isOperatorNeeded,
    })),
    refused: view.refused.map((one) => ({ volume: one.volume, ...refusalResource(one) })),
  }
}

export const PreflightAnswer = Type.Object({
  promotable: Type.Boolean(),
  reason: Text,
  primary_server: Text,
  primary_alive: Type.Boolean(),
  candidate_server: nullable(Text),
  rejections: Type.Array(Type.Object({ server: Text, reason: Text, message: Text })),
  at_risk: nullable(
    Type.Object({ first_lsn: Count, last_lsn: Count }, { description: 'What a forced promotion may lose' }),
  ),
  unreached: Type.Array(Text, { description: 'Members that may still be serving after a forced promotion' }),
  waits: Type.Array(
    Type.Object({
      reason: Text,
      message: Text,
      for_ms: nullable(Type.Integer({ description: 'From now on; null: until somebody does something' })),
      servers: Type.Array(Text),
    }),
    { description: 'What it waits for now, the main reason first' },
  ),
  refusal: nullable(RefusalResource),
})

export function preflightResource(preflight: Preflight): Static<typeof PreflightAnswer> {
  const { atRisk, rejections, waits, refusal } = preflight
  return {
    promotable: preflight.isPromotable,
    reason: preflight.reason,
    primary_server: preflight.primary,
    primary_alive: preflight.isPrimaryAlive,
    candidate_server: preflight.candidate,
    rejections: rejections.map(({ server, reason, message }) => ({ server, reason, message })),
    at_risk: atRisk === null ? null : { first_lsn: atRisk.firstLsn, last_lsn: atRisk.lastLsn },
    unreached: [...preflight.unreached],
    waits: waits.map(({ reason, message, forMs, servers }) => ({
      reason,
      message,
      for_ms: forMs,
      servers: [...servers],
    })),
    refusal: refusal === null ? null : refusalResource(refusal),
  }
}

export const RebalancePlan = Type.Object({
  moves: Type.Array(
    Type.Object({
      kind: Type.Enum(['replica', 'lead'], { description: 'What moves; a lead moves no bytes' }),
      volume: Text,
      volume_name: Text,
      from: Text,
      to: Text,
      bytes: Count,
    }),
  ),
})

export const rebalanceResource = (moves: readonly RebalanceMove[]): Static<typeof RebalancePlan> => ({
  moves: moves.map(({ kind, volume, name, from, to, bytes }) => ({
    kind,
    volume,
    volume_name: name,
    from,
    to,
    bytes,
  })),
})

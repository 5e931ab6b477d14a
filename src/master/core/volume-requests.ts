/**
 * What people ask of volumes, as changes of the records: each is a pure decision that runs at its turn in the store, with
 * the event that tells who asked. What takes time becomes a job in the same change.
 */
import { firstLead } from '../failover/lead-state.ts'
import { newJob } from '../jobs/new-job.ts'
import { isOver } from '../jobs/turns.ts'
import { isMember, replicaOn, serverName, withRules } from '../jobs/volume-edits.ts'
import type { Caller, CreateVolume, PlacementPlan } from '../master-api.ts'
import { promisableBytes } from '../placement/filters.ts'
import { Findings } from '../placement/findings.ts'
import { place, placeOneMore } from '../placement/place.ts'
import { changeQos } from '../placement/qos-limits.ts'
import { resolvePolicy, resolveSize } from '../placement/resolve.ts'
import { placementServers } from '../placement/servers.ts'
import type { PlacementSettings } from '../placement/settings.ts'
import type { AccessRecord, JobRecord, QosRecord, SnapshotRecord, VolumeRecord } from '../records.ts'
import { unknownCloneOf } from '../snapshots/adopt-clone.ts'
import { KEPT_LENGTH_MAX, keptOf } from './kept-volume.ts'
import type { LiveCluster } from './live.ts'
import {
  findLivingVolume,
  findMadeVolume,
  findServer,
  findVolume,
  refusal,
  refuseFindings,
  refuseLocked,
  refusePublished,
} from './lookup.ts'
import type { Change, NewEvent, RecordsView } from './records-view.ts'

/** What a decision may look at beside the records; ids and times were taken before it. */
export interface RequestContext {
  readonly caller: Caller
  readonly live: LiveCluster
  readonly settings: PlacementSettings
  readonly wallMs: number
  readonly jobId: string
  /** Of a volume's first epoch. */
  readonly epochId: bigint
}

export const auditEvent = (
  caller: Caller,
  event: Omit<NewEvent, 'actor' | 'requestId' | 'severity'> & Partial<Pick<NewEvent, 'severity'>>,
): NewEvent => ({ severity: 'info', ...event, actor: caller.actor, requestId: caller.requestId })

export interface Created {
  readonly volume: string
  readonly job: string | null
}

/** The volume with its name, its servers and its job; or the one that is there, when it is the same. */
export function createVolume(
  records: RecordsView,
  wish: CreateVolume,
  uuid: string,
  context: RequestContext,
): Change<Created> {
  const { caller, live, settings, wallMs, jobId } = context
  refuseLocked(records)
  const resolved = resolvePolicy(wish, records.servers())
  refuseFindings(resolved.errors)
  const { policy } = resolved
  if (policy === null) throw refusal('INVALID_ARGUMENT', 'invalid_request', 'the volume has no policy')
  const there = records.volumeNamed(policy.name)
  if (there !== undefined) return { writes: [], result: sameAs(records, there, policy) }
  const { plan, errors } = place(policy, placementServers(records, live), settings)
  const [error] = errors
  if (error !== undefined) {
    // more replicas than the cluster has servers is a wish that no free space grants
    const isTooWide = policy.policy.replicaFactor > records.servers().length
    throw refusal(isTooWide ? 'CONFLICT' : 'NO_SPACE', error.code, error.message)
  }
  const volume = newVolume(uuid, policy, plan, { ...context, isClosed: wish.closed === true })
  const job = newJob(jobId, wallMs, {
    kind: 'create',
    actor: caller.actor,
    volume: uuid,
    step: 'allocate',
    data: {},
  })
  const names = plan.replicas.map((server) => serverName(records, server)).join(', ')
  const event = auditEvent(caller, {
    kind: 'volume.creating',
    volume: uuid,
    message: `volume ${policy.name} is asked for, on ${names}`,
  })
  return {
    writes: [
      { kind: 'volume', record: volume },
      { kind: 'job', record: job },
    ],
    events: [event],
    result: { volume: uuid, job: jobId },
  }
}

type Policy = NonNullable<ReturnType<typeof resolvePolicy>['policy']>

/** What makes it another volume, in the words of people. */
const COMPARED = [
  ['sizeBytes', 'size'],
  ['logicalBlockBytes', 'logical block'],
  ['logBytes', 'log size'],
  ['preset', 'preset'],
  ['policy', 'number of replicas or durability'],
  ['placement', 'placement'],
  ['isMultipath', 'choice of one path or several'],
] as const

/** The answer to asking again. Limits and access may have been changed since, and are not compared. */
function sameAs(records: RecordsView, there: VolumeRecord, policy: Policy): Created {
  if (there.state === 'deleting') {
    throw refusal(
      'CONFLICT',
      'being_deleted',
      `volume ${there.name} is being deleted: wait until it is gone, or take another name`,
    )
  }
  const differing = COMPARED.filter(([key]) => canonical(there[key]) !== canonical(policy[key]))
  if (differing.length > 0) {
    const words = differing.map(([, word]) => word).join(', ')
    throw refusal(
      'CONFLICT',
      'exists_otherwise',
      `there is a volume ${there.name} with another ${words}; take another name, or change that one`,
    )
  }
  const job = records.jobs().find((one) => one.kind === 'create' && one.volume === there.uuid && !isOver(one))
  return { volume: there.uuid, job: job?.id ?? null }
}

/** JSON with sorted keys: equal for equal values, whatever wrote them. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )

function newVolume(
  uuid: string,
  policy: Policy,
  plan: PlacementPlan,
  { wallMs, epochId, isClosed }: RequestContext & { readonly isClosed: boolean },
): VolumeRecord {
  const names = isClosed ? [] : null
  return {
    ...policy,
    uuid,
    replicas: plan.replicas.map((server, slot) => ({ server, state: 'allocating' as const, slot })),
    lead: firstLead(plan.replicas, epochId),
    access: { initiators: names, chap: null, hosts: names, dhchap: [] },
    publications: [],
    accessVersion: 0,
    origin: null,
    madeOf: null,
    state: 'creating',
    createdAt: wallMs,
  }
}

/** Recorded as deleting, for good. The job that does it; the one that runs when it was asked for before. */
export function deleteVolume(
  records: RecordsView,
  name: string,
  { keepSnapshots }: { readonly keepSnapshots: boolean },
  { caller, live, wallMs, jobId }: RequestContext,
): Change<string> {
  const volume = findVolume(records, name)
  const running = records
    .jobs()
    .find((job) => job.kind === 'delete' && job.volume === volume.uuid && !isOver(job))
  if (running !== undefined) return { writes: [], result: running.id }
  refuseLocked(records)
  refusePublished(volume)
  const clone =
    records.volumes().find(({ origin, state }) => origin?.volume === volume.uuid && state !== 'deleting') ??
    unknownCloneOf(records, live, volume.uuid, null)
  if (clone !== undefined) {
    throw refusal(
      'CONFLICT',
      'clone_filling',
      `volume ${clone.name} is still being filled from a snapshot of ${volume.name}; wait for its job, or delete that one first`,
    )
  }
  if (keepSnapshots) refuseSnapshots(records, volume)
  const job = newJob(jobId, wallMs, {
    kind: 'delete',
    actor: caller.actor,
    volume: volume.uuid,
    step: 'retire',
    data: {},
  })
  const event = auditEvent(caller, {
    severity: 'warning',
    kind: 'volume.deleting',
    volume: volume.uuid,
    message: `volume ${volume.name} is to be deleted`,
  })
  return {
    writes: [
      { kind: 'volume', record: { ...volume, state: 'deleting' } },
      { kind: 'job', record: job },
    ],
    events: [event],
    result: jobId,
  }
}

/** While no backup is made, nobody needs it but the next one, which would be full. One that hosts may log in to is theirs, too. */
const isBaseAlone = ({ backup, isExposed }: SnapshotRecord): boolean => backup !== null && !isExposed

/** CONFLICT when it has snapshots, for their content is in it, or while a backup of it is made. Bases of backups go with it. */
function refuseSnapshots(records: RecordsView, { uuid, name }: VolumeRecord): void {
  const backup = records.jobs().find((job) => job.kind === 'backup' && job.volume === uuid && !isOver(job))
  if (backup !== undefined) {
    throw refusal('CONFLICT', 'in_use', `job ${backup.id} backs up volume ${name}; wait for it, or cancel it`)
  }
  const all = records.snapshotsOf(uuid).filter((snapshot) => !isBaseAlone(snapshot))
  const [first] = all
  if (first === undefined) return
  const more = all.length === 1 ? '' : ` and ${all.length - 1} more`
  throw refusal(
    'CONFLICT',
    'has_snapshots',
    `volume ${name} has snapshot ${first.name}${more}, which would be deleted with it; delete them first`,
  )
}

/** INVALID_ARGUMENT for a size that is none or smaller; NO_SPACE when a server may not promise so much. */
export function expandVolume(
  records: RecordsView,
  name: string,
  sizeBytes: number,
  { caller, live, settings, wallMs, jobId }: RequestContext,
): Change<string> {
  refuseLocked(records)
  const found = new Findings()
  const size = resolveSize(sizeBytes, found)
  refuseFindings(found.errors)
  const volume = findMadeVolume(records, name)
  if (size < volume.sizeBytes) {
    throw refusal(
      'INVALID_ARGUMENT',
      'shrink_refused',
      `volume ${volume.name} has ${volume.sizeBytes} bytes, and a volume does not shrink; make a smaller one and copy`,
    )
  }
  const running = records
    .jobs()
    .find(
      (job) =>
        job.kind === 'expand' && job.volume === volume.uuid && !isOver(job) && job.data.sizeBytes === size,
    )
  if (running !== undefined) return { writes: [], result: running.id }
  const more = size - volume.sizeBytes
  for (const server of placementServers(records, live)) {
    if (!volume.replicas.some((replica) => replica.server === server.id) || more === 0) continue
    if (server.allocatedBytes + more <= promisableBytes(server, settings)) continue
    throw refusal(
      'NO_SPACE',
      'insufficient_space',
      `server ${server.name} may not promise ${more} bytes more; move its replica elsewhere, or add disks`,
    )
  }
  const job = newJob(jobId, wallMs, {
    kind: 'expand',
    actor: caller.actor,
    volume: volume.uuid,
    step: 'queued',
    data: { sizeBytes: size },
  })
  const event = auditEvent(caller, {
    kind: 'volume.expanding',
    volume: volume.uuid,
    message: `volume ${volume.name} is to grow from ${volume.sizeBytes} to ${size} bytes`,
  })
  return { writes: [{ kind: 'job', record: job }], events: [event], result: jobId }
}

/** A replica (`from` given) or the lead. */
export function moveVolume(
  records: RecordsView,
  name: string,
  request: { readonly to?: string; readonly from?: string },
  context: RequestContext,
): Change<string> {
  refuseLocked(records)
  const volume = findMadeVolume(records, name)
  const to = request.to === undefined ? null : findServer(records, request.to).id
  const from = request.from === undefined ? null : findServer(records, request.from).id
  if (from !== null) return moveReplica(records, volume, from, to, context)
  if (to === null) {
    throw refusal(
      'INVALID_ARGUMENT',
      'nothing_to_move',
      'give "to", the server that is to lead, or "from", the server whose replica is to go elsewhere',
    )
  }
  if (!isMember(volume, to) || replicaOn(volume, to)?.state !== 'ready') {
    throw refusal(
      'CONFLICT',
      'not_in_sync',
      `${serverName(records, to)} has no replica of ${volume.name} that is in sync; basalt volume get shows those that are`,
    )
  }
  return moveJob(records, volume, { step: 'queuedLead', data: { to, lead: true } }, context)
}

function moveReplica(
  records: RecordsView,
  volume: VolumeRecord,
  from: string,
  to: string | null,
  context: RequestContext,
): Change<string> {
  const held = replicaOn(volume, from)
  if (held === undefined || held.state === 'leaving') {
    throw refusal('CONFLICT', 'no_replica', `${serverName(records, from)} has no replica of ${volume.name}`)
  }
  const { live, settings } = context
  const all = placementServers(records, live)
  const holding = volume.replicas.map(({ server }) => server)
  const able = to === null ? all : all.filter(({ id }) => id === to || holding.includes(id))
  const { server, plan, errors } = placeOneMore(volume, able, { holding, leaving: [from] }, settings)
  if (server === null) {
    const rejection = plan.rejections.find((one) => one.server === to)
    throw refusal(
      'NO_SPACE',
      rejection?.reason ?? 'rf_not_satisfiable',
      rejection?.message ?? errors[0]?.message ?? 'no server can take it',
    )
  }
  return moveJob(records, volume, { step: 'queued', data: { from, to: server } }, context)
}

function moveJob(
  records: RecordsView,
  volume: VolumeRecord,
  { step, data }: Pick<JobRecord, 'step' | 'data'>,
  { caller, wallMs, jobId }: RequestContext,
): Change<string> {
  const same = records
    .jobs()
    .find((job) => job.kind === 'move' && job.volume === volume.uuid && !isOver(job) && isSameMove(job, data))
  if (same !== undefined) return { writes: [], result: same.id }
  const job = newJob(jobId, wallMs, { kind: 'move', actor: caller.actor, volume: volume.uuid, step, data })
  const to = serverName(records, String(data.to))
  const event = auditEvent(caller, {
    kind: 'volume.moving',
    volume: volume.uuid,
    server: String(data.to),
    message:
      data.lead === true
        ? `the lead of ${volume.name} is to go to ${to}`
        : `the replica of ${volume.name} on ${serverName(records, String(data.from))} is to go to ${to}`,
  })
  return { writes: [{ kind: 'job', record: job }], events: [event], result: jobId }
}

const isSameMove = (job: JobRecord, data: JobRecord['data']): boolean =>
  job.data.to === data.to && job.data.from === data.from && job.data.lead === data.lead

function admitted({ initiators, chap, hosts, dhchap }: AccessRecord): string {
  const who = (names: readonly string[] | null): string => {
    if (names === null) return 'whoever its servers admit'
    return names.length === 0 ? 'nobody' : names.join(', ')
  }
  const over = (what: string, names: readonly string[] | null, hasSecrets: boolean, how: string): string =>
    `over ${what} ${who(names)}, ${hasSecrets ? 'with' : 'without'} ${how}`
  return `${over('iSCSI', initiators, chap !== null, 'CHAP')}; ${over('NVMe', hosts, dhchap.length > 0, 'DH-HMAC-CHAP')}`
}

/** Hosts are let in by the job, when the content is there. */
const keepsOut = (job: JobRecord): boolean =>
  !isOver(job) && (job.kind === 'restore_backup' || (job.kind === 'clone' && job.step !== 'fill'))

/** CONFLICT while a job keeps hosts out of the volume until its content is there. */
export function refuseWhileFilled(records: RecordsView, volume: VolumeRecord): void {
  const filling = records.jobs().find((job) => job.volume === volume.uuid && keepsOut(job))
  if (filling === undefined) return
  throw refusal(
    'CONFLICT',
    'being_made',
    `job ${filling.id} lets nobody in to ${volume.name} until its content is there; set its access then`,
  )
}

/** The secrets of `access` are sealed already; INVALID_ARGUMENT when it is more than servers keep beside a replica. */
export function setAccess(
  records: RecordsView,
  name: string,
  access: AccessRecord,
  { caller }: RequestContext,
): Change<string> {
  const volume = findLivingVolume(records, name)
  refuseWhileFilled(records, volume)
  const changed = withRules(volume, { access })
  if (keptOf(changed).text.length > KEPT_LENGTH_MAX) {
    throw refusal(
      'INVALID_ARGUMENT',
      'access_too_long',
      'the names and secrets are more than servers keep beside a replica (64 KiB); name fewer',
    )
  }
  const event = auditEvent(caller, {
    kind: 'volume.access_changed',
    volume: volume.uuid,
    message: `volume ${volume.name} admits ${admitted(access)}`,
  })
  return { writes: [{ kind: 'volume', record: changed }], events: [event], result: volume.uuid }
}

export function setQos(
  records: RecordsView,
  name: string,
  changes: Partial<QosRecord>,
  { caller }: RequestContext,
): Change<string> {
  const volume = findLivingVolume(records, name)
  const { qos, errors } = changeQos(volume.qos, changes)
  refuseFindings(errors)
  const event = auditEvent(caller, {
    kind: 'volume.qos_changed',
    volume: volume.uuid,
    message: `volume ${volume.name} is limited to ${qos.iops} IOPS and ${qos.bytesPerSecond} bytes a second (0: no limit)`,
  })
  return { writes: [{ kind: 'volume', record: { ...volume, qos } }], events: [event], result: volume.uuid }
}

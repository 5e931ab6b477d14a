/** What people ask of snapshots, as changes of the records: pure, at their turn in the store, with the event that tells who asked. */
import { BlockError } from '../../base/errors.ts'
import { parseVolumeName, printable } from '../../base/names.ts'
import type { LiveCluster } from '../core/live.ts'
import { findLivingVolume, findMadeVolume, findVolume, refusal, refuseLocked } from '../core/lookup.ts'
import type { Change, RecordsView, RecordWrite } from '../core/records-view.ts'
import { auditEvent, type RequestContext } from '../core/volume-requests.ts'
import { newJob } from '../jobs/new-job.ts'
import { isOver } from '../jobs/turns.ts'
import type { SnapshotRecord, VolumeRecord } from '../records.ts'
import { unknownCloneOf } from './adopt-clone.ts'

/** Of one volume. */
const SNAPSHOTS_MAX = 4096

/** By name or id; NOT_FOUND. */
export function findSnapshot(records: RecordsView, volume: VolumeRecord, name: string): SnapshotRecord {
  const all = records.snapshotsOf(volume.uuid)
  const snapshot = all.find((one) => one.name === name) ?? all.find((one) => one.id === name)
  if (snapshot !== undefined) return snapshot
  throw refusal(
    'NOT_FOUND',
    'no_such_snapshot',
    `volume ${volume.name} has no snapshot '${printable(name)}'; basalt snapshot list ${volume.name} shows those that there are`,
  )
}

export function findReadySnapshot(records: RecordsView, volume: VolumeRecord, name: string): SnapshotRecord {
  const snapshot = findSnapshot(records, volume, name)
  if (snapshot.state === 'ready') return snapshot
  throw refusal('CONFLICT', 'not_ready', `snapshot ${snapshot.name} of ${volume.name} is ${snapshot.state}`)
}

/** CONFLICT while the volume lacks content of its own. */
export function refuseFilling({ name, origin }: VolumeRecord): void {
  if (origin === null) return
  throw refusal(
    'CONFLICT',
    'clone_filling',
    `volume ${name} is a clone that is still being filled; wait for its job (basalt job list)`,
  )
}

/** The record of a snapshot that its primary is about to be asked for. */
export function beginSnapshot(
  records: RecordsView,
  volumeName: string,
  wish: {
    readonly name: string
    readonly id: string
    readonly group: string | null
    readonly schedule: string | null
  },
  { wallMs }: RequestContext,
): Change<SnapshotRecord> {
  refuseLocked(records)
  const volume = findMadeVolume(records, volumeName)
  refuseFilling(volume)
  const name = parseVolumeName(wish.name, 'name')
  const all = records.snapshotsOf(volume.uuid)
  if (all.some((one) => one.name === name)) {
    throw refusal(
      'CONFLICT',
      'exists',
      `volume ${volume.name} has a snapshot ${name} already; take another name`,
    )
  }
  if (all.length >= SNAPSHOTS_MAX) {
    throw refusal(
      'NO_SPACE',
      'too_many',
      `volume ${volume.name} has ${all.length} snapshots; delete some first`,
    )
  }
  const record: SnapshotRecord = {
    id: wish.id,
    volume: volume.uuid,
    name,
    state: 'creating',
    lsn: null,
    sizeBytes: volume.sizeBytes,
    createdAt: wallMs,
    schedule: wish.schedule,
    isExposed: false,
    group: wish.group,
    backup: null,
  }
  return { writes: [{ kind: 'snapshot', record }], result: record }
}

type SnapshotKey = Pick<SnapshotRecord, 'volume' | 'id'>

/** What is filled from it, as recorded. One that is being deleted needs it no more, whatever its servers still have of it. */
export const cloneOf = (records: RecordsView, { volume, id }: SnapshotKey): VolumeRecord | undefined =>
  records
    .volumes()
    .find(({ origin, state }) => origin?.volume === volume && origin.snapshot === id && state !== 'deleting')

/** Who, but for the job `by`, reads it or is filled from it; null when nobody. */
export function userOf(records: RecordsView, snapshot: SnapshotKey, by: string | null = null): string | null {
  const { volume, id } = snapshot
  const job = records
    .jobs()
    .find((one) => one.id !== by && !isOver(one) && one.volume === volume && one.data.snapshot === id)
  if (job !== undefined) return `job ${job.id} (${job.kind})`
  return asUser(cloneOf(records, snapshot))
}

const asUser = (clone: VolumeRecord | undefined): string | null =>
  clone === undefined ? null : `volume ${clone.name}, which is filled from it`

/**
 * Deletes what was made for backups and has served, or is of no use: as far as no other job than `by` reads it, no clone is filled
 * from it, and hosts may not log in to it. What stays goes with the next backup of the volume, or when somebody deletes it.
 */
export const giveUpBases = (
  records: RecordsView,
  bases: readonly SnapshotRecord[],
  by: string | null,
): RecordWrite[] =>
  bases
    .filter((one) => one.state !== 'deleting' && !one.isExposed && userOf(records, one, by) === null)
    .map((one) => ({ kind: 'snapshot', record: { ...one, state: 'deleting' } }))

/** Recorded as deleting; one that is lost is forgotten at once (null). */
export function beginDelete(
  records: RecordsView,
  volumeName: string,
  snapshotName: string,
  { caller, live }: RequestContext,
): Change<SnapshotRecord | null> {
  refuseLocked(records)
  const volume = findVolume(records, volumeName)
  const snapshot = findSnapshot(records, volume, snapshotName)
  const user = userOf(records, snapshot) ?? asUser(unknownCloneOf(records, live, volume.uuid, snapshot.id))
  if (user !== null) {
    throw refusal('CONFLICT', 'in_use', `snapshot ${snapshot.name} of ${volume.name} is used by ${user}`)
  }
  if (snapshot.isExposed) {
    throw refusal(
      'CONFLICT',
      'exposed',
      `hosts may log in to snapshot ${snapshot.name} of ${volume.name}; end that first`,
    )
  }
  const event = auditEvent(caller, {
    kind: 'snapshot.deleting',
    volume: volume.uuid,
    message: `snapshot ${snapshot.name} of ${volume.name} is to be deleted`,
  })
  if (snapshot.state === 'lost') {
    return {
      writes: [{ kind: 'removeSnapshot', volume: volume.uuid, id: snapshot.id }],
      events: [event],
      result: null,
    }
  }
  const record: SnapshotRecord = { ...snapshot, state: 'deleting' }
  return { writes: [{ kind: 'snapshot', record }], events: [event], result: record }
}

export function setExposed(
  records: RecordsView,
  volumeName: string,
  snapshotName: string,
  isExposed: boolean,
  { caller }: RequestContext,
): Change<SnapshotRecord> {
  refuseLocked(records)
  const volume = findLivingVolume(records, volumeName)
  const snapshot = findReadySnapshot(records, volume, snapshotName)
  if (snapshot.isExposed === isExposed) return { writes: [], result: snapshot }
  const record = { ...snapshot, isExposed }
  const event = auditEvent(caller, {
    kind: isExposed ? 'snapshot.exposed' : 'snapshot.hidden',
    volume: volume.uuid,
    message: `hosts may ${isExposed ? '' : 'no longer '}log in to snapshot ${snapshot.name} of ${volume.name}`,
  })
  return { writes: [{ kind: 'snapshot', record }], events: [event], result: record }
}

/** CONFLICT with `facts.unsafe` while hosts are logged in to it. */
export function refuseSessions(volume: VolumeRecord, live: LiveCluster, what: string): void {
  const sessions = live.replica(volume.uuid, volume.lead.primary)?.open?.sessions ?? 0
  if (sessions === 0) return
  throw new BlockError(
    'CONFLICT',
    `${sessions === 1 ? 'a host is' : `${sessions} hosts are`} logged in to ${volume.name}, and ${what} would change it under them; end that first, or force it`,
    { facts: { reason: 'in_use', unsafe: true } },
  )
}

/** The job; the one that runs when the same was asked for before. */
export function restoreSnapshot(
  records: RecordsView,
  volumeName: string,
  snapshotName: string,
  { force }: { readonly force: boolean },
  { caller, live, wallMs, jobId }: RequestContext,
): Change<string> {
  refuseLocked(records)
  const volume = findMadeVolume(records, volumeName)
  refuseFilling(volume)
  const snapshot = findReadySnapshot(records, volume, snapshotName)
  const running = records
    .jobs()
    .find(
      (job) =>
        job.kind === 'restore' &&
        job.volume === volume.uuid &&
        job.data.snapshot === snapshot.id &&
        !isOver(job),
    )
  if (running !== undefined) return { writes: [], result: running.id }
  if (!force) refuseSessions(volume, live, 'a restore')
  const job = newJob(jobId, wallMs, {
    kind: 'restore',
    actor: caller.actor,
    volume: volume.uuid,
    step: 'queued',
    data: { snapshot: snapshot.id, name: snapshot.name, force },
  })
  const event = auditEvent(caller, {
    severity: 'warning',
    kind: 'volume.restoring',
    volume: volume.uuid,
    message: `${volume.name} is to become what it was at snapshot ${snapshot.name}${force ? ', by force' : ''}`,
  })
  return { writes: [{ kind: 'job', record: job }], events: [event], result: jobId }
}

/** The job; the scrub that runs, if there is one. */
export function scrubVolume(
  records: RecordsView,
  volumeName: string,
  { repair }: { readonly repair: boolean },
  { caller, wallMs, jobId }: RequestContext,
): Change<string> {
  const volume = findMadeVolume(records, volumeName)
  const running = records
    .jobs()
    .find((job) => job.kind === 'scrub' && job.volume === volume.uuid && !isOver(job))
  if (running !== undefined) return { writes: [], result: running.id }
  const job = newJob(jobId, wallMs, {
    kind: 'scrub',
    actor: caller.actor,
    volume: volume.uuid,
    step: 'run',
    data: { repair },
  })
  const event = auditEvent(caller, {
    kind: 'volume.scrubbing',
    volume: volume.uuid,
    message: `every block of ${volume.name} is to be verified${repair ? ' and repaired' : ''}`,
  })
  return { writes: [{ kind: 'job', record: job }], events: [event], result: jobId }
}

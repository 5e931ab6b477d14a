/** What people ask of repositories and backups, as changes of the records. */
import { parseVolumeName, printable } from '../../base/names.ts'
import type { KeepRules } from '../../rpc/tasks.ts'
import { findMadeVolume, refusal, refuseLocked, refusePublished } from '../core/lookup.ts'
import type { Change, RecordsView } from '../core/records-view.ts'
import { auditEvent, type RequestContext } from '../core/volume-requests.ts'
import { newJob } from '../jobs/new-job.ts'
import { isOver } from '../jobs/turns.ts'
import type { JobRecord, RepositoryRecord, VolumeRecord } from '../records.ts'
import type { NewRepository } from '../snapshot-api.ts'
import { giveUpBases, refuseFilling, refuseSessions } from '../snapshots/requests.ts'

/** NOT_FOUND. */
export function findRepository(records: RecordsView, name: string): RepositoryRecord {
  const repository = records.repository(name)
  if (repository !== undefined) return repository
  throw refusal(
    'NOT_FOUND',
    'no_such_repository',
    `there is no repository '${printable(name)}'; basalt repository list shows those that there are`,
  )
}

function refuseUsed(records: RecordsView, name: string, isGoing: boolean): void {
  const job = records.jobs().find((one) => one.data.repository === name && !isOver(one))
  if (job !== undefined) {
    throw refusal(
      'CONFLICT',
      'in_use',
      `job ${job.id} (${job.kind}) uses repository ${name}; wait for it, or cancel it`,
    )
  }
  const schedule = records.schedules().find(({ backup }) => backup?.repository === name)
  if (isGoing && schedule !== undefined) {
    throw refusal(
      'CONFLICT',
      'in_use',
      `schedule ${schedule.name} backs up to repository ${name}; change that first`,
    )
  }
}

export function putRepository(
  records: RecordsView,
  wish: NewRepository,
  isNew: boolean,
  { caller, wallMs }: RequestContext,
): Change<RepositoryRecord> {
  const name = parseVolumeName(wish.name, 'name')
  const there = records.repository(name)
  if (isNew && there !== undefined) {
    throw refusal(
      'CONFLICT',
      'exists',
      `there is a repository ${name} already; change that one, or take another name`,
    )
  }
  if (!isNew) {
    findRepository(records, name)
    refuseUsed(records, name, false)
  }
  const { target, sealedEncryptionKey } = wish
  const record = { name, target, sealedEncryptionKey, createdAt: there?.createdAt ?? wallMs }
  const event = auditEvent(caller, {
    kind: isNew ? 'repository.created' : 'repository.changed',
    message: `repository ${name} is ${target.kind === 's3' ? `bucket ${target.bucket}` : target.path}, ${sealedEncryptionKey === null ? 'not encrypted' : 'encrypted'}`,
  })
  return { writes: [{ kind: 'repository', record }], events: [event], result: record }
}

/** Snapshots that were bases of backups there go with it, unless somebody else uses them (`giveUpBases`). */
export function deleteRepository(
  records: RecordsView,
  name: string,
  { caller }: RequestContext,
): Change<undefined> {
  findRepository(records, name)
  refuseUsed(records, name, true)
  const bases = records
    .snapshotVolumes()
    .flatMap((volume) =>
      records
        .snapshotsOf(volume)
        .filter(({ backup, state }) => backup?.repository === name && state === 'ready'),
    )
  const event = auditEvent(caller, {
    kind: 'repository.deleted',
    message: `repository ${name} is forgotten; what is in it stays`,
  })
  return {
    writes: [{ kind: 'removeRepository', name }, ...giveUpBases(records, bases, null)],
    events: [event],
    result: undefined,
  }
}

/** The snapshot's id comes from the job's, which is the backup's. */
export const backupJob = (
  id: string,
  wallMs: number,
  actor: string,
  volume: VolumeRecord,
  { repository, full }: { readonly repository: string; readonly full: boolean },
): JobRecord =>
  newJob(id, wallMs, {
    kind: 'backup',
    actor,
    volume: volume.uuid,
    step: 'queued',
    data: { repository, full, snapshot: id.replaceAll('-', '').slice(-16) },
  })

export function backupVolume(
  records: RecordsView,
  volumeName: string,
  wish: { readonly repository: string; readonly full: boolean },
  { caller, wallMs, jobId }: RequestContext,
): Change<string> {
  refuseLocked(records)
  findRepository(records, wish.repository)
  const volume = findMadeVolume(records, volumeName)
  refuseFilling(volume)
  const event = auditEvent(caller, {
    kind: 'backup.asked',
    volume: volume.uuid,
    message: `${volume.name} is to be backed up to ${wish.repository}`,
  })
  return {
    writes: [{ kind: 'job', record: backupJob(jobId, wallMs, caller.actor, volume, wish) }],
    events: [event],
    result: jobId,
  }
}

/** Into a volume that is there. */
export function restoreInPlace(
  records: RecordsView,
  volume: VolumeRecord,
  wish: {
    readonly repository: string
    readonly backup: string
    readonly sizeBytes: number
    readonly logicalBlockBytes: number
    readonly force: boolean
  },
  { caller, live, wallMs, jobId }: RequestContext,
): Change<string> {
  refuseLocked(records)
  findMadeVolume(records, volume.uuid)
  refuseFilling(volume)
  refusePublished(volume)
  const { repository, backup, sizeBytes, logicalBlockBytes, force } = wish
  if (volume.sizeBytes < sizeBytes) {
    throw refusal(
      'INVALID_ARGUMENT',
      'too_small',
      `the backup has ${sizeBytes} bytes, and volume ${volume.name} ${volume.sizeBytes}; expand it first`,
    )
  }
  if (volume.logicalBlockBytes !== logicalBlockBytes) {
    throw refusal(
      'CONFLICT',
      'other_blocks',
      `the backup is of blocks of ${logicalBlockBytes} bytes, and volume ${volume.name} has ${volume.logicalBlockBytes}`,
    )
  }
  if (!force) refuseSessions(volume, live, 'a restore')
  const job = newJob(jobId, wallMs, {
    kind: 'restore_backup',
    actor: caller.actor,
    volume: volume.uuid,
    step: 'queued',
    data: { repository, backup, isNew: false },
  })
  const event = auditEvent(caller, {
    severity: 'warning',
    kind: 'volume.restoring',
    volume: volume.uuid,
    message: `${volume.name} is to become what it was at backup ${backup}${force ? ', by force' : ''}`,
  })
  return { writes: [{ kind: 'job', record: job }], events: [event], result: jobId }
}

export function storedBackupJob(
  records: RecordsView,
  kind: 'verify_backup' | 'delete_backup',
  repository: string,
  backup: string,
  { caller, wallMs, jobId }: RequestContext,
): Change<string> {
  findRepository(records, repository)
  const data = { repository, backup }
  const running = records
    .jobs()
    .find(
      (job) =>
        job.kind === kind && job.data.repository === repository && job.data.backup === backup && !isOver(job),
    )
  if (running !== undefined) return { writes: [], result: running.id }
  const job = newJob(jobId, wallMs, { kind, actor: caller.actor, step: 'run', data })
  const event = auditEvent(caller, {
    severity: kind === 'delete_backup' ? 'warning' : 'info',
    kind: kind === 'delete_backup' ? 'backup.deleting' : 'backup.verifying',
    message: `backup ${backup} in ${repository} is to be ${kind === 'delete_backup' ? 'deleted' : 'verified'}`,
  })
  return { writes: [{ kind: 'job', record: job }], events: [event], result: jobId }
}

export function pruneBackups(
  records: RecordsView,
  repository: string,
  wish: { readonly of: string | null; readonly keep: KeepRules; readonly dryRun: boolean },
  { caller, wallMs, jobId }: RequestContext,
): Change<string> {
  findRepository(records, repository)
  if (Object.values(wish.keep).every((count) => count === 0)) {
    throw refusal(
      'INVALID_ARGUMENT',
      'keep_nothing',
      'no rule keeps anything: that would delete every backup; delete them one by one if that is meant',
    )
  }
  const job = newJob(jobId, wallMs, {
    kind: 'prune_backups',
    actor: caller.actor,
    step: 'run',
    data: { repository, of: wish.of, keep: wish.keep, dryRun: wish.dryRun },
  })
  const event = auditEvent(caller, {
    kind: 'backup.pruning',
    message: `backups in ${repository} that no rule keeps are to be ${wish.dryRun ? 'named' : 'deleted'}`,
  })
  return { writes: [{ kind: 'job', record: job }], events: [event], result: jobId }
}

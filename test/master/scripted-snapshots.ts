/** Snapshots, schedules, repositories and backups as `ScriptedMaster` shows them. */
import type { JobKind, JobRecord, RepositoryRecord } from '../../src/master/records.ts'
import type {
  NewSchedule,
  ProtectionView,
  ScheduleView,
  SnapshotView,
} from '../../src/master/snapshot-api.ts'
import type { BackupInfo, TaskResults } from '../../src/rpc/tasks.ts'
import { SERVER } from './scripted-views.ts'

const VOLUME = '22222222-2222-4222-8222-000000000001'

export const snapshotView = (volumeName: string, name: string, isExposed = false): SnapshotView => ({
  record: {
    id: '00000000000000a1',
    volume: VOLUME,
    name,
    state: 'ready',
    lsn: 42,
    sizeBytes: 2 ** 30,
    createdAt: 0,
    schedule: null,
    isExposed,
    group: null,
    backup: null,
  },
  volumeName,
  heldBytes: 8192,
  exclusiveBytes: 4096,
  exposed: isExposed
    ? {
        iqn: `iqn.2026-11.io.basalt:${volumeName}:snap:${name}`,
        nqn: `nqn.2026-11.io.basalt:${volumeName}:snap:${name}`,
        iscsi: ['10.0.0.1:3260'],
        nvme: ['10.0.0.1:4420'],
      }
    : null,
})

export const scheduleView = (name: string, wish: Partial<NewSchedule> = {}): ScheduleView => ({
  record: {
    volumes: ['vol*'],
    when: { everyMs: 3_600_000 },
    keep: { last: 3 },
    backup: null,
    isPaused: false,
    ...wish,
    name,
    createdAt: 0,
    last: { dueAt: 0, startedAt: 0, endedAt: 5, made: 1, failed: 0, message: null },
  },
  nextAt: 3_600_000,
  matching: ['vol1'],
})

export const repositoryRecord = (name: string): RepositoryRecord => ({
  name,
  target: {
    kind: 's3',
    endpoint: 'https://s3.example',
    region: 'us-east-1',
    bucket: 'bucket',
    prefix: 'basalt',
    accessKeyId: 'AKIAEXAMPLE',
    sealedSecretAccessKey: 'sealed',
    sealedSessionToken: null,
    forcePathStyle: true,
  },
  sealedEncryptionKey: 'sealed',
  createdAt: 0,
})

export const backupInfo = (id: string): BackupInfo => ({
  id,
  volumeName: 'vol1',
  volumeUuid: VOLUME,
  createdAtMs: 0,
  snapshotName: 'backup-1',
  lsn: 700,
  sizeBytes: 2 ** 30,
  logicalBlockBytes: 512,
  kind: 'incremental',
  base: 'b0',
  whyFull: null,
  storedBytes: 4096,
  changedBytes: 8192,
  compression: 'zstd',
  isEncrypted: true,
  state: 'complete',
})

export const protectionView: ProtectionView = {
  snapshots: { creating: 0, ready: 3, deleting: 1, lost: 0 },
  snapshotBytes: 12288,
  backups: [{ volume: 'vol1', repository: 'offsite', at: 1_800_000_000_500 }],
  scrubs: [{ volume: 'vol1', lastAt: 1_800_000_001_000, errors: 2, repaired: 1 }],
  schedules: [{ schedule: 'nightly', failed: 1 }],
}

const RESULTS = {
  backup: { backup: backupInfo('b2') },
  restore_backup: { restoredBytes: 2 ** 30 },
  verify_backup: { verifiedBytes: 2 ** 20, objects: 7 },
  prune_backups: { deleted: ['b0', 'b1'], kept: 3, freedBytes: 4096 },
  delete_backup: { freedBytes: 8192 },
  scrub: {
    verifiedBytes: 2 ** 30,
    errors: 1,
    repaired: 1,
    found: [{ block: 7, what: 'lost_write', repaired: true, server: SERVER }],
  },
} as const satisfies Partial<Record<JobKind, TaskResults[keyof TaskResults]>>

/** As the job is when all went well: with what came of its task. */
export const endedJob = (job: JobRecord): JobRecord => {
  const result = Object.entries(RESULTS).find(([kind]) => kind === job.kind)?.[1]
  const { total } = job.progress
  return {
    ...job,
    state: 'succeeded',
    step: 'done',
    progress: { ...job.progress, done: total },
    data: result === undefined ? job.data : { ...job.data, result },
  }
}

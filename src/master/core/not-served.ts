import { BlockError } from '../../base/errors.ts'
import type { BackupApi, ScheduleApi, SnapshotApi } from '../snapshot-api.ts'

const refuse = (): never => {
  throw new BlockError('UNKNOWN_FORMAT', 'this master does not do that yet')
}

export const NOT_SERVED: SnapshotApi & ScheduleApi & BackupApi = {
  snapshots: refuse,
  snapshot: refuse,
  createSnapshot: refuse,
  deleteSnapshot: refuse,
  exposeSnapshot: refuse,
  restoreSnapshot: refuse,
  cloneSnapshot: refuse,
  createSnapshotGroup: refuse,
  scrubVolume: refuse,
  schedules: refuse,
  schedule: refuse,
  createSchedule: refuse,
  setSchedule: refuse,
  deleteSchedule: refuse,
  repositories: refuse,
  repository: refuse,
  createRepository: refuse,
  setRepository: refuse,
  deleteRepository: refuse,
  checkRepository: refuse,
  backupVolume: refuse,
  backups: refuse,
  backup: refuse,
  restoreBackup: refuse,
  verifyBackup: refuse,
  deleteBackup: refuse,
  pruneBackups: refuse,
}

/** Snapshots and backups of one target, for people. */
import { formatSize } from '../../base/sizes.ts'
import type { Backup } from '../../client/wire/backup.ts'
import type { TargetBackup, TargetSnapshot } from '../../client/wire/target-task.ts'
import type { Column } from '../table.ts'
import { formatTime } from './times.ts'

export const TARGET_SNAPSHOT_COLUMNS: readonly Column<TargetSnapshot>[] = [
  { title: 'SNAPSHOT', shrinks: true, value: ({ name }) => name },
  { title: 'CREATED', value: ({ createdAt }) => formatTime(createdAt) },
  { title: 'SIZE', right: true, value: ({ sizeBytes }) => formatSize(sizeBytes) },
  { title: 'HELD', right: true, value: ({ heldBytes }) => formatSize(heldBytes) },
  { title: 'FREES', right: true, value: ({ exclusiveBytes }) => formatSize(exclusiveBytes) },
  { title: 'EXPOSED', value: ({ exposed }) => (exposed === null ? 'no' : 'yes') },
]

export const targetSnapshotFacts = (snapshot: TargetSnapshot): [string, string][] => [
  ['snapshot', snapshot.name],
  ['id', snapshot.id],
  ['created', formatTime(snapshot.createdAt)],
  ['size', `${formatSize(snapshot.sizeBytes)} (${snapshot.sizeBytes} bytes)`],
  ['LSN', String(snapshot.lsn)],
  ['held', `${formatSize(snapshot.heldBytes)} kept for it and older ones`],
  ['frees', `${formatSize(snapshot.exclusiveBytes)} when it is deleted`],
  ...(snapshot.exposed === null
    ? ([['exposed', 'no']] satisfies [string, string][])
    : ([
        ['exposed', 'read-only'],
        ['iSCSI', `${snapshot.exposed.iqn} at ${snapshot.exposed.iscsi.join(', ')}`],
        ['NVMe', `${snapshot.exposed.nqn} at ${snapshot.exposed.nvme.join(', ')}`],
      ] satisfies [string, string][])),
]

/** As the master shows it, so that it is shown to people in the same way. */
export const backupOf = ({ createdAtMs, isEncrypted, ...backup }: TargetBackup): Backup => ({
  id: backup.id,
  volume_name: backup.volumeName,
  volume_uuid: backup.volumeUuid,
  created_at: new Date(createdAtMs).toISOString(),
  snapshot_name: backup.snapshotName,
  size_bytes: backup.sizeBytes,
  kind: backup.kind,
  base: backup.base,
  why_full: backup.whyFull,
  stored_bytes: backup.storedBytes,
  changed_bytes: backup.changedBytes,
  compression: backup.compression,
  encrypted: isEncrypted,
  state: backup.state,
})

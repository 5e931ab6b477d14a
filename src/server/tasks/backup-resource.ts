/** Backups of a repository, as tasks tell of them. */
import type { FullBecause, BackupInfo as StoredBackup } from '../../backup/repository.ts'
import type { BackupInfo } from '../../rpc/tasks.ts'

const WHY_FULL: Readonly<Record<FullBecause, string | null>> = {
  asked: null,
  first: 'there is no backup of this volume in the repository yet',
  history:
    'the backups in the repository are of a history that this volume is not of any more, so nothing is known of what changed since',
}

export function backupResource(backup: StoredBackup, fullBecause: FullBecause | null): BackupInfo {
  const { createdAt, encrypted, epochId: _, ...same } = backup
  return {
    ...same,
    createdAtMs: Date.parse(createdAt),
    whyFull: fullBecause === null ? null : WHY_FULL[fullBecause],
    isEncrypted: encrypted,
  }
}

/** Backups, for people. */
import { formatSize } from '../../base/sizes.ts'
import type { Backup } from '../../client/wire/backup.ts'
import type { Column } from '../table.ts'
import { formatTime } from './times.ts'

export const BACKUP_COLUMNS: readonly Column<Backup>[] = [
  { title: 'BACKUP', value: (backup) => backup.id },
  { title: 'VOLUME', shrinks: true, value: (backup) => backup.volume_name },
  { title: 'CREATED', value: (backup) => formatTime(backup.created_at) },
  { title: 'KIND', value: (backup) => backup.kind },
  { title: 'SIZE', right: true, value: (backup) => formatSize(backup.size_bytes) },
  { title: 'CHANGED', right: true, value: (backup) => formatSize(backup.changed_bytes) },
  { title: 'STORED', right: true, value: (backup) => formatSize(backup.stored_bytes) },
  { title: 'STATE', value: (backup) => backup.state },
  { title: 'ENCRYPTED', isWide: true, value: (backup) => (backup.encrypted ? 'yes' : 'no') },
  { title: 'BASE', isWide: true, value: (backup) => backup.base ?? '-' },
  { title: 'UUID', isWide: true, value: (backup) => backup.volume_uuid },
]

export const backupFacts = (backup: Backup): [string, string][] => [
  ['backup', backup.id],
  ['of', `${backup.volume_name} (${backup.volume_uuid})`],
  ['created', formatTime(backup.created_at)],
  ['snapshot', backup.snapshot_name],
  ['state', backup.state],
  ['kind', backup.base === null ? backup.kind : `${backup.kind}, on ${backup.base}`],
  ...(backup.why_full === null ? [] : [['', backup.why_full] satisfies [string, string]]),
  ['size', `${formatSize(backup.size_bytes)} (${backup.size_bytes} bytes)`],
  ['changed', `${formatSize(backup.changed_bytes)} since its base`],
  ['stored', `${formatSize(backup.stored_bytes)} that it added`],
  ['compression', backup.compression],
  ['encrypted', backup.encrypted ? 'yes' : 'no'],
]

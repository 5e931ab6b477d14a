/** Backups in a repository, as the master's API shows them. */
import { type Static, Type } from 'typebox'
import type { ApiClient } from '../http/api-client.ts'
import { Count, fetchAll, Nullable } from './common.ts'
import { Job } from './job.ts'
import { repositoryPath } from './repository.ts'
import { ClusterVolume } from './volume.ts'

export const Backup = Type.Object({
  id: Type.String(),
  volume_name: Type.String(),
  volume_uuid: Type.String(),
  created_at: Type.String(),
  snapshot_name: Type.String(),
  size_bytes: Count,
  kind: Type.String(),
  base: Nullable(Type.String()),
  /** Though an increment was asked for. */
  why_full: Nullable(Type.String()),
  stored_bytes: Count,
  changed_bytes: Count,
  compression: Type.String(),
  encrypted: Type.Boolean(),
  state: Type.String(),
})
export type Backup = Static<typeof Backup>

/** What a restore begins with. */
export const Restoring = Type.Object({ volume: ClusterVolume, job: Job })

const BackupPage = Type.Object({ backups: Type.Array(Backup), next_cursor: Nullable(Type.String()) })

export const backupPath = (repository: string, id: string, ...more: readonly string[]): string =>
  repositoryPath(repository, 'backups', id, ...more)

/** Newest first. */
export const fetchBackups = (
  api: ApiClient,
  repository: string,
  filter: { readonly volume?: string | undefined; readonly limit?: number | undefined },
): Promise<Backup[]> =>
  fetchAll(api, repositoryPath(repository, 'backups'), {
    schema: BackupPage,
    query: { volume: filter.volume },
    limit: filter.limit,
    read: (page) => ({ items: page.backups, next: page.next_cursor }),
  })

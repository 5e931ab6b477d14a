/** Names that complete an argument, each with a word about it. */
import type { ApiClient } from '../http/api-client.ts'
import { fetchBackups } from './backup.ts'
import { fetchJobs } from './job.ts'
import { fetchRepositories } from './repository.ts'
import { fetchSchedules } from './schedule.ts'
import { fetchServers } from './server.ts'
import { fetchSnapshots } from './snapshot.ts'
import { fetchVolumes } from './volume.ts'

const NAMES = ['VOLUME', 'SERVER', 'JOB', 'SNAPSHOT', 'SCHEDULE', 'REPOSITORY', 'BACKUP'] as const
export type NameKind = (typeof NAMES)[number]

/** What the placeholder of an argument or of a flag stands for; undefined when it is nothing that the master knows. */
export function nameKindOf(placeholder: string): NameKind | 'VOLUME@' | undefined {
  if (placeholder === 'VOLUME@SNAPSHOT') return 'SNAPSHOT'
  if (placeholder === 'VOLUME@NAME') return 'VOLUME@'
  return NAMES.find((kind) => kind === placeholder)
}

export interface NameQuery {
  /** What stands there already. */
  readonly typed: string
  readonly limit: number
  /** As the line names it. */
  readonly repository: string | undefined
}

type Names = [name: string, about: string][]

/** Names of the kind; errors as those of the lists. */
export async function namesOf(
  api: ApiClient,
  kind: NameKind | 'VOLUME@',
  { typed, limit, repository }: NameQuery,
): Promise<Names> {
  switch (kind) {
    case 'VOLUME':
      return (await fetchVolumes(api, { limit })).map(({ name, health_state }) => [name, health_state])
    case 'VOLUME@':
      return (await fetchVolumes(api, { limit })).map(({ name, health_state }) => [`${name}@`, health_state])
    case 'SERVER':
      return (await fetchServers(api)).map(({ name, connection }): [string, string] => [name, connection])
    case 'JOB':
      return (await fetchJobs(api, { limit })).map(({ id, kind: job, state }) => [id, `${job}, ${state}`])
    case 'SCHEDULE':
      return (await fetchSchedules(api)).map(({ name, volumes }) => [name, volumes.join(', ')])
    case 'REPOSITORY':
      return (await fetchRepositories(api)).map(({ name, kind: where }) => [name, where])
    case 'SNAPSHOT':
      return snapshotNames(api, typed, limit)
    case 'BACKUP':
      return backupNames(api, repository, limit)
  }
}

/** Volumes, each with its `@`, until there is one; then the snapshots of that volume. */
async function snapshotNames(api: ApiClient, typed: string, limit: number): Promise<Names> {
  const at = typed.indexOf('@')
  if (at >= 0) {
    const snapshots = await fetchSnapshots(api, typed.slice(0, at))
    return snapshots.map(({ volume, name, created_at }) => [`${volume}@${name}`, created_at])
  }
  const volumes = (await fetchVolumes(api, { limit })).filter(({ snapshots_count }) => snapshots_count > 0)
  return volumes.map(({ name, snapshots_count }) => [`${name}@`, `${snapshots_count} snapshots`])
}

/** Of the repository that the line names, or of the only one. */
async function backupNames(api: ApiClient, repository: string | undefined, limit: number): Promise<Names> {
  const [only, ...others] = repository === undefined ? await fetchRepositories(api) : []
  const where = repository ?? (others.length === 0 ? only?.name : undefined)
  if (where === undefined) return []
  const backups = await fetchBackups(api, where, { limit })
  return backups.map(({ id, volume_name, created_at }) => [id, `${volume_name}, ${created_at}`])
}

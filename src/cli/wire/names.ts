/** Names that complete an argument, each with a word about it. */
import type { ApiClient } from '../http/api-client.ts'
import { fetchJobs } from './job.ts'
import { fetchServers } from './server.ts'
import { fetchVolumes } from './volume.ts'

/** At most `limit` names of the kind; errors as those of the lists. */
export async function namesOf(
  api: ApiClient,
  kind: 'VOLUME' | 'SERVER' | 'JOB',
  limit: number,
): Promise<[name: string, about: string][]> {
  switch (kind) {
    case 'VOLUME':
      return (await fetchVolumes(api, { limit })).map(({ name, health_state }) => [name, health_state])
    case 'SERVER':
      return (await fetchServers(api)).slice(0, limit).map(({ name, connection }) => [name, connection])
    case 'JOB':
      return (await fetchJobs(api, { limit })).map(({ id, kind: job, state }) => [id, `${job}, ${state}`])
  }
}

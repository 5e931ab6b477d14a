/** Jobs, as the master's API shows them. */
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ApiClient } from '../http/api-client.ts'
import { Count, fetchAll, Nullable, pathOf } from './common.ts'

export const Job = Type.Object({
  id: Type.String(),
  kind: Type.String(),
  state: Type.Union([
    Type.Literal('running'),
    Type.Literal('succeeded'),
    Type.Literal('failed'),
    Type.Literal('cancelling'),
    Type.Literal('cancelled'),
  ]),
  volume: Nullable(Type.String()),
  volume_name: Nullable(Type.String()),
  server: Nullable(Type.String()),
  actor: Type.String(),
  step: Type.String(),
  progress: Type.Object({
    done: Count,
    total: Count,
    unit: Type.Enum(['bytes', 'volumes', 'steps', 'blocks', 'objects']),
  }),
  message: Nullable(Type.String()),
  /** What came of it, by kind. */
  result: Type.Unknown(),
  created_at: Type.String(),
  updated_at: Type.String(),
})
export type Job = Static<typeof Job>

export const isEnded = ({ state }: Pick<Job, 'state'>): boolean =>
  state !== 'running' && state !== 'cancelling'

const ScrubResult = Type.Object({ errors: Count, repaired: Count })

/** How many blocks a scrub that has ended left as bad as it found them. */
export const leftDamaged = ({ result }: Job): number =>
  Value.Check(ScrubResult, result) ? Math.max(0, result.errors - result.repaired) : 0

export const fetchJob = (api: ApiClient, id: string): Promise<Job> => api.get(pathOf('job', id), Job)

export const cancelJob = (api: ApiClient, id: string): Promise<Job> =>
  api.post(pathOf('job', id, 'cancel'), Job)

const JobPage = Type.Object({ jobs: Type.Array(Job), next_cursor: Nullable(Type.String()) })

export const fetchJobs = (
  api: ApiClient,
  filter: { readonly state?: string | undefined; readonly limit?: number | undefined },
): Promise<Job[]> =>
  fetchAll(api, '/block/jobs', {
    schema: JobPage,
    query: { state: filter.state },
    limit: filter.limit,
    read: (page) => ({ items: page.jobs, next: page.next_cursor }),
  })

/** The cluster as a whole, its events and its tokens, as the master's API shows them. */
import { type Static, Type } from 'typebox'
import type { ApiClient } from '../http/api-client.ts'
import { Count, Nullable, withQuery } from './common.ts'
import { Refusal } from './volume.ts'

export const Cluster = Type.Object({
  cluster_id: Type.String(),
  registry_id: Type.String(),
  registry_seq: Count,
  lock: Nullable(Type.Object({ reason: Type.String(), detail: Type.String() })),
  volume_count: Count,
  healthy_count: Count,
  degraded_count: Count,
  rebuilding_count: Count,
  unsafe_count: Count,
  server_count: Count,
  connected_server_count: Count,
  cordoned_server_count: Count,
  capacity_bytes: Count,
  free_bytes: Count,
  allocated_bytes: Count,
  promotions_total: Count,
  failovers_total: Count,
  rebuilds_total: Count,
  running_job_count: Count,
  pending: Type.Array(
    Type.Object({
      volume: Type.String(),
      why: Type.String(),
      reason: Nullable(Type.String()),
      for_ms: Nullable(Type.Number()),
      operator_needed: Type.Boolean(),
    }),
  ),
  refused: Type.Array(Type.Object({ volume: Type.String(), ...Refusal.properties })),
})
export type Cluster = Static<typeof Cluster>

export const ClusterEvent = Type.Object({
  number: Count,
  at: Type.String(),
  last_at: Type.String(),
  count: Count,
  severity: Type.String(),
  kind: Type.String(),
  actor: Type.String(),
  volume: Nullable(Type.String()),
  server: Nullable(Type.String()),
  message: Type.String(),
  reason: Nullable(Type.String()),
  epoch: Nullable(Count),
  lsn: Nullable(Count),
  request_id: Nullable(Type.String()),
})
export type ClusterEvent = Static<typeof ClusterEvent>

const EventList = Type.Object({ events: Type.Array(ClusterEvent), last: Nullable(Count) })

export interface EventFilter {
  readonly volume?: string | undefined
  readonly server?: string | undefined
  /** Only events with a greater number. */
  readonly after?: number | undefined
}

const EVENTS_PAGE = 1000

export interface PastEvents {
  readonly events: ClusterEvent[]
  /** The greatest number that was read, also of those beyond the limit; null when there is none. */
  readonly last: number | null
}

/** The last `limit` events that there are. The API gives them from the oldest number on; there are not many. */
export async function fetchEventsAndLast(
  api: ApiClient,
  { limit, ...filter }: EventFilter & { readonly limit: number },
): Promise<PastEvents> {
  let kept: ClusterEvent[] = []
  let newest: number | null = null
  for (;;) {
    const after: number | undefined = newest ?? filter.after
    const path = withQuery('/block/events', { ...filter, after, limit: EVENTS_PAGE })
    const { events, last } = await api.get(path, EventList)
    kept = limit === 0 ? [] : [...kept, ...events].sort(byLastTime).slice(-limit)
    if (last === null || last <= (after ?? -1)) return { events: kept, last: newest }
    newest = last
  }
}

/** One that was repeated keeps its number, and stands where it happened last. */
const byLastTime = (a: ClusterEvent, b: ClusterEvent): number =>
  Date.parse(a.last_at) - Date.parse(b.last_at) || a.number - b.number

/** The last `limit` events that there are, the latest last. */
export const fetchEvents = async (
  api: ApiClient,
  filter: EventFilter & { readonly limit: number },
): Promise<ClusterEvent[]> => (await fetchEventsAndLast(api, filter)).events

export const eventStreamPath = (filter: EventFilter): string =>
  withQuery('/block/events/stream', { ...filter })

export const RebalancePlan = Type.Object({
  moves: Type.Array(
    Type.Object({
      volume: Type.String(),
      volume_name: Type.String(),
      /** `lead`: no bytes move. */
      kind: Type.Optional(Type.String()),
      from: Type.String(),
      to: Type.String(),
      bytes: Count,
    }),
  ),
})
export type RebalanceMove = Static<typeof RebalancePlan>['moves'][number]

export const Token = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: Type.String(),
  created_at: Type.String(),
  expires_at: Nullable(Type.String()),
})
export type Token = Static<typeof Token>

export const NewToken = Type.Object({ ...Token.properties, token: Type.String() })
export const TokenList = Type.Object({ tokens: Type.Array(Token), next_cursor: Nullable(Type.String()) })

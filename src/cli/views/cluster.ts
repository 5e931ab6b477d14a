/** The cluster as a whole, for people. */
import { formatSize } from '../../base/sizes.ts'
import type { Cluster, ClusterEvent, RebalanceMove, Token } from '../../client/wire/cluster.ts'
import type { Column } from '../table.ts'
import { formatTime, waitText } from './times.ts'

export const clusterFacts = (cluster: Cluster): [string, string][] => {
  const { lock } = cluster
  const counts = (['healthy', 'degraded', 'rebuilding', 'unsafe'] as const)
    .filter((health) => cluster[`${health}_count`] > 0)
    .map((health) => `${cluster[`${health}_count`]} ${health}`)
  return [
    ['cluster', cluster.cluster_id],
    ...(lock === null
      ? []
      : [
          [
            'LOCKED',
            `${lock.detail} (${lock.reason}); nothing is promoted, removed or deleted until 'basalt cluster recover'`,
          ] satisfies [string, string],
        ]),
    ['volumes', [String(cluster.volume_count), ...counts].join(', ')],
    [
      'servers',
      `${cluster.server_count}, ${cluster.connected_server_count} connected, ${cluster.cordoned_server_count} cordoned`,
    ],
    [
      'space',
      `${formatSize(cluster.free_bytes)} free of ${formatSize(cluster.capacity_bytes)}, ${formatSize(cluster.allocated_bytes)} promised to volumes`,
    ],
    ['jobs', `${cluster.running_job_count} running`],
    [
      'so far',
      `${cluster.promotions_total} promotions, ${cluster.failovers_total} failovers, ${cluster.rebuilds_total} rebuilds`,
    ],
    ['registry', `${cluster.registry_id}, change ${cluster.registry_seq}`],
    ...cluster.pending.map(({ volume, why, reason, for_ms, operator_needed }): [string, string] => [
      'waits',
      `promotion of ${volume}: ${waitText({ message: why, reason, for_ms })}${operator_needed ? '; an operator is needed' : ''}`,
    ]),
    ...cluster.refused.map(({ volume, message, reason }): [string, string] => [
      'refused',
      `${volume}: ${message} (${reason})`,
    ]),
  ]
}

export const EVENT_COLUMNS: readonly Column<ClusterEvent>[] = [
  { title: 'AT', value: (event) => formatTime(event.last_at) },
  { title: 'SEVERITY', value: (event) => event.severity },
  { title: 'KIND', value: (event) => event.kind },
  { title: 'ACTOR', value: (event) => event.actor },
  { title: 'MESSAGE', value: messageOf },
]

/** One line of a log that goes on: no column knows how wide the next one will be. */
export const eventLine = (event: ClusterEvent): string =>
  `${formatTime(event.last_at)} ${event.severity.padEnd(7)} ${event.kind}: ${messageOf(event)} (${event.actor})`

function messageOf({ message, count, reason }: ClusterEvent): string {
  const why = reason === null || message.includes(reason) ? '' : ` [${reason}]`
  return `${message}${why}${count > 1 ? ` (${count} times)` : ''}`
}

export const moveColumns = (nameOf: (server: string) => string): readonly Column<RebalanceMove>[] => [
  { title: 'VOLUME', shrinks: true, value: (move) => move.volume_name },
  { title: 'MOVES', value: (move) => move.kind ?? 'replica' },
  { title: 'FROM', shrinks: true, value: (move) => nameOf(move.from) },
  { title: 'TO', shrinks: true, value: (move) => nameOf(move.to) },
  { title: 'SIZE', right: true, value: (move) => formatSize(move.bytes) },
]

export const TOKEN_COLUMNS: readonly Column<Token>[] = [
  { title: 'ID', value: (token) => token.id },
  { title: 'NAME', shrinks: true, value: (token) => token.name },
  { title: 'ROLE', value: (token) => token.role },
  { title: 'CREATED', value: (token) => formatTime(token.created_at) },
  {
    title: 'EXPIRES',
    value: (token) => (token.expires_at === null ? 'never' : formatTime(token.expires_at)),
  },
]

/** Servers, for people. */
import { formatSize } from '../../base/sizes.ts'
import type { Server } from '../../client/wire/server.ts'
import { formatSeconds } from '../progress.ts'
import type { Column } from '../table.ts'
import { formatTime } from './times.ts'

/** What a server is to placement: the first thing that stands against it. */
function stateOf({ connection, state, cordoned, silent_ms }: Server): string {
  if (state === 'left') return 'left'
  if (connection === 'never') return 'never seen'
  if (connection !== 'connected') {
    return silent_ms === null ? connection : `${connection} ${formatSeconds(silent_ms / 1000)} ago`
  }
  if (state !== 'active') return state
  return cordoned ? 'cordoned' : 'ready'
}

const sizeOrNone = (bytes: number | null): string => (bytes === null ? '-' : formatSize(bytes))

export const SERVER_COLUMNS: readonly Column<Server>[] = [
  { title: 'NAME', shrinks: true, value: (server) => server.name },
  { title: 'STATE', value: stateOf },
  { title: 'ZONE', shrinks: true, value: (server) => server.zone ?? '-' },
  { title: 'RACK', isWide: true, value: (server) => server.rack ?? '-' },
  { title: 'DISK', value: (server) => server.disk_type },
  { title: 'CAPACITY', right: true, value: (server) => formatSize(server.capacity_bytes) },
  { title: 'FREE', right: true, value: (server) => sizeOrNone(server.free_bytes) },
  { title: 'PROMISED', right: true, value: (server) => formatSize(server.allocated_bytes) },
  { title: 'REPLICAS', right: true, value: (server) => String(server.volume_count) },
  { title: 'PRIMARIES', right: true, value: (server) => String(server.primary_count) },
  { title: 'ISCSI', isWide: true, value: (server) => server.addresses.iscsi.join(',') },
  { title: 'HTTP', isWide: true, value: (server) => server.addresses.http },
  { title: 'ID', isWide: true, value: (server) => server.id },
]

export const serverFacts = (server: Server): [string, string][] => [
  ['name', server.name],
  ['id', server.id],
  ['state', stateOf(server)],
  ['placement', server.cordoned ? 'cordoned: gets no new replicas' : 'gets new replicas'],
  ['zone', server.zone ?? '-'],
  ['rack', server.rack ?? '-'],
  ['disk', server.disk_type],
  [
    'space',
    `${sizeOrNone(server.free_bytes)} free of ${formatSize(server.capacity_bytes)}, ${formatSize(server.allocated_bytes)} promised to volumes`,
  ],
  ['replicas', `${server.volume_count}, ${server.primary_count} of them lead`],
  ['iSCSI', server.addresses.iscsi.join(', ')],
  ['replication', server.addresses.replication],
  ['gRPC', server.addresses.grpc],
  ['HTTP', server.addresses.http],
  ['joined', formatTime(server.joined_at)],
]

/**
 * Metrics of the replicas on this server, `basalt_replication_*` and `basalt_qos_*` in base units, labelled with server and volume, and with
 * the replica where they are about another server's. Read from the replicas when somebody scrapes. `docs/metrics.md`
 * lists them; a test compares.
 */
import type { QosCounters } from '../frontend/qos/limiter.ts'
import type { MetricsRegistry, Sample } from '../metrics/registry.ts'
import type { PeerLag, ReplicaStatus, ResyncStatus } from '../replication/status.ts'
import { isSound } from '../v2engine/marks.ts'
import type { ReplicaView } from './replica/replica-view.ts'

type Gauge<About> = readonly [name: string, help: string, read: (about: About) => number]

const OF_REPLICA: readonly Gauge<ReplicaStatus>[] = [
  [
    'basalt_replication_leading',
    '1 while this replica is the primary and serves',
    ({ view }) => Number(view.role === 'serving'),
  ],
  [
    'basalt_replication_sound',
    '1 while this replica may count and be promoted',
    ({ view }) => Number(isSound(view.standing)),
  ],
  ['basalt_replication_sealed_epoch', 'Epoch that this replica obeys', ({ view }) => view.sealed.number],
  ['basalt_replication_commit_lsn', 'Last log entry known committed here', ({ view }) => view.commit],
  [
    'basalt_replication_in_sync_members',
    'Replicas in the in-sync set, as this one heard last',
    ({ view }) => view.set?.members.length ?? 0,
  ],
]

const OF_LAG: readonly Gauge<PeerLag>[] = [
  ['basalt_replication_lag_entries', 'Log entries that a replica has not acknowledged', (lag) => lag.entries],
  ['basalt_replication_lag_bytes', 'Bytes of log that a replica has not acknowledged', (lag) => lag.bytes],
  [
    'basalt_replication_lag_seconds',
    'Age of the oldest entry that a replica has not acknowledged',
    (lag) => lag.ms / 1000,
  ],
]

const OF_RESYNC: readonly Gauge<ResyncStatus>[] = [
  ['basalt_replication_resync_sent_bytes', 'Sent by the resync under way', (resync) => resync.sentBytes],
  [
    'basalt_replication_resync_skipped_bytes',
    'Not sent by the resync under way, because the replica has it',
    (resync) => resync.skippedBytes,
  ],
  [
    'basalt_replication_resync_scanned_ratio',
    'Part of the volume that the resync under way has been through',
    ({ scannedBlocks, sizeBlocks }) => (sizeBlocks === 0 ? 1 : scannedBlocks / sizeBlocks),
  ],
]

const OF_QOS: readonly Gauge<QosCounters>[] = [
  [
    'basalt_qos_throttled_operations_total',
    "Operations of hosts that waited for the volume's limits",
    ({ throttledOperations }) => throttledOperations,
  ],
  [
    'basalt_qos_refused_operations_total',
    'Operations of hosts that were answered busy because of the limits',
    ({ refusedOperations }) => refusedOperations,
  ],
  [
    'basalt_qos_wait_seconds_total',
    "How long operations waited for the volume's limits, all together",
    ({ waitedMs }) => waitedMs / 1000,
  ],
]

export function addReplicationMetrics(
  registry: MetricsRegistry,
  replicas: () => readonly ReplicaView[],
  server: string,
): void {
  const labelNames = ['server', 'volume']
  const open = (): readonly { readonly name: string; readonly status: ReplicaStatus }[] =>
    replicas().flatMap(({ name, status }) => (status === undefined ? [] : [{ name, status }]))

  registry.gauge({
    name: 'basalt_replication_open',
    help: '1 while the replica is open',
    labelNames,
    collect: () =>
      replicas().map(({ name, state }) => ({
        labels: { server, volume: name },
        value: Number(state === 'open'),
      })),
  })
  registry.counter({
    name: 'basalt_replication_reopens_total',
    help: 'How often the replica was reopened because it failed',
    labelNames,
    collect: () =>
      replicas().map(({ name, reopens }) => ({ labels: { server, volume: name }, value: reopens })),
  })
  for (const [name, help, read] of OF_QOS) {
    registry.counter({
      name,
      help,
      labelNames,
      collect: () =>
        replicas().map((one) => ({ labels: { server, volume: one.name }, value: read(one.qos) })),
    })
  }
  registry.gauge({
    name: 'basalt_qos_waiting_operations',
    help: "Operations of hosts that wait for the volume's limits now",
    labelNames,
    collect: () =>
      replicas().map(({ name, qos }) => ({ labels: { server, volume: name }, value: qos.waiting })),
  })
  for (const [name, help, read] of OF_REPLICA) {
    registry.gauge({
      name,
      help,
      labelNames,
      collect: () => open().map((one) => ({ labels: { server, volume: one.name }, value: read(one.status) })),
    })
  }
  const each =
    <About extends { readonly server: string }>(
      list: (status: ReplicaStatus) => readonly About[],
      read: (about: About) => number,
    ) =>
    (): Sample[] =>
      open().flatMap(({ name, status }) =>
        list(status).map((about) => ({
          labels: { server, volume: name, replica: about.server },
          value: read(about),
        })),
      )
  registry.gauge({
    name: 'basalt_lease_remaining_seconds',
    help: 'What is left of the lease of a volume that is led here; it is renewed all the time',
    labelNames,
    collect: () =>
      open().flatMap(({ name, status: { leaseLeftMs } }) =>
        leaseLeftMs === null ? [] : [{ labels: { server, volume: name }, value: leaseLeftMs / 1000 }],
      ),
  })
  registry.histogram({
    name: 'basalt_lease_renewal_margin_seconds',
    help: 'What was left of the lease when it was renewed',
    labelNames,
    collect: () =>
      replicas().map(({ name, times }) => ({ labels: { server, volume: name }, value: times.leaseLeft })),
  })
  const withReplica = [...labelNames, 'replica']
  registry.histogram({
    name: 'basalt_replication_ack_seconds',
    help: 'Time from when a group of entries was sent to a replica until it said that it has them',
    labelNames: withReplica,
    collect: () =>
      replicas().flatMap(({ name, times }) =>
        times.acknowledged.map((one) => ({
          labels: { server, volume: name, replica: one.server },
          value: one.histogram,
        })),
      ),
  })
  registry.gauge({
    name: 'basalt_replication_connected',
    help: '1 while this primary has a connection with a replica',
    labelNames: withReplica,
    collect: each(
      ({ view }) => view.peers,
      ({ isConnected }) => Number(isConnected),
    ),
  })
  for (const [name, help, read] of OF_LAG) {
    registry.gauge({ name, help, labelNames: withReplica, collect: each(({ lags }) => lags, read) })
  }
  for (const [name, help, read] of OF_RESYNC) {
    registry.gauge({ name, help, labelNames: withReplica, collect: each(({ resyncs }) => resyncs, read) })
  }
  registry.counter({
    name: 'basalt_replication_resynced_bytes_total',
    help: 'Content of blocks that resyncs sent from here to other replicas since this one was opened',
    labelNames,
    collect: () =>
      open().map(({ name, status }) => ({ labels: { server, volume: name }, value: status.resyncedBytes })),
  })
}

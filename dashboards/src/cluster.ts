/** The page of the cluster: what it does, whether it is well, and where to look. */
import { health } from './cluster-health.ts'
import { hosts, processes } from './cluster-processes.ts'
import { protection, space } from './cluster-space.ts'
import type { Dashboard, Row } from './grafana.ts'
import { graph, quantiles, rate, top } from './queries.ts'

const load: Row = {
  title: 'Load',
  panels: [
    graph({
      title: 'Operations',
      description: 'Operations of hosts in a second, of all volumes.',
      unit: 'ops',
      isStacked: true,
      queries: ['read', 'write', 'trim', 'flush'].map((kind) => ({
        expr: rate(`basalt_${kind}_ops_total`),
        legend: kind,
      })),
    }),
    graph({
      title: 'Throughput',
      description: 'Bytes that hosts read and write in a second, of all volumes.',
      unit: 'Bps',
      queries: ['read', 'write'].map((kind) => ({ expr: rate(`basalt_${kind}_bytes_total`), legend: kind })),
    }),
    graph({
      title: 'Latency of commands',
      description:
        'From the arrival of a command with its data to its answer. A write waits for its replicas.',
      unit: 's',
      queries: ['read', 'write', 'flush'].flatMap((op) =>
        quantiles(`basalt_command_seconds{op="${op}"}`, '', op),
      ),
    }),
    graph({
      title: 'Busiest volumes',
      description: 'Reads and writes in a second of the ten volumes with the most of them.',
      unit: 'ops',
      queries: [
        {
          expr: top(
            10,
            'sum by (volume) (rate(basalt_read_ops_total[$__rate_interval]) + rate(basalt_write_ops_total[$__rate_interval]))',
          ),
          legend: '{{volume}}',
        },
      ],
    }),
    graph({
      title: 'Operations held back by limits',
      description:
        'Operations in a second that waited for the limits of their volume, or were refused for them.',
      unit: 'ops',
      queries: [
        { expr: rate('basalt_qos_throttled_operations_total'), legend: 'waited' },
        { expr: rate('basalt_qos_refused_operations_total'), legend: 'refused' },
      ],
    }),
    graph({
      title: 'Busiest servers',
      description: 'Bytes that hosts read and write in a second, by the server that leads.',
      unit: 'Bps',
      queries: [
        {
          expr: top(
            10,
            'sum by (server) (rate(basalt_read_bytes_total[$__rate_interval]) + rate(basalt_write_bytes_total[$__rate_interval]))',
          ),
          legend: '{{server}}',
        },
      ],
    }),
  ],
}

const replication: Row = {
  title: 'Replication',
  panels: [
    graph({
      title: 'Replication lag',
      description:
        'Age of the oldest log entry that a replica has not acknowledged. Near 0 but for replicas that catch up.',
      unit: 's',
      thresholds: [[10, 'red']],
      queries: [{ expr: top(10, 'max by (volume) (basalt_replication_lag_seconds)'), legend: '{{volume}}' }],
    }),
    graph({
      title: 'Acknowledgement by replicas',
      description: 'From when entries are sent to a replica until it has them. Writes wait for this.',
      unit: 's',
      queries: quantiles('basalt_replication_ack_seconds'),
    }),
    graph({
      title: 'Resyncs',
      description: 'How far each resync is; nothing while none is under way.',
      unit: 'percentunit',
      max: 1,
      queries: [
        {
          expr: 'max by (volume, replica) (basalt_replication_resync_scanned_ratio)',
          legend: '{{volume}} to {{replica}}',
        },
      ],
    }),
    graph({
      title: 'Resync traffic',
      description: 'Content of blocks that resyncs send in a second.',
      unit: 'Bps',
      queries: [{ expr: rate('basalt_replication_resynced_bytes_total', 'server'), legend: '{{server}}' }],
    }),
    graph({
      title: 'Lease left at renewal',
      description:
        'What is left of a lease of 3 s when it is renewed: the slowest one in a hundred. Below 0.5 s hosts may soon wait.',
      unit: 's',
      max: 3,
      queries: [
        {
          expr: 'histogram_quantile(0.01, sum by (le) (rate(basalt_lease_renewal_margin_seconds_bucket[$__rate_interval])))',
          legend: 'p1',
        },
        { expr: 'min(basalt_lease_remaining_seconds)', legend: 'least at this moment' },
      ],
    }),
    graph({
      title: 'Promotions',
      description: 'Promotions within 15 minutes; failovers are those because a primary was lost.',
      unit: 'short',
      queries: [
        { expr: 'sum(increase(basalt_master_promotions_total[15m]))', legend: 'promotions' },
        { expr: 'sum(increase(basalt_master_failovers_total[15m]))', legend: 'failovers' },
      ],
    }),
  ],
}

const log: Row = {
  title: 'Log',
  panels: [
    graph({
      title: 'Log in use',
      description:
        'The fullest logs. Flushing begins at 60 %, writes are delayed from 80 % on, and wait at 95 %.',
      unit: 'percentunit',
      max: 1,
      thresholds: [
        [0.8, 'orange'],
        [0.95, 'red'],
      ],
      queries: [
        {
          expr: top(10, 'max by (volume) (basalt_log_used_bytes / basalt_log_size_bytes)'),
          legend: '{{volume}}',
        },
      ],
    }),
    graph({
      title: 'Writes held back by the log',
      description:
        'Writes in a second that were delayed because the log was filling, waited because it was full, or were refused after that.',
      unit: 'ops',
      queries: [
        { expr: rate('basalt_admission_soft_waits_total'), legend: 'delayed' },
        { expr: rate('basalt_admission_hard_waits_total'), legend: 'waited' },
        { expr: rate('basalt_admission_refused_total'), legend: 'refused' },
      ],
    }),
    graph({
      title: 'fdatasync of the log',
      description: 'Time of each fdatasync: what the disks of the logs take.',
      unit: 's',
      queries: quantiles('basalt_log_sync_seconds'),
    }),
    graph({
      title: 'Age of checkpoints',
      description:
        'How long entries wait for a checkpoint, on whichever server it is longest; 0 while none waits.',
      unit: 's',
      queries: [{ expr: top(10, 'max by (volume) (basalt_checkpoint_age_seconds)'), legend: '{{volume}}' }],
    }),
    graph({
      title: 'Written to disks',
      description: 'Bytes in a second that servers write: the log, and what the flusher moves out of it.',
      unit: 'Bps',
      queries: [
        { expr: rate('basalt_log_bytes_total'), legend: 'log' },
        { expr: rate('basalt_flusher_extent_bytes_total'), legend: 'extents' },
        { expr: rate('basalt_flusher_metadata_bytes_total'), legend: 'map and other metadata' },
      ],
    }),
    graph({
      title: 'Checkpoints, and flushers that cannot go on',
      description:
        'Checkpoints in a second, and replicas whose flusher is stuck: a full disk, a damaged entry.',
      unit: 'short',
      queries: [
        { expr: rate('basalt_checkpoints_total'), legend: 'checkpoints' },
        { expr: 'sum(basalt_flusher_stalled)', legend: 'stuck' },
      ],
    }),
  ],
}

export const CLUSTER: Dashboard = {
  uid: 'basalt-cluster',
  title: 'Basalt / Cluster',
  description: 'What a Basalt cluster does, whether it is well, and where to look.',
  variables: [],
  links: [{ title: 'A volume', uid: 'basalt-volume' }],
  rows: [health, load, replication, log, space, protection, hosts, processes],
}

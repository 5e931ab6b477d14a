/** The page of one volume: all of its replicas, on whichever servers they are. */
import type { Dashboard, Row } from './grafana.ts'
import { figure, graph, NONE_IS_GOOD, OF, quantiles, rate } from './queries.ts'
import { log, replication } from './volume-log.ts'

const of = (labels: string): string => `{volume="$volume",${labels}}`

const state: Row = {
  title: 'State',
  panels: [
    figure({
      title: 'Health',
      description: 'What the master says of the volume.',
      unit: 'short',
      expr: `sum by (health) (basalt_master_volume_health${OF}) > 0`,
      legend: '{{health}}',
    }),
    figure({
      title: 'Served',
      description: 'Whether hosts can use it.',
      unit: 'bool_yes_no',
      expr: `max(basalt_master_volume_serving${OF})`,
      thresholds: [[1, 'green']],
      isBadBelow: true,
    }),
    figure({
      title: 'Replicas in sync',
      description: 'Replicas that have everything that was acknowledged.',
      unit: 'short',
      expr: `max(basalt_master_volume_in_sync_replicas${OF})`,
      thresholds: [[2, 'green']],
      isBadBelow: true,
    }),
    figure({
      title: 'Led by',
      description: 'The server that leads it, and serves its hosts.',
      unit: 'short',
      expr: `sum by (instance) (basalt_replication_leading${OF}) > 0`,
      legend: '{{instance}}',
    }),
    figure({
      title: 'Size',
      description: 'As hosts see it.',
      unit: 'bytes',
      expr: `max(basalt_volume_size_bytes${OF})`,
    }),
    figure({
      title: 'Sessions',
      description: 'iSCSI sessions and NVMe controllers of hosts.',
      unit: 'short',
      expr: `sum(basalt_iscsi_sessions${OF}) + sum(basalt_nvme_sessions${OF})`,
    }),
    figure({
      title: 'Epoch',
      description: 'It is one higher with each promotion.',
      unit: 'short',
      expr: `max(basalt_replication_sealed_epoch${OF})`,
    }),
    figure({
      title: 'Replicas that are not open',
      description: 'They failed and are opened again from disk.',
      unit: 'short',
      expr: `count(basalt_replication_open${OF} == 0) or vector(0)`,
      thresholds: NONE_IS_GOOD,
    }),
    figure({
      title: 'Replicas that do not count',
      description: 'They are resynced, or may lack something: none of them may lead.',
      unit: 'short',
      expr: `count(basalt_replication_sound${OF} == 0) or vector(0)`,
      thresholds: NONE_IS_GOOD,
    }),
    figure({
      title: 'Bad blocks',
      description:
        'Blocks that fail their checksum and could not be repaired, on whichever replica there are most.',
      unit: 'short',
      expr: `max(basalt_scrub_errors${OF})`,
      thresholds: NONE_IS_GOOD,
    }),
    figure({
      title: 'Snapshots',
      description: 'Snapshots of the volume.',
      unit: 'short',
      expr: `max(basalt_snapshots${OF})`,
    }),
    figure({
      title: 'Lease left',
      description:
        'Until when the server that leads may serve, unless the lease is renewed, which happens twice a second.',
      unit: 's',
      expr: `min(basalt_lease_remaining_seconds${OF})`,
      thresholds: [[0.5, 'green']],
      isBadBelow: true,
    }),
  ],
}

const load: Row = {
  title: 'Load',
  panels: [
    graph({
      title: 'Operations',
      description: 'Operations of hosts in a second.',
      unit: 'ops',
      isStacked: true,
      queries: ['read', 'write', 'trim', 'flush'].map((kind) => ({
        expr: rate(`basalt_${kind}_ops_total${OF}`),
        legend: kind,
      })),
    }),
    graph({
      title: 'Throughput',
      description: 'Bytes that hosts read, write and trim in a second.',
      unit: 'Bps',
      queries: ['read', 'write', 'trim'].map((kind) => ({
        expr: rate(`basalt_${kind}_bytes_total${OF}`),
        legend: kind,
      })),
    }),
    graph({
      title: 'Limits',
      description:
        'Operations in a second that waited for the limits of the volume, or were refused; and how many wait now.',
      unit: 'ops',
      queries: [
        { expr: rate(`basalt_qos_throttled_operations_total${OF}`), legend: 'waited' },
        { expr: rate(`basalt_qos_refused_operations_total${OF}`), legend: 'refused' },
        { expr: `sum(basalt_qos_waiting_operations${OF})`, legend: 'wait now' },
      ],
    }),
    ...(['read', 'write', 'flush'] as const).map((op) =>
      graph({
        title: `Latency of ${op}s`.replace('flushs', 'flushes'),
        description: 'From the arrival of a command with its data to its answer.',
        unit: 's',
        queries: quantiles(`basalt_command_seconds${of(`op="${op}"`)}`),
      }),
    ),
  ],
}

const space: Row = {
  title: 'Space and protection',
  panels: [
    graph({
      title: 'Space on the disks',
      description: 'By what it is for, on all servers together.',
      unit: 'bytes',
      isStacked: true,
      queries: [{ expr: `sum by (part) (basalt_volume_used_bytes${OF})`, legend: '{{part}}' }],
    }),
    graph({
      title: 'Kept for snapshots',
      description: 'What is preserved for snapshots, and what of it is about to be given back, by server.',
      unit: 'bytes',
      queries: [
        { expr: `basalt_preserved_bytes${OF}`, legend: 'preserved {{instance}}' },
        { expr: `basalt_reclaimable_bytes${OF}`, legend: 'reclaimable {{instance}}' },
      ],
    }),
    graph({
      title: 'Age of the backup',
      description: 'How old what the newest complete backup holds is.',
      unit: 's',
      queries: [
        {
          expr: `time() - max by (repository) (basalt_master_backup_last_seconds${OF})`,
          legend: '{{repository}}',
        },
      ],
    }),
    graph({
      title: 'Scrub',
      description: 'Part that this or the last scrub has verified, by server.',
      unit: 'percentunit',
      max: 1,
      queries: [{ expr: `basalt_scrub_verified_ratio${OF}`, legend: '{{instance}}' }],
    }),
    graph({
      title: 'Damage found and repaired',
      description: 'Blocks in a second that failed their checksum, and that were repaired from another copy.',
      unit: 'short',
      queries: [
        { expr: rate(`basalt_checksum_errors_total${OF}`), legend: 'failed' },
        { expr: rate(`basalt_blocks_repaired_total${OF}`), legend: 'repaired' },
      ],
    }),
    graph({
      title: 'Clone',
      description: 'Part of a clone that is filled; 1 of a volume that is none.',
      unit: 'percentunit',
      max: 1,
      queries: [{ expr: `basalt_clone_filled_ratio${OF}`, legend: '{{instance}}' }],
    }),
  ],
}

export const VOLUME: Dashboard = {
  uid: 'basalt-volume',
  title: 'Basalt / Volume',
  description: 'What one volume of a Basalt cluster does, on all the servers that have a replica of it.',
  variables: [
    { name: 'volume', label: 'Volume', query: 'label_values(basalt_master_volume_serving, volume)' },
  ],
  links: [{ title: 'The cluster', uid: 'basalt-cluster' }],
  rows: [state, load, replication, log, space],
}

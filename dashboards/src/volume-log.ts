/** The log of one volume, and how it comes to the replicas. */
import type { Row } from './grafana.ts'
import { graph, OF, quantiles, rate } from './queries.ts'

export const replication: Row = {
  title: 'Replication',
  panels: [
    graph({
      title: 'Lag',
      description: 'Age of the oldest log entry that a replica has not acknowledged.',
      unit: 's',
      thresholds: [[10, 'red']],
      queries: [{ expr: `max by (replica) (basalt_replication_lag_seconds${OF})`, legend: '{{replica}}' }],
    }),
    graph({
      title: 'Lag in bytes',
      description: 'Bytes of log that a replica has not acknowledged.',
      unit: 'bytes',
      queries: [{ expr: `max by (replica) (basalt_replication_lag_bytes${OF})`, legend: '{{replica}}' }],
    }),
    graph({
      title: 'Lag in entries',
      description: 'Log entries that a replica has not acknowledged.',
      unit: 'short',
      queries: [{ expr: `max by (replica) (basalt_replication_lag_entries${OF})`, legend: '{{replica}}' }],
    }),
    graph({
      title: 'Acknowledgement',
      description: 'From when entries are sent to a replica until it has them.',
      unit: 's',
      queries: quantiles(`basalt_replication_ack_seconds${OF}`, 'replica', '{{replica}}'),
    }),
    graph({
      title: 'Connections',
      description: '1 while the server that leads has a connection with the replica.',
      unit: 'short',
      max: 1,
      queries: [{ expr: `max by (replica) (basalt_replication_connected${OF})`, legend: '{{replica}}' }],
    }),
    graph({
      title: 'Resync',
      description: 'How far the resync of a replica is; nothing while none is under way.',
      unit: 'percentunit',
      max: 1,
      queries: [
        { expr: `max by (replica) (basalt_replication_resync_scanned_ratio${OF})`, legend: '{{replica}}' },
      ],
    }),
  ],
}

export const log: Row = {
  title: 'Log and flusher',
  panels: [
    graph({
      title: 'Log in use',
      description: 'By server. Flushing begins at 60 %, writes are delayed from 80 % on, and wait at 95 %.',
      unit: 'percentunit',
      max: 1,
      thresholds: [
        [0.8, 'orange'],
        [0.95, 'red'],
      ],
      queries: [{ expr: `basalt_log_used_bytes${OF} / basalt_log_size_bytes${OF}`, legend: '{{instance}}' }],
    }),
    graph({
      title: 'Pressure',
      description: '0 normal, 1 writes are delayed, 2 writes wait.',
      unit: 'short',
      max: 2,
      queries: [{ expr: `basalt_log_pressure${OF}`, legend: '{{instance}}' }],
    }),
    graph({
      title: 'Writes held back',
      description: 'Writes in a second that were delayed, waited for room, or were refused after that.',
      unit: 'ops',
      queries: [
        { expr: rate(`basalt_admission_soft_waits_total${OF}`), legend: 'delayed' },
        { expr: rate(`basalt_admission_hard_waits_total${OF}`), legend: 'waited' },
        { expr: rate(`basalt_admission_refused_total${OF}`), legend: 'refused' },
      ],
    }),
    graph({
      title: 'fdatasync of the log',
      description: 'Time of each fdatasync, by server.',
      unit: 's',
      queries: quantiles(`basalt_log_sync_seconds${OF}`, 'instance', '{{instance}}'),
    }),
    graph({
      title: 'Age of the checkpoint',
      description: 'How long entries wait for a checkpoint, by server; 0 while none waits.',
      unit: 's',
      queries: [{ expr: `basalt_checkpoint_age_seconds${OF}`, legend: '{{instance}}' }],
    }),
    graph({
      title: 'Blocks only in the log',
      description: 'Blocks of 4 KiB whose newest version waits to be flushed, by server.',
      unit: 'short',
      queries: [{ expr: `basalt_dirty_blocks${OF}`, legend: '{{instance}}' }],
    }),
    graph({
      title: 'Entries not yet durable, not yet flushed',
      description: 'Log entries behind the durable LSN and behind the checkpoint, by server.',
      unit: 'short',
      queries: [
        { expr: `basalt_appended_lsn${OF} - basalt_durable_lsn${OF}`, legend: 'not durable {{instance}}' },
        { expr: `basalt_appended_lsn${OF} - basalt_checkpoint_lsn${OF}`, legend: 'not flushed {{instance}}' },
      ],
    }),
    graph({
      title: 'Written to disks',
      description: 'Bytes in a second, on all servers together.',
      unit: 'Bps',
      queries: [
        { expr: rate(`basalt_log_bytes_total${OF}`), legend: 'log' },
        { expr: rate(`basalt_flusher_extent_bytes_total${OF}`), legend: 'extents' },
        { expr: rate(`basalt_flusher_metadata_bytes_total${OF}`), legend: 'map and other metadata' },
      ],
    }),
  ],
}

/** Space, and how well what is in it is kept. */
import type { Row } from './grafana.ts'
import { graph, list, rate, top } from './queries.ts'

export const space: Row = {
  title: 'Space',
  panels: [
    graph({
      title: 'Disks in use',
      description: "Part of each server's file system that is in use. Writes are refused before it is full.",
      unit: 'percentunit',
      max: 1,
      thresholds: [
        [0.9, 'orange'],
        [0.97, 'red'],
      ],
      queries: [
        {
          expr: '1 - basalt_server_disk_free_bytes / basalt_server_disk_size_bytes',
          legend: '{{instance}} {{directory}}',
        },
      ],
    }),
    graph({
      title: 'Space of volumes',
      description: 'What volumes take on the disks of all servers, by what it is for.',
      unit: 'bytes',
      isStacked: true,
      queries: [{ expr: 'sum by (part) (basalt_volume_used_bytes)', legend: '{{part}}' }],
    }),
    graph({
      title: 'Kept for snapshots',
      description: 'What is preserved for snapshots, and what of it is about to be given back.',
      unit: 'bytes',
      queries: [
        { expr: 'sum(basalt_preserved_bytes)', legend: 'preserved' },
        { expr: 'sum(basalt_reclaimable_bytes)', legend: 'reclaimable' },
      ],
    }),
    graph({
      title: 'Capacity of the cluster',
      description: 'Space of all disks, what is free, and what all replicas would take if they were full.',
      unit: 'bytes',
      queries: [
        { expr: 'max(basalt_master_capacity_bytes)', legend: 'capacity' },
        { expr: 'max(basalt_master_free_bytes)', legend: 'free' },
        { expr: 'max(basalt_master_allocated_bytes)', legend: 'sizes of replicas' },
      ],
    }),
    graph({
      title: 'Largest volumes',
      description: 'What the ten volumes that take most take on all servers together.',
      unit: 'bytes',
      queries: [{ expr: top(10, 'sum by (volume) (basalt_volume_used_bytes)'), legend: '{{volume}}' }],
    }),
    graph({
      title: 'Snapshots',
      description: 'Snapshots of all volumes by state; lost ones are gone with writes that a promotion lost.',
      unit: 'short',
      queries: [{ expr: 'sum by (state) (basalt_master_snapshots)', legend: '{{state}}' }],
    }),
  ],
}

export const protection: Row = {
  title: 'Protection',
  panels: [
    graph({
      title: 'Age of backups',
      description: 'How old what the newest complete backup holds is, of the volumes that have any.',
      unit: 's',
      queries: [
        {
          expr: top(10, 'time() - max by (volume, repository) (basalt_master_backup_last_seconds)'),
          legend: '{{volume}} in {{repository}}',
        },
      ],
    }),
    graph({
      title: 'Schedules that are late',
      description: 'How long a run of a schedule is due that has not ended.',
      unit: 's',
      queries: [{ expr: 'max by (schedule) (basalt_master_schedule_late_seconds)', legend: '{{schedule}}' }],
    }),
    graph({
      title: 'Tasks and jobs',
      description:
        'Backups, restores, scrubs and fills under way at servers, and jobs of the master that have not ended.',
      unit: 'short',
      queries: [
        { expr: 'sum by (kind) (basalt_tasks_running)', legend: 'task {{kind}}' },
        { expr: 'sum by (kind) (basalt_master_jobs{state="running"})', legend: 'job {{kind}}' },
      ],
    }),
    graph({
      title: 'Age of scrubs',
      description: 'Since the last scrub of a replica ended. Each is verified once a week.',
      unit: 's',
      queries: [
        {
          expr: top(10, 'max by (volume) (time() - (basalt_scrub_last_end_timestamp_seconds > 0))'),
          legend: '{{volume}}',
        },
      ],
    }),
    graph({
      title: 'Damage found and repaired',
      description: 'Blocks in a second that failed their checksum, and that were repaired from another copy.',
      unit: 'short',
      thresholds: [[0.001, 'red']],
      queries: [
        { expr: rate('basalt_checksum_errors_total'), legend: 'failed' },
        { expr: rate('basalt_blocks_repaired_total'), legend: 'repaired' },
      ],
    }),
    list({
      title: 'Last scrubs',
      description: 'Bad blocks that the last scrub of each volume found, on all its replicas; 0 is good.',
      unit: 'short',
      width: 8,
      expr: 'max by (volume) (basalt_master_scrub_errors)',
    }),
  ],
}

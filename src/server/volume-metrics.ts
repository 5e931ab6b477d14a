/**
 * Metrics of the volumes on this server, `basalt_*` in base units, labelled with server and volume. They are read
 * from the volumes' own counters when somebody scrapes, one snapshot for all. `docs/metrics.md` lists them; a
 * test compares.
 */
import { isBlockError } from '../base/errors.ts'
import type { SpaceReport, VolumeCounters } from '../blockvol/api.ts'
import type { MetricsRegistry, Sample } from '../metrics/registry.ts'
import { COMMAND_KINDS, type VolumeHost, type VolumeView } from './volume-host.ts'

interface Snapshot {
  readonly view: VolumeView
  readonly space: SpaceReport | undefined
}

const COUNTERS: readonly (readonly [name: string, field: keyof VolumeCounters, help: string])[] = [
  ['basalt_read_ops_total', 'reads', 'Reads'],
  ['basalt_read_bytes_total', 'readBytes', 'Bytes read'],
  ['basalt_write_ops_total', 'writes', 'Writes'],
  ['basalt_write_bytes_total', 'writeBytes', 'Bytes written'],
  ['basalt_trim_ops_total', 'trims', 'Trims and writes of zeros'],
  ['basalt_trim_bytes_total', 'trimBytes', 'Bytes trimmed or written as zeros'],
  ['basalt_flush_ops_total', 'flushes', 'Flushes'],
  [
    'basalt_log_syncs_total',
    'logSyncs',
    'fdatasync calls on the log; fewer than flushes when they are grouped',
  ],
  ['basalt_log_appends_total', 'logAppends', 'Appends to the log, each with all writes that were waiting'],
  ['basalt_log_bytes_total', 'logBytes', 'Bytes appended to the log'],
  ['basalt_flusher_extent_bytes_total', 'extentBytes', 'Bytes that the flusher wrote to extents'],
  [
    'basalt_flusher_metadata_bytes_total',
    'metadataBytes',
    'Bytes that the flusher wrote to map, maxima, state and superblock',
  ],
  ['basalt_checkpoints_total', 'checkpoints', 'Checkpoints'],
  ['basalt_admission_soft_waits_total', 'softWaits', 'Writes delayed because the log was filling'],
  ['basalt_admission_hard_waits_total', 'hardWaits', 'Writes that waited because the log was full'],
  [
    'basalt_admission_refused_total',
    'refusedWrites',
    'Writes that waited as long as they may, and were answered BUSY',
  ],
  ['basalt_checksum_errors_total', 'checksumErrors', 'Blocks or map sectors that failed their checksum'],
  ['basalt_blocks_repaired_total', 'blocksRepaired', 'Blocks repaired from another copy'],
]

const GAUGES: readonly (readonly [name: string, help: string, read: (view: VolumeView) => number])[] = [
  ['basalt_volume_serving', '1 while hosts can use the volume', ({ state }) => Number(state === 'serving')],
  [
    'basalt_volume_healthy',
    '1 while the volume is healthy',
    ({ status }) => Number(status.health === 'healthy'),
  ],
  [
    'basalt_volume_poisoned',
    '1 while the volume acknowledges nothing because its disk failed, until it is reopened',
    ({ status }) => Number(status.health === 'poisoned'),
  ],
  ['basalt_volume_size_bytes', 'Size of the volume', ({ status }) => status.sizeBytes],
  ['basalt_epoch', 'Epoch; one higher at each opening', ({ status }) => status.epoch.number],
  ['basalt_appended_lsn', 'Last log entry appended', ({ status }) => status.appendedLsn],
  ['basalt_commit_lsn', 'Last log entry committed', ({ status }) => status.commitLsn],
  ['basalt_durable_lsn', 'Last log entry known durable', ({ status }) => status.durableLsn],
  ['basalt_checkpoint_lsn', 'Last log entry that is in the extents', ({ status }) => status.checkpointLsn],
  [
    'basalt_checkpoint_age_seconds',
    'How long entries wait for a checkpoint: since the last one, or the first entry after it; 0 while none waits',
    ({ status }) => status.checkpointAgeMs / 1000,
  ],
  [
    'basalt_flusher_stalled',
    '1 while the flusher cannot move the log into the extents, and tries again',
    ({ status }) => Number(status.isFlusherStalled),
  ],
  ['basalt_log_size_bytes', 'Size of the log', ({ status }) => status.log.sizeBytes],
  ['basalt_log_used_bytes', 'Log in use', ({ status }) => status.log.usedBytes],
  [
    'basalt_dirty_blocks',
    'Blocks of 4 KiB whose newest version is only in the log',
    ({ status }) => status.dirtyBlocks,
  ],
  [
    'basalt_log_pressure',
    '0 normal, 1 writes are delayed, 2 writes wait',
    ({ status }) => ['normal', 'soft', 'hard'].indexOf(status.pressure),
  ],
  ['basalt_scrub_running', '1 while a scrub runs', ({ status }) => Number(status.scrub.running)],
  [
    'basalt_scrub_verified_ratio',
    'Part of the volume that this or the last scrub has verified',
    ({ status: { scrub } }) =>
      scrub.totalBytes === 0 ? 0 : Math.min(1, scrub.verifiedBytes / scrub.totalBytes),
  ],
  ['basalt_scrub_errors', 'Bad blocks of this or the last scrub', ({ status }) => status.scrub.errors],
  [
    'basalt_scrub_last_end_timestamp_seconds',
    'When the last scrub ended, in seconds since 1970; 0 before the first',
    ({ status }) => (status.scrub.lastPassEndedWallMs ?? 0) / 1000,
  ],
  [
    'basalt_preserved_bytes',
    'What is kept on the disk for snapshots',
    ({ status }) => status.preserved.dataBytes,
  ],
  [
    'basalt_reclaimable_bytes',
    'What of it no snapshot sees any more, and is about to be given back',
    ({ status }) => status.preserved.freeingBytes,
  ],
  ['basalt_iscsi_sessions', 'iSCSI sessions', ({ iscsi }) => iscsi.sessions.length],
  [
    'basalt_nvme_sessions',
    'NVMe controllers that hosts are connected to',
    ({ nvme }) => nvme.sessions.length,
  ],
]

const SPACE: readonly (readonly [part: string, field: keyof SpaceReport])[] = [
  ['extents', 'extentsBytes'],
  ['map', 'mapBytes'],
  ['log', 'logBytes'],
  ['versions', 'versionsBytes'],
  ['other', 'otherBytes'],
]

/** Adds them to `registry`; `server` is the server's id. */
export function addVolumeMetrics(
  registry: MetricsRegistry,
  host: Pick<VolumeHost, 'list' | 'space'>,
  server: string,
): void {
  let snapshots: readonly Snapshot[] = []
  registry.beforeScrape(async () => {
    snapshots = await Promise.all(
      host.list().map(async (view) => ({ view, space: await spaceOf(host, view.name) })),
    )
  })
  const labelNames = ['server', 'volume']
  const each = (read: (snapshot: Snapshot) => number) => (): Sample[] =>
    snapshots.map((snapshot) => ({ labels: { server, volume: snapshot.view.name }, value: read(snapshot) }))

  const spaces = (): { readonly name: string; readonly space: SpaceReport }[] =>
    snapshots.flatMap(({ view, space }) => (space === undefined ? [] : [{ name: view.name, space }]))

  for (const [name, field, help] of COUNTERS) {
    registry.counter({ name, help, labelNames, collect: each(({ view }) => view.status.counters[field]) })
  }
  registry.counter({
    name: 'basalt_volume_reopens_total',
    help: 'How often the volume was reopened because it failed',
    labelNames,
    collect: each(({ view }) => view.reopens),
  })
  registry.counter({
    name: 'basalt_scrub_passes_total',
    help: 'Scrubs that ended',
    labelNames,
    collect: each(({ view }) => view.status.scrub.passes),
  })
  registry.counter({
    name: 'basalt_sessions_begun_total',
    help: 'Sessions of hosts that began, by protocol',
    labelNames: [...labelNames, 'protocol'],
    collect: () =>
      snapshots.flatMap(({ view: { name, iscsi, nvme } }) => [
        { labels: { server, volume: name, protocol: 'iscsi' }, value: iscsi.sessionsBegun },
        { labels: { server, volume: name, protocol: 'nvme' }, value: nvme.sessionsBegun },
      ]),
  })
  for (const [name, help, read] of GAUGES) {
    registry.gauge({ name, help, labelNames, collect: each(({ view }) => read(view)) })
  }
  registry.gauge({
    name: 'basalt_volume_used_bytes',
    help: 'Space on the disk by what it is for; the parts add up to all of it',
    labelNames: [...labelNames, 'part'],
    collect: () =>
      spaces().flatMap(({ name, space }) =>
        SPACE.map(([part, field]) => ({ labels: { server, volume: name, part }, value: space[field] })),
      ),
  })
  registry.gauge({
    name: 'basalt_disk_free_bytes',
    help: "What the volume's file system still has",
    labelNames,
    collect: () =>
      spaces().map(({ name, space }) => ({ labels: { server, volume: name }, value: space.freeBytes })),
  })
  registry.histogram({
    name: 'basalt_command_seconds',
    help: 'Time from the arrival of a command of a front end, with its data, to its answer',
    labelNames: [...labelNames, 'op'],
    collect: () =>
      snapshots.flatMap(({ view }) =>
        COMMAND_KINDS.map((op) => ({
          labels: { server, volume: view.name, op },
          value: view.latency[op].histogram,
        })),
      ),
  })
  registry.histogram({
    name: 'basalt_log_sync_seconds',
    help: 'Time of each fdatasync of the log',
    labelNames,
    collect: () =>
      snapshots.map(({ view }) => ({
        labels: { server, volume: view.name },
        value: view.latency.logSync.histogram,
      })),
  })
}

/** Undefined for a volume that is not open: it has no report. */
async function spaceOf(host: Pick<VolumeHost, 'space'>, name: string): Promise<SpaceReport | undefined> {
  try {
    return await host.space(name)
  } catch (error) {
    if (isBlockError(error)) return undefined
    throw error
  }
}

/** Metrics of each volume, each server, jobs and tokens, read when somebody scrapes. */
import type { MetricsRegistry, Sample } from '../../metrics/registry.ts'
import type { Observed } from '../core/observed.ts'

const SECOND_MS = 1000
const HEALTHS = ['healthy', 'degraded', 'rebuilding', 'unsafe'] as const

export function addObservedMetrics(metrics: MetricsRegistry, observe: () => Observed): void {
  const observed = metrics.oncePerScrape(observe)
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (observed: Observed) => readonly Sample[],
  ): void => metrics.gauge({ name, help, labelNames, collect: () => read(observed()) })

  gauge(
    'basalt_master_volume_health',
    '1 of the health that the volume has, 0 of the others',
    ['volume', 'health'],
    ({ volumes }) =>
      volumes.flatMap((volume) =>
        HEALTHS.map((health) => ({
          labels: { volume: volume.name, health },
          value: Number(volume.health === health),
        })),
      ),
  )
  const ofVolumes = (
    name: string,
    help: string,
    read: (volume: Observed['volumes'][number]) => number,
  ): void =>
    gauge(name, help, ['volume'], ({ volumes }) =>
      volumes.map((volume) => ({ labels: { volume: volume.name }, value: read(volume) })),
    )
  ofVolumes('basalt_master_volume_serving', '1 while hosts are served', ({ isServing }) => Number(isServing))
  ofVolumes('basalt_master_volume_replicas', 'Replicas that the volume has', ({ replicas }) => replicas)
  ofVolumes('basalt_master_volume_in_sync_replicas', 'Replicas in the in-sync set', ({ inSync }) => inSync)

  const ofServers = (
    name: string,
    help: string,
    read: (server: Observed['servers'][number]) => number,
  ): void =>
    gauge(name, help, ['server', 'name'], ({ servers }) =>
      servers.map((server) => ({ labels: { server: server.id, name: server.name }, value: read(server) })),
    )
  ofServers('basalt_master_server_connected', '1 while the server has a stream here', ({ isConnected }) =>
    Number(isConnected),
  )
  ofServers(
    'basalt_master_server_maintenance',
    '1 while the server is in maintenance, or has left',
    ({ isInMaintenance }) => Number(isInMaintenance),
  )

  gauge(
    'basalt_master_jobs',
    'Jobs that the registry has, by kind and state',
    ['kind', 'state'],
    ({ jobs }) =>
      jobs.flatMap(({ kind, running, failed }) => [
        { labels: { kind, state: 'running' }, value: running },
        { labels: { kind, state: 'failed' }, value: failed },
      ]),
  )
  gauge(
    'basalt_master_job_oldest_timestamp_seconds',
    'When the oldest job was made that has not ended, in seconds since 1970',
    ['kind'],
    ({ jobs }) => jobs.flatMap(({ kind, oldestAt }) => timeOf({ kind }, oldestAt)),
  )
  gauge(
    'basalt_master_job_last_failed_timestamp_seconds',
    'When a job failed last, in seconds since 1970',
    ['kind'],
    ({ jobs }) => jobs.flatMap(({ kind, lastFailedAt }) => timeOf({ kind }, lastFailedAt)),
  )
  gauge(
    'basalt_master_schedule_late_seconds',
    'How long a run is due that has not ended',
    ['schedule'],
    ({ schedules }) =>
      schedules.map(({ name, lateMs }) => ({ labels: { schedule: name }, value: lateMs / SECOND_MS })),
  )
  gauge(
    'basalt_master_token_expiry_timestamp_seconds',
    'When a token ends, in seconds since 1970; of those that end some day',
    ['token', 'role'],
    ({ tokens }) => tokens.flatMap(({ name, role, expiresAt }) => timeOf({ token: name, role }, expiresAt)),
  )
}

const timeOf = (labels: Sample['labels'], atMs: number | null): readonly Sample[] =>
  atMs === null ? [] : [{ labels, value: atMs / SECOND_MS }]

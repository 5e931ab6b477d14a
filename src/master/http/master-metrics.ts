/** Metrics of a master, read when somebody scrapes; only events are counted as they come. */
import type { LatencyRecorder } from '../../metrics/latency-recorder.ts'
import type { MetricsRegistry, Sample } from '../../metrics/registry.ts'
import type { Observed } from '../core/observed.ts'
import type { ClusterView, MasterApi } from '../master-api.ts'
import type { EventRecord } from '../records.ts'
import { addObservedMetrics } from './observed-metrics.ts'
import { addProtectionMetrics } from './protection-metrics.ts'

/** What is asked of it. */
export type MeasuredApi = Pick<MasterApi, 'cluster' | 'protection' | 'subscribe'>

/** What the master's own API does not tell: of its registry, and of the streams that servers hold open. */
export interface MasterProcess {
  /** Streams of servers that are open now. */
  heartbeatStreams(): number
  readonly registry: RegistryCounts
  observe(): Observed
}
export interface RegistryCounts {
  readonly commits: number
  readonly conflicts: number
  readonly failures: number
  readonly commitSeconds: LatencyRecorder
}

/** Adds them to `metrics`; returns the call that ends the counting of events. */
export function addMasterMetrics(
  metrics: MetricsRegistry,
  api: MeasuredApi,
  process: MasterProcess,
): () => void {
  let cluster: ClusterView | undefined
  metrics.beforeScrape(async () => {
    cluster = api.cluster()
  })
  type Read = (view: ClusterView) => number | readonly Sample[]
  const collect = (read: Read) => (): readonly Sample[] => {
    if (cluster === undefined) return []
    const value = read(cluster)
    return typeof value === 'number' ? [{ labels: {}, value }] : value
  }
  const gauge = (name: string, help: string, labelNames: readonly string[], read: Read): void =>
    metrics.gauge({ name, help, labelNames, collect: collect(read) })
  const counter = (name: string, help: string, read: Read): void =>
    metrics.counter({ name, help, labelNames: [], collect: collect(read) })

  gauge('basalt_master_volumes', 'Volumes by health', ['health'], ({ volumes }) =>
    (['healthy', 'degraded', 'rebuilding', 'unsafe'] as const).map((health) => ({
      labels: { health },
      value: volumes[health],
    })),
  )
  gauge('basalt_master_servers', 'Servers by connection', ['connection'], ({ servers }) => [
    { labels: { connection: 'connected' }, value: servers.connected },
    { labels: { connection: 'lost' }, value: servers.total - servers.connected },
  ])
  gauge(
    'basalt_master_servers_cordoned',
    'Servers that get no new replicas',
    [],
    (view) => view.servers.cordoned,
  )
  gauge('basalt_master_capacity_bytes', "Space of all servers' disks", [], (view) => view.capacityBytes)
  gauge('basalt_master_free_bytes', 'What of it is free', [], (view) => view.freeBytes)
  gauge('basalt_master_allocated_bytes', 'Sizes of all replicas', [], (view) => view.allocatedBytes)
  gauge('basalt_master_locked', '1 while the cluster waits to be recovered', [], ({ lock }) =>
    lock === null ? 0 : 1,
  )
  gauge('basalt_master_promotions_pending', 'Promotions that wait', [], (view) => view.pending.length)
  gauge('basalt_master_registry_seq', 'Sequence number of the last commit', [], (view) => view.registrySeq)
  gauge('basalt_master_jobs_running', 'Jobs that have not ended', [], (view) => view.runningJobs)
  counter('basalt_master_promotions_total', 'Promotions', (view) => view.promotionsTotal)
  counter(
    'basalt_master_failovers_total',
    'Promotions because a primary was lost',
    (view) => view.failoversTotal,
  )
  counter('basalt_master_rebuilds_total', 'Replicas that were rebuilt', (view) => view.rebuildsTotal)
  gauge('basalt_master_heartbeat_streams', 'Streams of servers that are open', [], () =>
    process.heartbeatStreams(),
  )

  addObservedMetrics(metrics, () => process.observe())
  addProtectionMetrics(metrics, api)
  const { registry } = process
  counter('basalt_master_registry_commits_total', 'Transactions of the registry', () => registry.commits)
  counter(
    'basalt_master_registry_conflicts_total',
    'Transactions that another change had overtaken',
    () => registry.conflicts,
  )
  counter('basalt_master_registry_failures_total', 'Transactions that failed', () => registry.failures)
  metrics.histogram({
    name: 'basalt_master_registry_commit_seconds',
    help: 'Time until a transaction was durable',
    labelNames: [],
    collect: () => [{ labels: {}, value: registry.commitSeconds.snapshot() }],
  })
  return addEventCounts(metrics, api)
}

const SEVERITIES = ['info', 'warning', 'error'] as const satisfies readonly EventRecord['severity'][]

function addEventCounts(metrics: MetricsRegistry, api: MeasuredApi): () => void {
  const counts: Record<EventRecord['severity'], number> = { info: 0, warning: 0, error: 0 }
  metrics.counter({
    name: 'basalt_master_events_total',
    help: 'Events recorded since the master started, by severity',
    labelNames: ['severity'],
    collect: () => SEVERITIES.map((severity) => ({ labels: { severity }, value: counts[severity] })),
  })
  return api.subscribe(({ severity }) => {
    counts[severity]++
  })
}

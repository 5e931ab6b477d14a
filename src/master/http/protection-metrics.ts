/** Metrics of snapshots, backups, scrubs and schedules, read when somebody scrapes. */
import type { MetricsRegistry, Sample } from '../../metrics/registry.ts'
import type { MasterApi } from '../master-api.ts'
import type { ProtectionView } from '../snapshot-api.ts'

const SECOND_MS = 1000
const STATES = ['creating', 'ready', 'deleting', 'lost'] as const

export function addProtectionMetrics(metrics: MetricsRegistry, api: Pick<MasterApi, 'protection'>): void {
  let view: ProtectionView | undefined
  metrics.beforeScrape(async () => {
    view = api.protection()
  })
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (view: ProtectionView) => readonly Sample[],
  ): void => metrics.gauge({ name, help, labelNames, collect: () => (view === undefined ? [] : read(view)) })

  gauge('basalt_master_snapshots', 'Snapshots by state', ['state'], ({ snapshots }) =>
    STATES.map((state) => ({ labels: { state }, value: snapshots[state] })),
  )
  gauge('basalt_master_snapshot_bytes', 'What snapshots take at their primaries', [], (now) => [
    { labels: {}, value: now.snapshotBytes },
  ])
  gauge(
    'basalt_master_backup_last_seconds',
    'Time of what the newest complete backup holds, since 1970',
    ['volume', 'repository'],
    ({ backups }) =>
      backups.map(({ volume, repository, at }) => ({
        labels: { volume, repository },
        value: at / SECOND_MS,
      })),
  )
  const ofScrubs = (
    name: string,
    help: string,
    read: (scrub: ProtectionView['scrubs'][number]) => number,
  ): void =>
    gauge(name, help, ['volume'], ({ scrubs }) =>
      scrubs.map((scrub) => ({ labels: { volume: scrub.volume }, value: read(scrub) })),
    )
  ofScrubs(
    'basalt_master_scrub_last_seconds',
    'End of the last scrub, since 1970',
    ({ lastAt }) => lastAt / SECOND_MS,
  )
  ofScrubs('basalt_master_scrub_errors', 'Bad blocks that the last scrub found', ({ errors }) => errors)
  ofScrubs('basalt_master_scrub_repaired', 'Those of them that it repaired', ({ repaired }) => repaired)
  gauge(
    'basalt_master_schedule_last_failed',
    'Volumes that failed in the last run',
    ['schedule'],
    ({ schedules }) => schedules.map(({ schedule, failed }) => ({ labels: { schedule }, value: failed })),
  )
}

/**
 * Metrics of what a server does with the volumes that it leads, beside serving their hosts: snapshots, clones, images, tasks.
 * Read when somebody scrapes. `docs/metrics.md` lists them; a test compares.
 */
import type { LedBeat } from '../master/links.ts'
import type { MetricsRegistry, Sample } from '../metrics/registry.ts'
import type { LeadMeans } from './replica/lead.ts'
import type { ReplicaView } from './replica/replica-view.ts'

type Gauge = readonly [name: string, help: string, read: (led: LedBeat) => number]

const OF_VOLUME: readonly Gauge[] = [
  ['basalt_snapshots', 'Snapshots of a volume that is led here', ({ snapshots }) => snapshots.length],
  [
    'basalt_snapshots_exposed',
    'Snapshots that hosts may log in to here',
    ({ snapshots }) => snapshots.filter(({ isExposed }) => isExposed).length,
  ],
  [
    'basalt_clone_filled_ratio',
    'Part of a clone that was looked through and filled; 1 of every volume that is none',
    ({ origin }) => (origin === null ? 1 : origin.doneBytes / Math.max(1, origin.totalBytes)),
  ],
]

export interface LeadMetricsOptions {
  readonly replicas: () => readonly ReplicaView[]
  readonly means: {
    readonly tasks: Pick<LeadMeans['tasks'], 'counts'>
    readonly tickets: { readonly count: number }
  }
  /** Id of the server. */
  readonly server: string
}

export function addLeadMetrics(
  registry: MetricsRegistry,
  { replicas, means, server }: LeadMetricsOptions,
): void {
  for (const [name, help, read] of OF_VOLUME) {
    registry.gauge({
      name,
      help,
      labelNames: ['server', 'volume'],
      collect: (): Sample[] =>
        replicas().flatMap((one) =>
          one.led === null ? [] : [{ labels: { server, volume: one.name }, value: read(one.led) }],
        ),
    })
  }
  registry.gauge({
    name: 'basalt_images_open',
    help: 'Images of snapshots that other servers read here',
    labelNames: ['server'],
    collect: () => [{ labels: { server }, value: means.tickets.count }],
  })
  registry.gauge({
    name: 'basalt_tasks_running',
    help: 'Tasks that run here, by kind',
    labelNames: ['server', 'kind'],
    collect: () =>
      means.tasks
        .counts()
        .flatMap(({ kind, state, count }) =>
          state === 'running' ? [{ labels: { server, kind }, value: count }] : [],
        ),
  })
  registry.counter({
    name: 'basalt_tasks_ended_total',
    help: 'Tasks that ended here, by kind and by how they ended',
    labelNames: ['server', 'kind', 'state'],
    collect: () =>
      means.tasks
        .counts()
        .flatMap(({ kind, state, count }) =>
          state === 'running' ? [] : [{ labels: { server, kind, state }, value: count }],
        ),
  })
}

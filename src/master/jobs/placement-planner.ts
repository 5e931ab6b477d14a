/** Placement's answers to what jobs and people ask, with the settings of this master. */
import type { LiveCluster } from '../core/live.ts'
import type { RecordsView } from '../core/records-view.ts'
import type { RebalanceMove } from '../master-api.ts'
import { isServing } from '../placement/health.ts'
import type { MoveFacts } from '../placement/moves.ts'
import { placeOneMore } from '../placement/place.ts'
import { planRebalance } from '../placement/rebalance.ts'
import { planReplacements, replacementServers } from '../placement/replace.ts'
import { placementServers } from '../placement/servers.ts'
import type { PlacementSettings } from '../placement/settings.ts'
import type { JobRecord, VolumeRecord } from '../records.ts'
import type { Planner } from './ports.ts'
import { changesReplicas, isOver } from './turns.ts'

/** `startedMs`: when this master began to listen, of the boot clock. */
export const placementPlanner = (settings: PlacementSettings, startedMs: number): Planner => ({
  another(records, live, volume, leaving, except) {
    const servers = placementServers(records, live).filter(({ id }) => !except.includes(id))
    const holding = volume.replicas.map(({ server }) => server)
    const going = volume.replicas.filter(({ state }) => state === 'leaving').map(({ server }) => server)
    const { server, errors } = placeOneMore(
      { ...volume, usedBytes: usedBytesOf(live)(volume) },
      servers,
      { holding, leaving: leaving === null ? going : [...going, leaving] },
      settings,
    )
    if (server !== null) return { kind: 'server', server }
    return { kind: 'none', why: errors[0]?.message ?? 'no server can take one more replica' }
  },
  replacements(records, live, nowMs) {
    const facts = {
      volumes: records.volumes(),
      servers: replacementServers(records, live, { nowMs, startedMs }),
      busy: busyVolumes(records),
      running: records.jobs().filter((job) => job.kind === 'replace' && !isOver(job)).length,
      isServing: (volume: VolumeRecord) => isServing(volume, live),
      usedBytes: usedBytesOf(live),
    }
    return planReplacements(facts, settings).replacements
  },
})

/** The dry run, and the plan. */
export function rebalancePlan(
  records: RecordsView,
  live: LiveCluster,
  settings: PlacementSettings,
): readonly RebalanceMove[] {
  const busy = busyVolumes(records)
  const facts: MoveFacts = {
    servers: placementServers(records, live),
    volumes: records.volumes(),
    isMovable: (volume) => !busy.has(volume.uuid) && isServing(volume, live) && isAllInSync(volume),
    usedBytes: usedBytesOf(live),
  }
  return planRebalance(facts, settings)
}

const isAllInSync = ({ replicas, lead }: VolumeRecord): boolean =>
  replicas.every(({ server, state }) => state === 'ready' && lead.set.members.includes(server))

/** Volumes with a job that changes their replicas. */
const busyVolumes = (records: RecordsView): ReadonlySet<string> =>
  new Set(
    records
      .jobs()
      .flatMap((job) =>
        job.volume === null || isOver(job) || job.kind === 'expand' || isWaitingForReplicas(job)
          ? []
          : [job.volume],
      ),
  )

/** It lacks what a replacement brings. */
const isWaitingForReplicas = (job: JobRecord): boolean => job.kind === 'policy' && !changesReplicas(job)

/** What the fullest of its replicas says that it has on its disk. */
const usedBytesOf =
  (live: LiveCluster) =>
  (volume: VolumeRecord): number =>
    volume.replicas.reduce(
      (most, { server }) => Math.max(most, live.replica(volume.uuid, server)?.usedBytes ?? 0),
      0,
    )

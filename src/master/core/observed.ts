/** The cluster thing by thing, from the records and from what servers say at this moment: for metrics. */
import { isOver } from '../jobs/turns.ts'
import type { Health } from '../master-api.ts'
import { healthOf, isServing } from '../placement/health.ts'
import type { JobRecord } from '../records.ts'
import { lateMs } from '../schedules/due.ts'
import type { LiveCluster } from './live.ts'
import type { RecordsView } from './records-view.ts'

interface ObservedVolume {
  readonly name: string
  readonly health: Health
  /** Hosts are served. */
  readonly isServing: boolean
  /** That it is to have, and that are in sync. */
  readonly replicas: number
  readonly inSync: number
}

interface ObservedServer {
  readonly id: string
  readonly name: string
  readonly isConnected: boolean
  /** Its replicas go elsewhere, or it has left: it is not missed. */
  readonly isInMaintenance: boolean
}

/** Jobs of one kind. Ended ones are those that the registry still has. */
interface ObservedJobs {
  readonly kind: JobRecord['kind']
  readonly running: number
  readonly failed: number
  /** Of those that run, when the oldest was made, wall clock; null when none runs. */
  readonly oldestAt: number | null
  /** When one failed last, wall clock; null when none did. */
  readonly lastFailedAt: number | null
}

export interface Observed {
  readonly volumes: readonly ObservedVolume[]
  readonly servers: readonly ObservedServer[]
  readonly jobs: readonly ObservedJobs[]
  /** How long a run of theirs is due that has not ended. */
  readonly schedules: readonly { readonly name: string; readonly lateMs: number }[]
  /** Those that end some day, wall clock. */
  readonly tokens: readonly { readonly name: string; readonly role: string; readonly expiresAt: number }[]
}

type ObservedRecords = Pick<RecordsView, 'volumes' | 'servers' | 'jobs' | 'schedules' | 'tokens'>

export function observedOf(records: ObservedRecords, live: LiveCluster, nowWallMs: number): Observed {
  return {
    volumes: records.volumes().map((volume) => ({
      name: volume.name,
      health: healthOf(volume, live).health,
      isServing: isServing(volume, live),
      replicas: volume.replicas.length,
      inSync: volume.lead.hasServed ? volume.lead.set.members.length : 0,
    })),
    servers: records.servers().map(({ id, name, state }) => ({
      id,
      name,
      isConnected: live.server(id)?.isConnected === true,
      isInMaintenance: state !== 'active',
    })),
    jobs: jobsOf(records.jobs()),
    schedules: records
      .schedules()
      .map((schedule) => ({ name: schedule.name, lateMs: lateMs(schedule, nowWallMs) })),
    tokens: records
      .tokens()
      .flatMap(({ name, role, expiresAt }) => (expiresAt === null ? [] : [{ name, role, expiresAt }])),
  }
}

function jobsOf(jobs: readonly JobRecord[]): readonly ObservedJobs[] {
  const kinds = Map.groupBy(jobs, ({ kind }) => kind)
  return [...kinds].map(([kind, all]) => {
    const running = all.filter((job) => !isOver(job))
    const failed = all.filter(({ state }) => state === 'failed')
    return {
      kind,
      running: running.length,
      failed: failed.length,
      oldestAt: running.length === 0 ? null : Math.min(...running.map(({ createdAt }) => createdAt)),
      lastFailedAt: failed.length === 0 ? null : Math.max(...failed.map(({ updatedAt }) => updatedAt)),
    }
  })
}

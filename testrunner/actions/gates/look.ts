/** What is seen of a cluster at one moment, for rules that hold in every scenario. */
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { World } from '../action.ts'
import { damageOf } from '../faults/damage.ts'
import { type MetricSample, parseExposition } from '../shared/exposition.ts'

interface DaemonLook {
  readonly name: string
  readonly isRunning: boolean
  /** Those that rules ask for; none when it does not run or did not answer. */
  readonly samples: readonly MetricSample[]
}

export interface Look {
  /** Of the monotonic clock. */
  readonly atMs: number
  /** Harm is on, or a daemon does not run. */
  readonly isDisturbed: boolean
  /** Bytes of a replica's files were changed by a step. */
  readonly isCorrupted: boolean
  readonly daemons: readonly DaemonLook[]
}

export const WATCHED = {
  volumes: 'basalt_master_volumes',
  healthy: 'basalt_volume_healthy',
  scrubErrors: 'basalt_scrub_errors',
  checksumErrors: 'basalt_checksum_errors_total',
  lag: 'basalt_replication_lag_entries',
  connected: 'basalt_replication_connected',
  resyncing: 'basalt_replication_resync_scanned_ratio',
  replicaReopens: 'basalt_replication_reopens_total',
  volumeReopens: 'basalt_volume_reopens_total',
  logSize: 'basalt_log_size_bytes',
  logUsed: 'basalt_log_used_bytes',
} as const

const NAMES: ReadonlySet<string> = new Set(Object.values(WATCHED))

/** Of what /metrics answers. */
export const watchedIn = (exposition: string): readonly MetricSample[] =>
  parseExposition(exposition).filter(({ name }) => NAMES.has(name))

export async function lookAt(world: World, clock: Clock): Promise<Look> {
  const daemons = await Promise.all(
    [...world.cluster.daemons.values()].map(async (daemon): Promise<DaemonLook> => {
      const { name, isRunning } = daemon
      // one that is cut off or stands still tells nothing; that is not for these rules
      const text = isRunning ? await daemon.metrics().catch(() => '') : ''
      return { name, isRunning, samples: watchedIn(text) }
    }),
  )
  return {
    atMs: clock.monotonicMs(),
    isDisturbed: world.harm.isOn || daemons.some(({ isRunning }) => !isRunning),
    isCorrupted: damageOf(world, 'corrupted').size > 0,
    daemons,
  }
}

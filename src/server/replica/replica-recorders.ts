/** How long things of a replica take, over all its openings by this process. */

import type { HistogramSnapshot } from '../../metrics/latency-recorder.ts'
import { LatencyRecorder } from '../../metrics/latency-recorder.ts'
import type { ReplicaMeters } from '../../replication/opening.ts'
import type { ServerId } from '../../v2engine/identity.ts'
import type { LatencyRecorders } from '../latencies.ts'

export interface ReplicaTimes {
  /** Until another replica has what it was sent. */
  readonly acknowledged: readonly { readonly server: ServerId; readonly histogram: HistogramSnapshot }[]
  /** What was left of leases when they were renewed. */
  readonly leaseLeft: HistogramSnapshot
}

export class ReplicaRecorders implements ReplicaMeters {
  readonly logSync: LatencyRecorder
  readonly leaseLeft = new LatencyRecorder()
  /** Servers that ever had a replica of the volume while it was led here: a few. */
  readonly #acknowledged = new Map<ServerId, LatencyRecorder>()

  constructor({ logSync }: Pick<LatencyRecorders, 'logSync'>) {
    this.logSync = logSync
  }

  acknowledged(server: ServerId): LatencyRecorder {
    let recorder = this.#acknowledged.get(server)
    if (recorder === undefined) {
      recorder = new LatencyRecorder()
      this.#acknowledged.set(server, recorder)
    }
    return recorder
  }

  view(): ReplicaTimes {
    return {
      acknowledged: [...this.#acknowledged].map(([server, recorder]) => ({
        server,
        histogram: recorder.snapshot(),
      })),
      leaseLeft: this.leaseLeft.snapshot(),
    }
  }
}

/** A replica as its server sees it: what it asks of an opening, and what it shows of it to others. */

import type { SpaceReport } from '../../blockvol/api.ts'
import type { QosCounters } from '../../frontend/qos/limiter.ts'
import type { LedBeat } from '../../master/links.ts'
import type { ReplicaScrub, ReplicaScrubResult } from '../../replication/scrub.ts'
import type { ReplicaProgress, ReplicaStatus } from '../../replication/status.ts'
import type { AuthorityMessage } from '../../v2engine/messages.ts'
import type { FrontEndsView, LatencyKind, LatencyView } from '../volume-host.ts'
import type { Heartbeat } from './authority-link.ts'
import type { ReplicaTimes } from './replica-recorders.ts'

/** An open replica. */
export interface RunningReplica {
  fromAuthority(message: AuthorityMessage): void
  heartbeat(): Heartbeat
  status(): ReplicaStatus
  progress(): ReplicaProgress
  /** As `Replica.expand`. */
  expand(epoch: number, sizeBytes: number): Promise<void>
  /** As `Replica.scrub`. */
  scrub(epoch: number, request: ReplicaScrub): Promise<ReplicaScrubResult>
  /** As `Replica.forward`. */
  forward(bytes: Uint8Array): Promise<Uint8Array>
  /** Of its device. */
  readonly atomicWriteBytesMax: number
  /** Counted on the disk. */
  space(): Promise<SpaceReport>
  /** Clean when it can be. */
  close(): Promise<void>
  /** Of a volume that failed: nothing of it acts any more. */
  kill(): void
}

/**
 * - `opening`: it is being recovered from disk;
 * - `open`: it takes part;
 * - `waiting`: it failed, and the next attempt comes after a pause;
 * - `closed`: the server is stopping.
 */
export type ReplicaState = 'opening' | 'open' | 'waiting' | 'closed'

export interface ReplicaView extends FrontEndsView {
  readonly volume: string
  readonly name: string
  readonly state: ReplicaState
  /** Hosts are served from it. */
  readonly isServed: boolean
  /** Why it is not open; empty while it is. */
  readonly outage: string | undefined
  readonly reopens: number
  /** URL of a small authority that was heard last; null when none was. */
  readonly authority: string | null
  readonly status: ReplicaStatus | undefined
  /** What its master is told of the volume while it leads; null while it does not. */
  readonly led: LedBeat | null
  readonly latency: Readonly<Record<LatencyKind, LatencyView>>
  readonly times: ReplicaTimes
  /** As it was counted last; undefined before the first time. */
  readonly space: SpaceReport | undefined
  readonly qos: QosCounters
}

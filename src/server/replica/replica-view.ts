/** A replica as its server sees it: what it asks of an opening, and what it shows of it to others. */
import type { VolumeStatus } from '../../blockvol/api.ts'
import type { AuthorityMessage } from '../../v2engine/messages.ts'
import type { ReplicaView as EngineView } from '../../v2engine/view.ts'
import type { CommandKind, LatencyView, VolumeView } from '../volume-host.ts'
import type { Heartbeat } from './authority-client.ts'

/** How far a resync is that this replica sends. */
export interface ResyncView {
  readonly server: string
  readonly base: number
  readonly target: number
  readonly scannedBlocks: number
  readonly sizeBlocks: number
  readonly sentBytes: number
  readonly skippedBytes: number
  /** Undefined before there is enough to judge by. */
  readonly etaMs: number | undefined
}

/** What a member lacks of the primary's log. */
export interface LagView {
  readonly server: string
  readonly entries: number
  readonly bytes: number
  readonly ms: number
}

export interface RunningStatus {
  readonly view: EngineView
  readonly volume: VolumeStatus
  /** Until when hosts are served, in ms of the boot clock; null when they are not. */
  readonly servedUntilMs: number | null
  readonly lags: readonly LagView[]
  readonly resyncs: readonly ResyncView[]
  /** Why nothing is carried out any more; null while it is. */
  readonly failure: string | null
}

/** An open replica. */
export interface RunningReplica {
  fromAuthority(message: AuthorityMessage): void
  heartbeat(): Heartbeat
  status(): RunningStatus
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

export interface ReplicaView {
  readonly volume: string
  readonly name: string
  readonly state: ReplicaState
  /** Hosts are served from it. */
  readonly isServed: boolean
  /** Why it is not open; empty while it is. */
  readonly outage: string | undefined
  readonly reopens: number
  readonly authority: string
  readonly status: RunningStatus | undefined
  readonly iscsi: VolumeView['iscsi']
  readonly latency: Readonly<Record<CommandKind, LatencyView>>
}

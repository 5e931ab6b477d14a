/** What the storage of a replica tells of itself. */
import type { Epoch, Lsn } from '../../base/units.ts'
import type { OpenVolumeOptions } from '../api.ts'

/** From one LSN on the entries are of this epoch. */
export interface HistorySpan {
  readonly epoch: Epoch
  readonly firstLsn: Lsn
}

/** What storage holds. */
export interface ReplicaLocal {
  /** Last LSN in the log. */
  readonly appended: Lsn
  /** Everything up to here is durable. */
  readonly durable: Lsn
  /** Everything up to here is in extents, map and state. */
  readonly checkpoint: Lsn
  /** No entry of map or extents is above, that of a flush under way included. */
  readonly image: Lsn
  /** First LSN that the log still has. */
  readonly retainedFrom: Lsn
  /** Blocks were given up and are not replaced yet. */
  readonly hasUnknown: boolean
}

export interface ReplicaEvents {
  /** `local` has changed; called at most once a turn. */
  progress(): void
  /** A host flushes through `lsn`: to be answered by `flushed` or `refuse`. */
  flushAsked(lsn: Lsn): void
  /** The disk failed: nothing is acknowledged any more. */
  poisoned(reason: string): void
  /** Least format level that the other replicas know, as far as they are connected; that of this program by default. */
  formatLevelMax?(): number
  /** The log is not kept for these any longer. */
  pinsLost(keys: readonly string[]): void
}

export interface OpenReplicaOptions extends OpenVolumeOptions {
  readonly events: ReplicaEvents
  /** Of the resync that these marks say is under way: `copying` when the log began anew for it, and base blocks are missing. */
  readonly resyncPhase: (marks: Uint8Array | undefined) => 'forgetting' | 'copying' | undefined
}

/**
 * What an operator chose for a volume (its durability mode and replica factor), and the bounds of every wait. All times
 * are milliseconds of a clock that goes on while the machine sleeps; none is read here.
 */
import { assert } from '../base/assert.ts'

/**
 * - `sync_all`: every member of the in-sync set has a write before it is acknowledged.
 * - `sync_quorum`: a majority of the replica factor has it, counting in-sync members only.
 * - `best_effort`: the primary has it; a member that lags by more than a bound leaves the set first, so that the loss
 *   of a failover is bounded. The lag is counted in entries and in time; its bytes are for the shell to export.
 */
type Mode =
  | { readonly kind: 'sync_all'; readonly minInSync: number }
  | { readonly kind: 'sync_quorum' }
  | { readonly kind: 'best_effort'; readonly maxLagEntries: number; readonly maxLagMs: number }

export interface Policy {
  readonly mode: Mode
  /** How many replicas the volume is meant to have. */
  readonly replicaFactor: number
}

/** Why no volume can have this policy, in a few words; undefined when one can. */
export function contradictionOf({ replicaFactor, mode }: Policy): string | undefined {
  if (mode.kind === 'sync_all' && mode.minInSync > replicaFactor) {
    return `minInSync ${mode.minInSync} of ${replicaFactor} replicas`
  }
  if (mode.kind === 'sync_quorum' && replicaFactor < 3) {
    return `sync_quorum needs three replicas, not ${replicaFactor}`
  }
  return undefined
}

/** A majority of the replica factor. */
const majority = (replicaFactor: number): number => Math.floor(replicaFactor / 2) + 1

/** How many members of a set of this size must have an entry before it is committed. */
export function votesNeeded(policy: Policy, setSize: number): number {
  assert(setSize >= 1, 'an in-sync set has at least its primary')
  switch (policy.mode.kind) {
    case 'sync_all':
      return setSize
    case 'sync_quorum':
      return majority(policy.replicaFactor)
    case 'best_effort':
      return 1
  }
}

/** Members that the set must have for acknowledgements to hosts; never asked of epoch starts and barriers. */
export function membersToAcknowledge(policy: Policy): number {
  switch (policy.mode.kind) {
    case 'sync_all':
      return policy.mode.minInSync
    case 'sync_quorum':
      return majority(policy.replicaFactor)
    case 'best_effort':
      return 1
  }
}

/** A set that the mode allows: a quorum mode never records a set that could commit nothing. */
export const isSetLargeEnough = (policy: Policy, setSize: number): boolean =>
  setSize >= (policy.mode.kind === 'sync_quorum' ? majority(policy.replicaFactor) : 1)

export interface Bounds {
  /** A grant or a promise holds for so long, counted by who received it from when it asked. */
  readonly leaseMs: number
  /** Added by who gave it, for clocks that drift. */
  readonly marginMs: number
  /** A primary does everything that waits for time at this beat. */
  readonly pulseMs: number
  /** A member that owes an acknowledgement for so long is asked out of the set. */
  readonly owesMs: number
  /** The same for a member that there is no connection with. */
  readonly unreachableMs: number
  /** The same while an epoch starts: no host is served until all members that are waited for have its first entry. */
  readonly startUnreachableMs: number
  /** And for one with which a connection has failed since the epoch began. */
  readonly startRefusedMs: number
  /** Unheard for so long: `slow`, `suspect`, `gone`. */
  readonly slowMs: number
  readonly suspectMs: number
  readonly goneMs: number
  /** A write or flush that is not committed by then is answered BUSY. */
  readonly commitWaitMs: number
  /** For pins, and for a plan to be taken. */
  readonly offerMs: number
  /** A session that makes no progress, or a barrier that is not confirmed, ends after so long. */
  readonly stallMs: number
  /** A question to the registry is asked again after so long. */
  readonly askAgainMs: number
  /** A set change that could not be sent by then is given up. */
  readonly giveUpMs: number
  /** A member that left is not let in again before. */
  readonly rejoinMs: number
  /** Between attempts, doubling from the first to the last. */
  readonly backoffFirstMs: number
  readonly backoffLastMs: number
  /** A planned stop that has not drained by then goes back to serving. */
  readonly stopMs: number
  /** Catch-ups in a row that stalled without progress before the replica is resynced instead. */
  readonly stalledCatchUpsMax: number
}

export const DEFAULT_BOUNDS: Bounds = {
  leaseMs: 3000,
  marginMs: 500,
  pulseMs: 250,
  owesMs: 2000,
  unreachableMs: 1000,
  startUnreachableMs: 300,
  startRefusedMs: 0,
  slowMs: 1000,
  suspectMs: 3000,
  goneMs: 10_000,
  commitWaitMs: 10_000,
  offerMs: 5000,
  stallMs: 10_000,
  askAgainMs: 1000,
  giveUpMs: 5000,
  rejoinMs: 1000,
  backoffFirstMs: 250,
  backoffLastMs: 10_000,
  stopMs: 450,
  stalledCatchUpsMax: 3,
}

/** Wait before attempt `failures` + 1. */
export const backoffMs = (bounds: Bounds, failures: number): number =>
  failures === 0 ? 0 : Math.min(bounds.backoffLastMs, bounds.backoffFirstMs * 2 ** Math.min(failures - 1, 30))

/**
 * What a replica knows of itself: the marks that its superblock keeps, and the facts that its storage reports.
 *
 * Standing of a replica:
 *
 *      sound ──reopened under another boot id, not clean──▶ doubtful ──confirmed barrier, or its epoch start
 *        ▲  ▲                                                          committed after a promotion──▶ sound
 *        │  └──confirmed barrier── damaged ◀──hole in the log, poisoned, below what it reported durable
 *        └─────confirmed barrier── resyncing ◀──plan of a delta resync taken
 *
 * A doubtful replica may lack what it acknowledged. A damaged one does, and never wins a promotion without an operator.
 * A resyncing one has blocks of several moments. None of them counts in any quorum.
 */
import type { Epoch, EpochNumber, Lsn } from '../base/units.ts'
import type { History } from './history.ts'
import type { Opening, ServerId } from './identity.ts'

/** The in-sync set as the registry recorded it. */
export interface SetRecord {
  /** The epoch in which the registry took this set. */
  readonly epoch: EpochNumber
  /** Raised by the registry with each change; never falls. */
  readonly version: number
  readonly members: readonly ServerId[]
}

/**
 * Which of two sets of a volume is the later one: above 0 when `a` is. Of one registry both numbers rise; of two that went
 * apart, such as one that was put back from an old copy and recovered since, the greater epoch says which is in force.
 */
export const compareSets = (
  a: { readonly epoch: number; readonly version: number },
  b: { readonly epoch: number; readonly version: number },
): number => a.epoch - b.epoch || a.version - b.version

/**
 * A delta resync under way. `forgetting`: what lies beyond `common` is being given up; a crash repeats it from the
 * start. `copying`: all of that is done, base blocks and live entries arrive.
 */
export interface ResyncMark {
  readonly phase: 'forgetting' | 'copying'
  /** Durable LSN that this replica may claim until the closing barrier: blocks above it are sent again. */
  readonly base: Lsn
  /** D: nothing above it is of the adopted history. */
  readonly common: Lsn
  /** H0: the log goes on at the next LSN; base blocks end here. */
  readonly target: Lsn
  /** History of the primary, which is now this replica's. */
  readonly history: History
}

export interface Marks {
  /** This opening. */
  readonly opening: Opening
  /** Kernel boot under which it runs: the page cache of another boot is gone. */
  readonly bootId: string
  /** Whatever carries a lower epoch is refused, on every channel. */
  readonly sealed: Epoch
  /** The last epoch that this replica led. It never leads it again, not even after a reopen. */
  readonly served: EpochNumber
  readonly isDoubtful: boolean
  readonly isDamaged: boolean
  readonly resync: ResyncMark | null
  /** The newest set that it heard of; a registry that was lost takes it from here. */
  readonly set: SetRecord | null
}

export interface Standing {
  readonly isDoubtful: boolean
  readonly isDamaged: boolean
  readonly isResyncing: boolean
}

export const SOUND: Standing = { isDoubtful: false, isDamaged: false, isResyncing: false }

export const standingOf = (marks: Marks): Standing => ({
  isDoubtful: marks.isDoubtful,
  isDamaged: marks.isDamaged,
  isResyncing: marks.resync !== null,
})

/** Counts in quorums, and may be promoted. */
export const isSound = (standing: Standing): boolean =>
  !standing.isDoubtful && !standing.isDamaged && !standing.isResyncing

/** What storage holds. Reported by it; the engine never guesses an LSN ahead of a report. */
export interface Local {
  /** Last LSN in the log, in order and without holes. */
  readonly appended: Lsn
  /** Everything up to here is durable; raised only after fdatasync (invariant 6). */
  readonly durable: Lsn
  /** Everything up to here is in extents, map and state. */
  readonly checkpoint: Lsn
  /** No entry of map, extents or versions is above: what a flush under way may have written counts. */
  readonly image: Lsn
  /** S: the first LSN that the log still has. */
  readonly retainedFrom: Lsn
  /** Blocks whose map entry was given up and not replaced yet. */
  readonly hasUnknown: boolean
}

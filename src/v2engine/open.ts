/**
 * Opening a replica: from what its superblock and storage hold to a state that follows nobody. Before the new boot id
 * is durable so is the doubt that follows from it (one write), and whatever a crash left half done is done again.
 */
import { assert } from '../base/assert.ts'
import { type Epoch, epochNumber, type Lsn, lsn } from '../base/units.ts'
import type { Effects } from './effects.ts'
import { type History, trimHistory } from './history.ts'
import type { Opening, ServerId } from './identity.ts'
import { replaceImage } from './local-cuts.ts'
import type { Local, Marks, ResyncMark } from './marks.ts'
import { Outbox } from './outbox.ts'
import type { Bounds } from './policy.ts'
import type { ReplicaState } from './state.ts'

export interface OpenFacts {
  readonly self: ServerId
  readonly bounds: Bounds
  readonly nowMs: number
  readonly opening: Opening
  readonly bootId: string
  /** Marks of the superblock; null in a directory that was just made. */
  readonly stored: Marks | null
  /**
   * Of a directory that was just made for a volume that is older: the registry's epoch when it had it made. Its server
   * may be a member that lost its disk, so it obeys nothing lower, seals nothing before a promise that it may have given
   * has run out, and counts nowhere before a barrier is confirmed. Null when it was made together with the volume.
   */
  readonly madeIn: Epoch | null
  /** The last opening ended with a clean close. */
  readonly wasClean: boolean
  /** The log has a hole, or the last opening was poisoned, or the log ends below its own durable LSN. */
  readonly isDamaged: boolean
  /** After recovery, which fdatasyncs before it reports. */
  readonly local: Local
  /** Storage keeps what shows that everything up to here is committed; never above what it has appended. */
  readonly committed: Lsn
  readonly history: History
}

export function openReplica(facts: OpenFacts): { state: ReplicaState; effects: Effects } {
  const { stored, local, committed } = facts
  assert(facts.self.length > 0, 'a replica knows its server')
  assert(stored === null || facts.opening > stored.opening, 'openings rise')
  assert(local.durable === local.appended, 'recovery makes durable what it found')
  assert(committed <= local.appended, 'what is committed here is in the log')
  const isFirst = stored === null && facts.madeIn === null
  const isSameCache = stored === null || facts.wasClean || stored.bootId === facts.bootId
  const marks: Marks = {
    opening: facts.opening,
    bootId: facts.bootId,
    sealed: stored?.sealed ?? facts.madeIn ?? { number: epochNumber(0), id: 0n },
    served: stored?.served ?? epochNumber(0),
    isDoubtful: (stored?.isDoubtful ?? false) || !isSameCache,
    isDamaged: facts.isDamaged || (stored === null ? facts.madeIn !== null : stored.isDamaged),
    resync: resyncOf(facts),
    set: stored?.set ?? null,
  }
  const state: ReplicaState = {
    self: facts.self,
    bounds: facts.bounds,
    marks,
    local,
    handed: local.appended,
    cut: 0,
    adopted: trimHistory(facts.history, lsn(Math.max(local.appended, local.image))),
    // more is not known until a primary says so
    commit: committed,
    boundUntilMs: isFirst ? facts.nowMs : facts.nowMs + facts.bounds.leaseMs + facts.bounds.marginMs,
    role: { kind: 'following', leader: null },
  }
  const out = new Outbox()
  out.persist.push({ kind: 'marks', marks })
  if (marks.resync?.phase === 'forgetting') replaceImage(state, marks.resync, out)
  return { state, effects: out.effects(null) }
}

/**
 * A log that is damaged where a resync was about to flush what is left of it ends before the base: what is gone has to be
 * sent again, so the base goes down to what is there.
 */
function resyncOf({ stored, local }: OpenFacts): ResyncMark | null {
  const resync = stored?.resync ?? null
  if (resync?.phase !== 'forgetting' || local.durable >= resync.base) return resync
  return { ...resync, base: local.durable }
}

/**
 * Epoch histories: which epoch wrote which LSNs. Two replicas that name the same span (number, id and first LSN) have
 * the same entries up to it, because a primary gives a span only to who has everything before it. So the last LSN that
 * two replicas share follows from their histories and their ends alone, without a look at the entries.
 */
import { assert } from '../base/assert.ts'
import { type Epoch, type EpochNumber, epochNumber, type Lsn, lsn } from '../base/units.ts'
import { sameEpoch } from './identity.ts'

/** One epoch's part of the log: from its start entry to the LSN before the next span. */
export interface EpochSpan {
  readonly epoch: Epoch
  readonly firstLsn: Lsn
}
/** Oldest first. The oldest spans may have been forgotten. */
export type History = readonly EpochSpan[]

/** More are forgotten, oldest first; who shares none of what is left is resynced from the start. */
const SPANS_MAX = 4096

/** The spans of which an entry exists at or below `end`. */
export const trimHistory = (history: History, end: Lsn): History =>
  history.filter((span) => span.firstLsn <= end)

/** Epoch of the entry at `end`, 0 of a log without entries. */
export const epochAt = (history: History, end: Lsn): EpochNumber =>
  trimHistory(history, end).at(-1)?.epoch.number ?? epochNumber(0)

export function appendSpan(history: History, span: EpochSpan): History {
  const last = history.at(-1)
  if (last !== undefined) {
    assert(span.epoch.number > last.epoch.number, 'epochs rise in a history')
    assert(span.firstLsn > last.firstLsn, 'first LSNs rise in a history')
  }
  return [...history.slice(-(SPANS_MAX - 1)), span]
}

interface Side {
  readonly history: History
  /** No entry of this side, in log or image, is above. */
  readonly end: Lsn
}

/**
 * D: the last LSN that both sides have of one history; 0 when they share nothing, or when the span that they share was
 * forgotten by one of them.
 */
export function lastCommonLsn(a: Side, b: Side): Lsn {
  const left = trimHistory(a.history, a.end)
  const right = trimHistory(b.history, b.end)
  for (let i = left.length - 1; i >= 0; i--) {
    const span = left[i]!
    const j = right.findIndex(
      (other) => sameEpoch(other.epoch, span.epoch) && other.firstLsn === span.firstLsn,
    )
    if (j < 0) continue
    const leftEnd = left[i + 1] === undefined ? a.end : left[i + 1]!.firstLsn - 1
    const rightEnd = right[j + 1] === undefined ? b.end : right[j + 1]!.firstLsn - 1
    return lsn(Math.min(leftEnd, rightEnd))
  }
  return lsn(0)
}

/**
 * The plan for a replica that says what it has: how it comes to be in sync, and the four LSNs that prove it.
 *
 *     D  last LSN common to both histories          S  first LSN that the primary's log retains
 *     R  durable LSN of the replica, or the base of its unfinished resync     H  head of the primary's log
 *
 *     what it has beyond D …                       … then, with what is left
 *     ───────────────────────────────────          ────────────────────────────────────────────────────
 *     nothing                                      D = H                             ▶ inSync (a barrier is left)
 *     log entries, none flushed   ▶ drops them     D < H, S ≤ D + 1, nothing unknown ▶ catchUp from D + 1
 *     anything flushed            ▶ gives it up    everything else                   ▶ resync from min(D, R)
 *
 * A resync is frozen at H0, the commit LSN when it begins. Never the head: what lies beyond the commit LSN may need
 * this very replica to be committed, and the flusher of the primary stops there.
 */
import { assert } from '../base/assert.ts'
import { type Epoch, type Lsn, lsn } from '../base/units.ts'
import { type History, lastCommonLsn } from './history.ts'
import { sameEpoch } from './identity.ts'
import type { Local } from './marks.ts'
import type { Follow } from './messages.ts'

export interface Proof {
  readonly D: Lsn
  readonly R: Lsn
  readonly S: Lsn
  readonly H: Lsn
}

export type Plan =
  | {
      readonly kind: 'inSync' | 'catchUp'
      readonly proof: Proof
      /** The replica's log must end here before entries come. */
      readonly dropAbove: Lsn
      readonly history: History
      /** The primary knows that this replica lost what it had reported durable. */
      readonly isDamaged: boolean
    }
  | {
      readonly kind: 'resync'
      readonly proof: Proof
      readonly base: Lsn
      /** H0. */
      readonly target: Lsn
      readonly history: History
      readonly isDamaged: boolean
    }

export type PlanVerdict =
  | { readonly kind: 'plan'; readonly plan: Plan }
  /** It has more than the primary of the epoch that both have entries of: somebody wrote without being primary. */
  | { readonly kind: 'aheadOfPrimary'; readonly proof: Proof }

interface PlanFacts {
  readonly epoch: Epoch
  readonly history: History
  readonly local: Local
  readonly commit: Lsn
  readonly follow: Follow
  readonly isDamaged: boolean
  /** Catch-up got nowhere: resync although the log would do. */
  readonly isCatchUpHopeless: boolean
}

/** What a replica's log and image may hold at most. */
const endOf = (follow: Follow): Lsn => lsn(Math.max(follow.appended, follow.image))

export function makePlan(facts: PlanFacts): PlanVerdict {
  const { history, local, follow, isDamaged } = facts
  const D = lastCommonLsn({ history, end: local.appended }, { history: follow.history, end: endOf(follow) })
  const R = follow.resyncBase ?? lsn(Math.min(follow.durable, follow.appended))
  const proof: Proof = { D, R, S: local.retainedFrom, H: local.appended }
  const isOfThisEpoch = follow.history.some(
    (span) => sameEpoch(span.epoch, facts.epoch) && span.firstLsn <= endOf(follow),
  )
  if (isOfThisEpoch && endOf(follow) > local.appended) return { kind: 'aheadOfPrimary', proof }
  // after damage the log may end before the image does: entries go on where the log ends
  const dropAbove = lsn(Math.min(D, follow.appended))
  const canUseLog =
    follow.resyncBase === null &&
    !follow.hasUnknown &&
    follow.image <= D &&
    local.retainedFrom <= dropAbove + 1
  // a resync drops what lies beyond the commit LSN, and that may be on no other disk
  const isHopeless = facts.isCatchUpHopeless && D <= facts.commit
  if (canUseLog && !isHopeless) {
    const kind = dropAbove === local.appended ? 'inSync' : 'catchUp'
    return { kind: 'plan', plan: { kind, proof, dropAbove, history, isDamaged } }
  }
  const target = facts.commit
  const base = lsn(Math.min(D, R, target))
  assert(target <= local.appended, 'H0 is committed, so it is appended here')
  return { kind: 'plan', plan: { kind: 'resync', proof, base, target, history, isDamaged } }
}

/**
 * Who is promoted, from the answers to a seal. Shared with the authority, which calls it with each answer and records
 * the verdict before it announces it. What heartbeats said before the seal never counts.
 *
 *     sealing e ──enough answers free of doubt──────────▶ promote the greatest (epoch of the last entry, LSN)
 *        │  └────all answered, too few free of doubt────▶ promote the greatest that is neither resyncing nor damaged;
 *        │                                                what was not flushed may be lost, and is recorded so
 *        └───────the winner reopened, or has led e──────▶ seal e + 1
 */
import { assert } from '../../base/assert.ts'
import { compareLast, type Opening, type ServerId } from '../identity.ts'
import { isSound } from '../marks.ts'
import type { SealAnswer } from '../messages.ts'
import { type Policy, votesNeeded } from '../policy.ts'

interface PromotionFacts {
  readonly policy: Policy
  /** The in-sync set of the registry. */
  readonly set: readonly ServerId[]
  /** The last answer of each server to the seal of this epoch. */
  readonly answers: readonly SealAnswer[]
  /** The last grant that named the volume ran out, or its holder said that it stopped. */
  readonly isGrantOver: boolean
  /** In `best_effort`: who has not answered by now is not waited for. */
  readonly isWaitOver: boolean
  /** Wins among equals: the target of a planned move. */
  readonly preferred: ServerId | null
}

export type PromotionVerdict =
  | { readonly kind: 'wait'; readonly why: 'grant' | 'answers'; readonly missing: readonly ServerId[] }
  | {
      readonly kind: 'promote'
      readonly server: ServerId
      readonly opening: Opening
      /** Acknowledged writes after what was flushed may be missing; with the last entry it had, for the record. */
      readonly mayHaveLost: boolean
    }
  /** This epoch is used up. */
  | { readonly kind: 'sealAgain'; readonly server: ServerId }
  /** All answered and none can win. */
  | { readonly kind: 'operator' }

export function decidePromotion(facts: PromotionFacts): PromotionVerdict {
  const answers = facts.answers.filter((answer) => facts.set.includes(answer.server))
  const used = answers.find((answer) => answer.hasServed)
  if (used !== undefined) return { kind: 'sealAgain', server: used.server }
  const missing = facts.set.filter((member) => !answers.some((answer) => answer.server === member))
  if (!facts.isGrantOver) return { kind: 'wait', why: 'grant', missing }
  const isBestEffort = facts.policy.mode.kind === 'best_effort'
  // so many that every quorum has one of them
  const needed = isBestEffort ? 1 : facts.set.length - votesNeeded(facts.policy, facts.set.length) + 1
  assert(needed >= 1, 'the registry records no set that could commit nothing')
  if (!isBestEffort) {
    const free = answers.filter((answer) => isSound(answer.standing))
    if (free.length >= needed) return promote(facts, free, false)
  }
  if (missing.length > 0 && !(isBestEffort && facts.isWaitOver)) {
    return { kind: 'wait', why: 'answers', missing }
  }
  const able = answers.filter((answer) => !answer.standing.isResyncing && !answer.standing.isDamaged)
  if (able.length >= needed || hasAllFlushed(facts, answers, able)) return promote(facts, able, true)
  return missing.length > 0 ? { kind: 'wait', why: 'answers', missing } : { kind: 'operator' }
}

/**
 * Whether the greatest of the able ones has everything that was flushed, although they are not so many that every quorum
 * has one of them. What was flushed is on a quorum. Of those, who is resyncing gave up only what the primary of its
 * resync did not have, and keeps what it has up to its base: with an able one that has an entry of that epoch, up to the
 * base or later, nothing of it is missing. That leaves a quorum of damaged ones.
 */
function hasAllFlushed(
  facts: PromotionFacts,
  answers: readonly SealAnswer[],
  able: readonly SealAnswer[],
): boolean {
  const greatest = able.toSorted((a, b) => compareLast(b.last, a.last))[0]
  if (greatest === undefined) return false
  const damaged = answers.filter((answer) => answer.standing.isDamaged)
  const resyncing = answers.filter((answer) => answer.standing.isResyncing)
  if (damaged.length >= votesNeeded(facts.policy, facts.set.length)) return false
  return damaged.length === 0 || resyncing.every((one) => compareLast(greatest.last, one.last) >= 0)
}

function promote(
  facts: PromotionFacts,
  candidates: readonly SealAnswer[],
  mayHaveLost: boolean,
): PromotionVerdict {
  const isPreferred = (answer: SealAnswer): number => Number(answer.server === facts.preferred)
  const [winner] = [...candidates].sort(
    (a, b) =>
      compareLast(b.last, a.last) || isPreferred(b) - isPreferred(a) || (a.server < b.server ? -1 : 1),
  )
  return { kind: 'promote', server: winner!.server, opening: winner!.opening, mayHaveLost }
}

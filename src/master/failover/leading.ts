/**
 * While the registry names a primary: assignments, grants, and planned moves.
 *
 * A grant is counted by who gets it from when it asked, and here from when it was heard, plus a margin for clocks that
 * drift: what is over here is over there.
 */
import { assign } from './assign.ts'
import type { Draft } from './draft.ts'
import type { LeadBeat } from './lead-state.ts'
import { seal } from './sealing.ts'

/** What the target of a planned move may take to answer before another member takes over. */
export const MOVE_MS = 2000
/** A primary that was asked to stop says within its own bound that it did, or could not. */
export const MOVE_GIVE_UP_MS = 5000
export const MOVE_BEAT_MS = 500
/** A primary that leads hears the assignment again after so long. */
const ASSIGN_AGAIN_MS = 5000

/** Answers a beat of the opening that leads. */
export function grant(draft: Draft, server: string, beat: LeadBeat): void {
  const { record, state, facts } = draft
  const { phase } = state
  const { bounds, nowMs } = facts
  const heardLsn = Math.max(state.heardLsn, beat.appended)
  if (phase.kind === 'moving') {
    draft.set({ heardLsn, phase: { ...phase, heardMs: Math.max(phase.heardMs, beat.askedAtMs) } })
  } else {
    const before = phase.kind === 'leading' && phase.heardMs < Number.POSITIVE_INFINITY ? phase.heardMs : 0
    const heardMs = Math.max(before, beat.askedAtMs)
    const wasServing = phase.kind === 'leading' && phase.isServing
    const isServing = beat.isServing || (wasServing && phase.heardMs === Number.POSITIVE_INFINITY)
    draft.set({ heardLsn, phase: { kind: 'leading', heardMs, isServing }, burnt: 0 })
    if (isServing && !wasServing) {
      draft.notes.push({ kind: 'serving', epoch: record.epoch.number, server })
    }
  }
  // replicas may have come and gone before this master or this stream began
  if (nowMs - state.assignedMs >= ASSIGN_AGAIN_MS) assign(draft)
  const leaseMs = Math.min(bounds.leaseMs, facts.leadershipMs)
  if (leaseMs <= 0) return
  draft.set({
    grantOverMs: Math.max(state.grantOverMs, nowMs + leaseMs + bounds.marginMs),
    isInherited: false,
  })
  const { epoch } = state
  draft.send(server, {
    kind: 'grant',
    epoch,
    opening: beat.opening,
    askedAtMs: beat.askedAtMs,
    leaseMs,
  })
}

export function onLeadTick(draft: Draft): void {
  const { record, state, facts } = draft
  const { phase } = state
  if (facts.nowMs > state.grantOverMs) {
    const { leaseMs, marginMs } = facts.bounds
    if (facts.leadershipMs > 0) seal(draft, 'lease_over', false)
    // nothing could be granted: the silence says nothing of the primary, which may ask again when this master leads again
    else draft.set({ grantOverMs: facts.nowMs + leaseMs + marginMs })
    return
  }
  if (phase.kind !== 'moving') return
  if (facts.nowMs - phase.sinceMs >= MOVE_GIVE_UP_MS) {
    stopAgain(draft, 'no_answer')
  } else if (facts.nowMs - phase.toldMs >= MOVE_BEAT_MS) {
    draft.set({ phase: { ...phase, toldMs: facts.nowMs } })
    draft.send(record.primary, { kind: 'stop', epoch: state.epoch })
  }
}

/** A move came to nothing: the primary leads on. */
export function stopAgain(draft: Draft, why: 'not_drained' | 'no_answer'): void {
  const { phase } = draft.state
  if (phase.kind !== 'moving') return
  draft.set({ phase: { kind: 'leading', heardMs: phase.heardMs, isServing: true }, preferred: null })
  draft.notes.push({ kind: 'moveFailed', to: phase.to, why })
}

/**
 * Graded failure detection. Late is not dead: a slow or suspect replica keeps its session and what is pinned for it,
 * and only one that is gone is given up, with nothing lost but a reconnection. That a member owes acknowledgements is
 * judged apart (set-changes.ts), from what it owes and not from how long it was quiet.
 *
 *     live ──1 s──▶ slow ──3 s──▶ suspect ──10 s──▶ gone          anything heard: live
 */
import type { Bounds } from './policy.ts'
import type { Grade } from './state.ts'

export function gradeOf(bounds: Bounds, unheardMs: number): Grade {
  if (unheardMs >= bounds.goneMs) return 'gone'
  if (unheardMs >= bounds.suspectMs) return 'suspect'
  return unheardMs >= bounds.slowMs ? 'slow' : 'live'
}

/**
 * Which of a subsystem's paths a command takes, and what becomes of it when a path fails it: decisions without I/O.
 *
 * Optimized paths are used; where there are none, those that are not optimized; a path whose state is not known counts
 * as optimized until its controller says otherwise. Where no path is usable commands wait: for a path that changes or
 * comes back, up to their deadline.
 */
import type { BlockError } from '../../base/errors.ts'
import { DNR } from '../status.ts'
import { isPathStatus } from './errors.ts'
import { AnaState } from './pages.ts'

export interface PathFacts {
  readonly isOpen: boolean
  /** Of the namespace's group; undefined: not known yet. */
  readonly anaState: number | undefined
  /** I/O commands under way on it. */
  readonly outstanding: number
}

/** Index of the path to take, the least busy of the best; −1 when none is usable. `except`: one that just failed. */
export function choosePath(paths: readonly PathFacts[], except = -1): number {
  let best = -1
  let bestRank = Number.POSITIVE_INFINITY
  for (const [index, path] of paths.entries()) {
    const rank = rankOf(path)
    if (index === except || rank === undefined || rank > bestRank) continue
    if (rank === bestRank && path.outstanding >= paths[best]!.outstanding) continue
    best = index
    bestRank = rank
  }
  return best
}

/** 0 is best; undefined: not to be used. */
function rankOf({ isOpen, anaState }: PathFacts): number | undefined {
  if (!isOpen) return undefined
  switch (anaState) {
    case undefined:
    case AnaState.optimized:
      return 0
    case AnaState.nonOptimized:
      return 1
    default:
      return undefined
  }
}

/** What a command's end on one path means: it is over, or it is to be sent again, because the path is to blame. */
export type Outcome =
  | { readonly kind: 'over' }
  /** The connection is gone, and whether it was executed is not known: only what may be repeated is. */
  | { readonly kind: 'path lost' }
  /** It was not executed; `anaState` is what the path says of itself. */
  | { readonly kind: 'path refused'; readonly anaState: number | undefined }

const ANA_STATES: Readonly<Record<number, number>> = {
  769: AnaState.persistentLoss,
  770: AnaState.inaccessible,
  771: AnaState.change,
}

export function outcomeOfStatus(status: number): Outcome {
  if (!isPathStatus(status) || (status & DNR) !== 0) return { kind: 'over' }
  return { kind: 'path refused', anaState: ANA_STATES[status & 0x7ff] }
}

export function outcomeOfError({ code }: BlockError): Outcome {
  return code === 'DISCONNECTED' || code === 'TIMED_OUT' ? { kind: 'path lost' } : { kind: 'over' }
}

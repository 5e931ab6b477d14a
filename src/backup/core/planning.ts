/** Decisions of a backup, without any I/O: what serves as its base, and which runs it takes into its own. */
import type { VolumeImage } from '../../base/ports/image.ts'
import type { Run } from './manifest.ts'

/** Runs of a level that become one of the next. */
const RUNS_MERGED = 4

/**
 * Whether everything up to (`epochId`, `lsn`) is a part of `image`'s history: the epoch is one of it, and `lsn` was written in it
 * and not in an epoch that another history has there.
 */
export function isHeldBy(
  image: Pick<VolumeImage, 'identity' | 'history'>,
  base: { readonly epochId: string; readonly lsn: number },
): boolean {
  if (base.lsn > image.identity.lsn) return false
  const at = image.history.findIndex((epoch) => epoch.epochId === base.epochId)
  const epoch = image.history[at]
  if (epoch === undefined || base.lsn < epoch.firstLsn) return false
  const next = image.history[at + 1]
  return next === undefined || base.lsn < next.firstLsn
}

export interface RunPlan {
  /** Of the base, and stay as they are. */
  readonly kept: readonly Run[]
  /** Of the base, oldest first, and go into the new run. */
  readonly merged: readonly Run[]
  /** Level of the new run; null: it is the oldest, and holes need not be told. */
  readonly level: number | null
}

/**
 * Runs of an increment on top of `runs`. Few runs make a restore quick; merging reads and writes records anew: with four
 * of a level to one of the next, a record is written once per level, and n increments leave at most 3 log4 n runs. When the
 * increments have together half as many records as the full one, all become one.
 */
export function planRuns(runs: readonly Run[]): RunPlan {
  const full = runs[0]
  if (full === undefined) return { kept: [], merged: [], level: null }
  const increments = runs.slice(1)
  const records = increments.reduce((sum, run) => sum + run.root.records, 0)
  if (increments.length > 0 && 2 * records >= full.root.records)
    return { kept: [], merged: runs, level: null }
  let level = 0
  let from = runs.length
  for (;;) {
    let first = from
    while (first > 1 && runs[first - 1]!.level === level) first--
    if (from - first < RUNS_MERGED - 1) break
    from = first
    level++
  }
  return { kept: runs.slice(0, from), merged: runs.slice(from), level }
}

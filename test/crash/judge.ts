/** Holds what restarts found against what clients had been told: the verdict on one crash state. */
import { type CrashKind, ModelViolation } from '../sim/model.ts'
import type { Explored, Found } from './explore.ts'
import type { Recording, Snapshot } from './recorder.ts'

/** What is wrong with a crash state, or undefined. `touched` are the sectors of `Found.values`. */
export function judge(
  recording: Recording,
  snapshot: Snapshot,
  kind: CrashKind,
  explored: Explored,
  touched: readonly number[],
): string | undefined {
  const own = judgeFound(recording, snapshot, kind, explored.found, touched) ?? explored.broken
  if (own !== undefined) return own
  for (const { label, kind: innerKind, found, broken } of explored.interrupted) {
    const both = kind === 'power' ? 'power' : innerKind
    const wrong = judgeFound(recording, snapshot, both, found, touched) ?? broken
    if (wrong !== undefined) return `after a second crash (${label}): ${wrong}`
  }
  return undefined
}

function judgeFound(
  { model, context, workload }: Recording,
  { moment, reported }: Snapshot,
  kind: CrashKind,
  found: Found,
  touched: readonly number[],
): string | undefined {
  if (found.refused !== undefined) return `the volume does not open: ${found.refused}`
  if (found.wrong !== undefined) return found.wrong
  if (!context.size.allowed(moment).includes(found.sizeBytes)) return `the size is ${found.sizeBytes}`
  if (!context.frontendState.allowed(moment).includes(found.frontendState)) {
    return `the front-end state is '${found.frontendState.slice(0, 20)}'`
  }
  // the opening itself appended one entry, the start of its epoch
  const lastLsn = found.appendedLsn - 1
  const needed = kind === 'power' ? reported.durableLsn : reported.appendedLsn
  if (lastLsn < needed) return `the log ends at LSN ${lastLsn}; ${needed} was reported (${kind} crash)`
  if (found.checkpointLsn < reported.checkpointLsn) {
    return `the checkpoint is ${found.checkpointLsn}; ${reported.checkpointLsn} was reported`
  }
  if (workload.makesVolume !== true && found.epoch <= reported.epoch) {
    return `epoch ${found.epoch} is not above ${reported.epoch}, in which the volume served`
  }
  try {
    const at = new Map(touched.map((sector, index) => [sector, found.values[index]!]))
    model.judgeCrash(
      kind,
      model.snapshots.found(found.snapshots, (sector) => at.get(sector) ?? 0),
      moment,
    )
    for (const { info, values } of found.snapshots) {
      for (const [index, sector] of touched.entries())
        model.snapshots.judgeRead(info.id, sector, [values[index]!])
    }
    return undefined
  } catch (error) {
    if (error instanceof ModelViolation) return error.message
    throw error
  }
}

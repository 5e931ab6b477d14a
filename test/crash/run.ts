/** One workload from recording to verdicts. */
import { Explorer } from './explore.ts'
import { judge } from './judge.ts'
import { record } from './recorder.ts'
import { crashStates, FULL_LIMITS, type StateLimits } from './states.ts'
import type { Workload } from './workload.ts'

export interface Failure {
  readonly workload: string
  /** Names the state: `--replay` takes it. */
  readonly state: string
  readonly what: string
}

export interface WorkloadResult {
  readonly workload: string
  /** Effects on the disk that were recorded, over all interleavings. */
  readonly effects: number
  /** Crash states judged. */
  readonly states: number
  /** Disks among them, and among the crashes inside recovery, that differ. */
  readonly distinct: number
  readonly restarts: number
  readonly seconds: number
  readonly failures: readonly Failure[]
}

export interface RunOptions {
  readonly limits?: StateLimits
  /** Interleavings; default: as many as the workload asks for. */
  readonly seeds?: number
  /** Stop after so many failures. */
  readonly failuresMax?: number
  /** Only the state of this name. */
  readonly only?: string
}

export async function runWorkload(workload: Workload, options: RunOptions = {}): Promise<WorkloadResult> {
  const started = performance.now()
  const { limits = FULL_LIMITS, seeds = workload.seeds, failuresMax = 5 } = options
  const failures: Failure[] = []
  const totals = { effects: 0, states: 0, distinct: 0, restarts: 0 }
  for (let seed = 1; seed <= seeds && failures.length < failuresMax; seed++) {
    const recording = await record(workload, seed)
    const explorer = new Explorer(workload, recording.model.touchedSectors)
    totals.effects += recording.snapshots.length - 1
    for (const [index, snapshot] of recording.snapshots.entries()) {
      const next = recording.snapshots[index + 1]?.storage
      for (const [number, state] of crashStates(snapshot.storage, next, limits).entries()) {
        const name = `${seed}.${index}.${number}`
        if (options.only !== undefined && options.only !== name) continue
        const explored = await explorer.explore(state.build())
        totals.states += 1 + explored.interrupted.length
        const wrong = judge(recording, snapshot, state.kind, explored, explorer.touchedSectors)
        if (wrong === undefined) continue
        const effect =
          snapshot.effect === undefined ? 'set-up' : `${snapshot.effect.kind} ${snapshot.effect.path}`
        failures.push({ workload: workload.name, state: name, what: `${effect}, ${state.label}: ${wrong}` })
        if (failures.length >= failuresMax) break
      }
      if (failures.length >= failuresMax) break
    }
    totals.distinct += explorer.counts.distinct
    totals.restarts += explorer.counts.restarts
  }
  const seconds = (performance.now() - started) / 1000
  return { workload: workload.name, ...totals, seconds, failures }
}

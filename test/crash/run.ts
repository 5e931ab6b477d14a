/** One interleaving of one workload, from recording to verdicts. */
import { Explorer } from './explore.ts'
import { judge } from './judge.ts'
import { type Recording, record, type Snapshot } from './recorder.ts'
import { type CrashState, crashStates, FULL_LIMITS, type StateLimits } from './states.ts'
import type { Workload } from './workload.ts'

interface Failure {
  readonly workload: string
  /** Names the state: `--replay WORKLOAD/STATE` takes it. */
  readonly state: string
  readonly what: string
  /** The run itself did not work: no verdict on crashes. */
  readonly isBroken?: boolean
}

export interface RunResult {
  readonly workload: string
  /** Effects on the disk that were recorded. */
  readonly effects: number
  /** Crash states judged, those of crashes inside recovery included. */
  readonly states: number
  /** Disks among them that differ. */
  readonly distinct: number
  /** Openings of the volume. */
  readonly restarts: number
  readonly seconds: number
  readonly failures: readonly Failure[]
}

export interface RunOptions {
  readonly limits?: StateLimits
  /** Whether restarts are crashed again while they recover; they are by default. */
  readonly crashesInside?: boolean
  /** Stop after so many failures. */
  readonly failuresMax?: number
}

/** A crash state with the name under which it can be replayed. */
interface NamedState {
  readonly name: string
  readonly snapshot: Snapshot
  readonly state: CrashState
}

/** Every crash state of a recording. */
export function* statesOf(recording: Recording, limits: StateLimits = FULL_LIMITS): Generator<NamedState> {
  for (const [index, snapshot] of recording.snapshots.entries()) {
    const next = recording.snapshots[index + 1]?.storage
    for (const [number, state] of crashStates(snapshot.storage, next, limits).entries()) {
      yield { name: `${recording.seed}.${index}.${number}`, snapshot, state }
    }
  }
}

/** Runs the workload with interleaving `seed` and judges each of its crash states. */
export async function runWorkload(
  workload: Workload,
  seed: number,
  options: RunOptions = {},
): Promise<RunResult> {
  const started = performance.now()
  const failures: Failure[] = []
  const recording = await record(workload, seed)
  const explorer = new Explorer(workload, recording.model.touchedSectors, options.crashesInside)
  let states = 0
  for (const { name, snapshot, state } of statesOf(recording, options.limits)) {
    const explored = await explorer.explore(state.build())
    states += 1 + explored.interrupted.length
    const wrong = judge(recording, snapshot, state.kind, explored, explorer.touchedSectors)
    if (wrong === undefined) continue
    failures.push({
      workload: workload.name,
      state: name,
      what: `${describe(snapshot)}, ${state.label}: ${wrong}`,
    })
    if (failures.length >= (options.failuresMax ?? 5)) break
  }
  return {
    workload: workload.name,
    effects: recording.snapshots.length - 1,
    states,
    distinct: explorer.counts.distinct,
    restarts: explorer.counts.restarts,
    seconds: (performance.now() - started) / 1000,
    failures,
  }
}

/** The effect after which the crash came. */
export const describe = ({ effect }: Snapshot): string =>
  effect === undefined ? 'after the set-up' : `after ${effect.kind} ${effect.path}`

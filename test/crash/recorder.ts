/**
 * Runs a workload once and keeps, for every effect that it had on the disk, the disk as it was right after it and
 * the last moment at which it was still so: what a crash between this effect and the next may leave, and the most
 * that clients had been told by then.
 */
import { assert } from '../../src/base/assert.ts'
import type { DiskEffect } from '../sim/fault-disk.ts'
import { emptyStorage, type SimProcess, startProcess } from '../sim/machine.ts'
import { VolumeModel } from '../sim/model.ts'
import { Scheduler } from '../sim/scheduler.ts'
import type { Storage } from '../sim/storage.ts'
import { entryBlocksMax, type Workload, WorkloadContext } from './workload.ts'

/** Progress that the volume reported; after a crash it must not be below. */
interface Reported {
  readonly appendedLsn: number
  readonly durableLsn: number
  readonly checkpointLsn: number
  readonly epoch: number
}

export interface Snapshot {
  readonly storage: Storage
  /** The effect that led here; undefined for the state before the first one. */
  readonly effect: DiskEffect | undefined
  /** The model's moment just before the next effect. */
  moment: number
  reported: Reported
}

export interface Recording {
  readonly workload: Workload
  readonly seed: number
  readonly snapshots: readonly Snapshot[]
  readonly context: WorkloadContext
  readonly model: VolumeModel
}

const NOTHING_REPORTED: Reported = { appendedLsn: 0, durableLsn: 0, checkpointLsn: 0, epoch: 0 }

/** Runs the workload with interleaving `seed`. */
export async function record(workload: Workload, seed: number): Promise<Recording> {
  const scheduler = new Scheduler(seed)
  const storage = emptyStorage()
  const model = new VolumeModel({ entryBlocksMax: entryBlocksMax(workload.shape) })
  const snapshots: Snapshot[] = []
  let isRecording = false
  let reported = NOTHING_REPORTED
  const report = (): Reported => {
    const volume = context.openVolume
    if (volume === undefined) return reported
    const { appendedLsn, durableLsn, checkpointLsn, epoch } = volume.status()
    reported = { appendedLsn, durableLsn, checkpointLsn, epoch: epoch.number }
    return reported
  }
  const snap = (effect: DiskEffect | undefined): void => {
    const last = snapshots[snapshots.length - 1]
    if (last !== undefined) {
      last.moment = model.now
      last.reported = report()
    }
    snapshots.push({ storage: storage.fork(), effect, moment: model.now, reported: report() })
  }
  let processes = 0
  const start = (): SimProcess =>
    startProcess({
      storage,
      scheduler,
      seed: seed * 1000 + processes++,
      onEffect: (effect) => {
        if (isRecording) snap(effect)
      },
    })
  const context: WorkloadContext = new WorkloadContext(start, model, workload)
  const run = async (): Promise<void> => {
    if (workload.makesVolume !== true) {
      await context.create()
      await context.open()
    }
    await workload.setUp(context)
    isRecording = true
    snap(undefined)
    await workload.run(context)
  }
  await scheduler.until(run(), { what: `workload ${workload.name}`, limitMs: 60_000 })
  const last = snapshots[snapshots.length - 1]
  assert(last !== undefined, 'a recording has a first state')
  last.moment = model.now
  last.reported = report()
  context.end()
  return { workload, seed, snapshots, context, model }
}

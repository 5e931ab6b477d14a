/**
 * A process on a simulated machine: the ports that an engine gets, all on one scheduler, one storage and one life.
 * Buffers that are given back to its pool are scribbled over, so that whoever reads one after its release is seen.
 */
import { BufferPool } from '../../src/base/buffer-pool.ts'
import { type Logger, silentLogger } from '../../src/base/log.ts'
import type { VolumePorts } from '../../src/blockvol/api.ts'
import { Life, MachineTime, SimClock } from './clock.ts'
import { type DiskEffect, FaultDisk } from './fault-disk.ts'
import { FaultPlan } from './faults.ts'
import { SeededRandom } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import { Storage } from './storage.ts'

export interface SimProcess extends VolumePorts {
  readonly disk: FaultDisk
  readonly clock: SimClock
  readonly life: Life
  readonly random: SeededRandom
}

export interface ProcessOptions {
  readonly storage: Storage
  readonly scheduler: Scheduler
  /** Seed of everything random in this process. */
  readonly seed: number
  readonly faults?: FaultPlan
  /** Of the machine; one that runs true and started with the scheduler by default. */
  readonly time?: MachineTime
  readonly logger?: Logger
  readonly onCall?: (kind: string, path: string) => void
  readonly onEffect?: (effect: DiskEffect) => void
}

/** Starts a process. It ends when its `life` does. */
export function startProcess(options: ProcessOptions): SimProcess {
  const { storage, scheduler, seed } = options
  const life = new Life()
  const random = new SeededRandom(seed)
  const disk = new FaultDisk({
    storage,
    scheduler,
    life,
    random: random.fork('disk'),
    faults: options.faults ?? new FaultPlan(random.fork('faults')),
    onCall: options.onCall,
    onEffect: options.onEffect,
  })
  return {
    disk,
    life,
    clock: new SimClock(scheduler, life, options.time ?? new MachineTime(scheduler, 1, 0)),
    random: random.fork('process'),
    pool: new ScribblingPool(),
    logger: options.logger ?? silentLogger,
  }
}

/** The directory under which volumes are made; durable from the start. */
export const DATA_DIRECTORY = '/data'

export function emptyStorage(): Storage {
  const storage = new Storage()
  storage.createDirectory(DATA_DIRECTORY)
  storage.syncDirectory('/', storage.nextOrder)
  return storage
}

const SCRIBBLE = 0xdb

class ScribblingPool extends BufferPool {
  override acquire(lengthBytes: number): Uint8Array {
    return super.acquire(lengthBytes).fill(SCRIBBLE)
  }

  override release(buffer: Uint8Array): void {
    buffer.fill(SCRIBBLE)
    super.release(buffer)
  }
}

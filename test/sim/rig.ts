/**
 * A volume on a simulated machine for directed tests: open it, crash it, break its disk, hold it against the oracle.
 */
import { assert } from '../../src/base/assert.ts'
import { KIB, MIB } from '../../src/base/units.ts'
import type { OpenVolumeOptions } from '../../src/blockvol/api.ts'
import type { Tuning } from '../../src/blockvol/tuning.ts'
import { Volume } from '../../src/blockvol/volume.ts'
import { VolumeClient } from './client.ts'
import { identifyAll } from './content.ts'
import { FaultPlan } from './faults.ts'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from './machine.ts'
import { type CrashKind, VolumeModel } from './model.ts'
import { SeededRandom } from './random.ts'
import { Scheduler } from './scheduler.ts'
import type { Storage, Unsynced } from './storage.ts'

export interface RigOptions {
  readonly seed?: number
  readonly sizeBytes?: number
  readonly logBytes?: number
  readonly logicalBlockBytes?: 512 | 4096
  readonly tuning?: Partial<Tuning>
}

const RIG_DIRECTORY = `${DATA_DIRECTORY}/volume`
const BLOCK_SECTORS = 8
const LIMIT_MS = 600_000

export class Rig {
  readonly scheduler: Scheduler
  readonly faults: FaultPlan
  readonly model: VolumeModel
  storage: Storage = emptyStorage()
  readonly #o: Required<RigOptions>
  #processes = 0
  #process: SimProcess
  #volume: Volume | undefined

  private constructor(options: RigOptions) {
    this.#o = {
      seed: 1,
      sizeBytes: MIB,
      logBytes: 64 * KIB,
      logicalBlockBytes: 512,
      ...options,
      tuning: { scrubIntervalMs: 0, ...options.tuning },
    }
    this.scheduler = new Scheduler(this.#o.seed)
    this.faults = new FaultPlan(new SeededRandom(this.#o.seed, 1))
    this.model = new VolumeModel({ entryBlocksMax: Math.min(256, Math.floor(this.#o.logBytes / 8 / 4096)) })
    this.#process = this.#start()
  }

  /** Makes a volume, opens it and runs `work`; fails when that does not end within virtual time. */
  static async run(options: RigOptions, work: (rig: Rig) => Promise<void>): Promise<void> {
    const rig = new Rig(options)
    const all = async (): Promise<void> => {
      const { sizeBytes, logBytes, logicalBlockBytes } = rig.#o
      const shape = { sizeBytes, logBytes, logicalBlockBytes }
      const uuid = new Uint8Array(16).fill(9)
      await Volume.create(rig.#process, { directory: RIG_DIRECTORY, uuid, name: 'rig', ...shape })
      await rig.open()
      await work(rig)
    }
    await rig.scheduler.until(all(), { what: 'the test', limitMs: LIMIT_MS })
  }

  #start(): SimProcess {
    const { storage, scheduler, faults } = this
    return startProcess({ storage, scheduler, faults, seed: this.#o.seed * 1000 + this.#processes++ })
  }

  get process(): SimProcess {
    return this.#process
  }

  get volume(): Volume {
    assert(this.#volume !== undefined, 'the volume is open')
    return this.#volume
  }

  get client(): VolumeClient {
    return new VolumeClient(this.volume, this.model)
  }

  async open(options: Partial<OpenVolumeOptions> = {}): Promise<Volume> {
    const defaults = { directory: RIG_DIRECTORY, tuning: this.#o.tuning }
    this.#volume = await Volume.open(this.#process, { ...defaults, ...options })
    return this.#volume
  }

  /** The process dies and the page cache stays. */
  killProcess(): void {
    this.#next((storage) => storage.afterProcessCrash())
  }

  /** The machine loses power; of what was not synced it keeps nothing, or what `keep` says. */
  losePower(keep: (one: Unsynced) => 'all' | 'none' = () => 'none'): void {
    this.#next((storage) => storage.afterPowerLoss(keep))
  }

  #next(after: (storage: Storage) => Storage): void {
    this.#process.life.end()
    this.storage = after(this.storage)
    this.#process = this.#start()
    this.#volume = undefined
  }

  /** Reads everything, judges it as after such a crash, and starts a new history from it. */
  async verify(kind: CrashKind): Promise<void> {
    const { volume, model } = this
    const bytes = new Uint8Array(volume.sizeBytes)
    await volume.read(0, bytes)
    const values = identifyAll(bytes, 0, volume.logicalBlockBytes)
    model.judgeCrash(kind, (sector) => values[sector]!)
    model.rebase((sector) => values[sector]!)
  }

  /** A bit of the file rots on the medium. */
  rot(name: string, offsetBytes: number): void {
    const fileId = this.storage.lookup(`${RIG_DIRECTORY}/${name}`)
    assert(fileId !== undefined, `${name} is there`)
    this.storage.flipBit(fileId, offsetBytes, 3)
  }

  /** Byte offset of the first place in the file that holds `needle`. */
  find(name: string, needle: Uint8Array): number {
    const fileId = this.storage.lookup(`${RIG_DIRECTORY}/${name}`)
    assert(fileId !== undefined, `${name} is there`)
    const bytes = this.storage.cacheOf(fileId)
    const all = new Uint8Array(bytes.sizeBytes)
    bytes.read(all, 0)
    return Buffer.from(all.buffer).indexOf(needle)
  }
}

/** A run of whole blocks as sectors. */
export const blocks = (block: number, count = 1): { firstSector: number; sectors: number } => ({
  firstSector: block * BLOCK_SECTORS,
  sectors: count * BLOCK_SECTORS,
})

/**
 * One seed of a clone: a volume that is at first as a snapshot somewhere else, which is out of reach now and then. Clients read
 * and write it at once, while it is filled block by block; processes die and power is lost on the way. What clients did not
 * change is as the snapshot has it, what they changed stays, and when all is filled the snapshot is needed no more.
 */
import { BlockError, isBlockError } from '../../src/base/errors.ts'
import type { ChangedBlocks, ImageBlock } from '../../src/base/ports/image.ts'
import type { OriginSource } from '../../src/base/ports/origin.ts'
import { BLOCK_BYTES } from '../../src/base/units.ts'
import type { OpenVolumeOptions } from '../../src/blockvol/api.ts'
import { Volume } from '../../src/blockvol/volume.ts'
import { fillSectors, SECTOR_BYTES } from './content.ts'
import { FaultPlan } from './faults.ts'
import { Load, type LoadState } from './load.ts'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from './machine.ts'
import { ModelViolation, VolumeModel } from './model.ts'
import { drawKept } from './power-loss.ts'
import { drawProfile, type SimProfile } from './profile.ts'
import { SeededRandom } from './random.ts'
import { Register } from './register.ts'
import { Scheduler } from './scheduler.ts'
import { SnapshotClient } from './snapshot-client.ts'
import type { Storage } from './storage.ts'
import { VolumeJudge } from './volume-judge.ts'

const DIRECTORY = `${DATA_DIRECTORY}/clone`
const BLOCK_SECTORS = 8
const LIFE_LIMIT_MS = 600_000
const ORIGIN = { volume: '0b0b0b0b-0b0b-4b0b-8b0b-0b0b0b0b0b0b', snapshot: 77n } as const
/** The values of the origin's sectors are the numbers of operations that no client of the clone does. */
const ORIGIN_VALUES = 0x2000_0000

/** Runs it; throws what it broke. Returns how many processes it took. */
export async function simulateClone(seed: number, steps: number): Promise<number> {
  return new CloneSim(seed, steps).run()
}

/** A snapshot on another machine: what it holds is known, and it is not always there. */
class FarSnapshot implements OriginSource {
  readonly content = new Map<number, number>()
  readonly #blocks: ImageBlock[] = []
  readonly #random: SeededRandom
  readonly #sleep: (forMs: number) => Promise<void>
  readonly sizeBytes: number
  isReachable = true
  /** Nobody may need it any more. */
  isGone = false

  constructor(random: SeededRandom, sizeBytes: number, sleep: (forMs: number) => Promise<void>) {
    this.#random = random
    this.#sleep = sleep
    this.sizeBytes = sizeBytes
    const share = random.pick([0.05, 0.4, 0.9])
    for (let block = 0; block < sizeBytes / BLOCK_BYTES; block++) {
      if (!random.chance(share)) continue
      const kind = random.chance(0.2) ? 'hole' : 'data'
      this.#blocks.push({ block, lsn: 1 + random.integer(1000), kind })
      for (let i = 0; kind === 'data' && i < BLOCK_SECTORS; i++) {
        const sector = block * BLOCK_SECTORS + i
        if (random.chance(0.9)) this.content.set(sector, ORIGIN_VALUES + sector)
      }
    }
  }

  async #reach(): Promise<void> {
    if (this.isGone) throw new ModelViolation('a clone that is filled asks for its origin')
    await this.#sleep(this.#random.pick([0.1, 2, 10]) * this.#random.fraction())
    if (!this.isReachable || this.#random.chance(0.02)) throw new BlockError('BUSY', 'the origin is away')
  }

  async read(block: number, target: Uint8Array): Promise<void> {
    await this.#reach()
    target.fill(0)
    for (let at = 0; at < target.byteLength; at += SECTOR_BYTES) {
      const sector = block * BLOCK_SECTORS + at / SECTOR_BYTES
      const value = this.content.get(sector)
      if (value !== undefined) fillSectors(target.subarray(at, at + SECTOR_BYTES), sector, value)
    }
  }

  async changed({ fromBlock, limit }: { fromBlock: number; limit: number }): Promise<ChangedBlocks> {
    await this.#reach()
    const blocks = this.#blocks.filter(({ block }) => block >= fromBlock).slice(0, limit)
    const last = blocks.at(-1)
    return { blocks, nextBlock: blocks.length < limit || last === undefined ? null : last.block + 1 }
  }
}

class CloneSim {
  readonly #random: SeededRandom
  readonly #scheduler: Scheduler
  readonly #faults: FaultPlan
  readonly #profile: SimProfile
  readonly #load: LoadState
  readonly #judge: VolumeJudge
  readonly #origin: FarSnapshot
  #storage: Storage = emptyStorage()
  #lives = 0

  constructor(seed: number, steps: number) {
    this.#random = new SeededRandom(seed, 0xc1)
    this.#scheduler = new Scheduler(seed)
    this.#faults = new FaultPlan(this.#random.fork('faults'))
    const profile = drawProfile(this.#random.fork('profile'), [])
    this.#profile = { ...profile, snapshots: { ...profile.snapshots, operators: 0 } }
    const { shape } = profile
    const sleep = (forMs: number): Promise<void> =>
      new Promise((resolve) => {
        this.#scheduler.schedule('origin', '', forMs, resolve)
      })
    const originBytes = this.#random.pick([shape.sizeBytes, shape.sizeBytes / 2])
    this.#origin = new FarSnapshot(this.#random.fork('origin'), originBytes, sleep)
    const model = new VolumeModel({
      entryBlocksMax: Math.max(1, Math.min(256, Math.floor(shape.logBytes / 8 / BLOCK_BYTES))),
    })
    model.beginWith(this.#origin.content)
    this.#load = {
      profile: this.#profile,
      damage: { mayBreak: false, mayLie: false, mayFail: false },
      mayBeBusy: true,
      model,
      size: new Register(model, shape.sizeBytes),
      frontendState: new Register(model, ''),
      stepsLeft: steps,
      outcomes: new Map(),
      unanswered: [],
      afterStep: () => this.#betweenSteps(),
    }
    this.#judge = new VolumeJudge(this.#load, this.#faults)
  }

  async run(): Promise<number> {
    const process = this.#start(undefined)
    await this.#until(this.#make(process), 'the making of a clone')
    process.life.end()
    let isFilled = false
    while (!isFilled) isFilled = await this.#live()
    this.#origin.isGone = true
    const last = this.#start(undefined)
    await this.#until(this.#stands(last), 'a clone that stands by itself')
    last.life.end()
    return this.#lives
  }

  async #make(process: SimProcess): Promise<void> {
    const uuid = new Uint8Array(16).fill(8)
    await Volume.create(process, { directory: DIRECTORY, uuid, name: 'clone', ...this.#profile.shape })
    const volume = await this.#open(process)
    const origin = { ...ORIGIN, sizeBytes: this.#origin.sizeBytes }
    await volume.setOrigin(origin)
    await volume.setOrigin(origin)
    await volume.close()
  }

  #open(process: SimProcess): Promise<Volume> {
    const options: OpenVolumeOptions = {
      directory: DIRECTORY,
      tuning: this.#profile.tuning,
      origin: this.#origin,
    }
    return Volume.open(process, options)
  }

  #until<T>(promise: Promise<T>, what: string): Promise<T> {
    return this.#scheduler.until(promise, { what, limitMs: LIFE_LIMIT_MS })
  }

  #start(calls: number | undefined): SimProcess {
    let left = calls ?? Number.POSITIVE_INFINITY
    const process: SimProcess = startProcess({
      storage: this.#storage,
      scheduler: this.#scheduler,
      seed: this.#random.u32(),
      faults: this.#faults,
      onCall: () => {
        if (left-- <= 0) process.life.end()
      },
    })
    return process
  }

  /** One life of a process. Returns whether all is filled. */
  async #live(): Promise<boolean> {
    this.#lives++
    // one that is seldom left alone is filled in the end
    const calls = this.#lives > 12 ? undefined : 1 + this.#random.integer(2 * this.#profile.callsPerCrash)
    const process = this.#start(calls)
    const died = new Promise<'died'>((resolve) => {
      process.life.onEnd(() => resolve('died'))
    })
    const session = async (): Promise<'closed'> => {
      this.#origin.isReachable = true
      const volume = await this.#open(process)
      await this.#verify(volume, process)
      const load = new Load(this.#load, volume, process.clock, this.#random.fork(`load ${this.#lives}`))
      await Promise.all([load.run(), this.#fill(volume, process)])
      await volume.close()
      return 'closed'
    }
    const end = await this.#until(Promise.race([session(), died]), `life ${this.#lives} of a clone`)
    process.life.end()
    if (end === 'closed') return true
    process.disk.settleInFlight(this.#random)
    const isPower = this.#random.chance(0.5)
    this.#judge.crashed(isPower ? 'power' : 'process')
    this.#storage = isPower
      ? this.#storage.afterPowerLoss(drawKept(this.#random))
      : this.#storage.afterProcessCrash()
    return false
  }

  /** All of it is read, as often as it takes. */
  async #verify(volume: Volume, process: SimProcess): Promise<void> {
    for (;;) {
      try {
        await this.#judge.verify(volume)
        return
      } catch (error) {
        if (!(error instanceof ModelViolation) || !error.message.includes('BUSY')) throw error
        await process.clock.sleep(20)
      }
    }
  }

  /** Brings what the clone does not have, and takes its origin away when there is nothing left. */
  async #fill(volume: Volume, process: SimProcess): Promise<void> {
    const limit = this.#random.pick([1, 8, 64])
    const again = async <T>(ask: () => Promise<T>): Promise<T> => {
      for (;;) {
        try {
          return await ask()
        } catch (error) {
          if (!isBlockError(error, 'BUSY')) throw error
          await process.clock.sleep(10)
        }
      }
    }
    for (let from: number | null = 0; from !== null && volume.origin !== null; ) {
      const fromBlock: number = from
      const page = await again(() => this.#origin.changed({ fromBlock, limit }))
      for (const { block, kind } of page.blocks) {
        const { blocks } = await volume.untouched(block, 1)
        if (kind === 'hole' || blocks[0] !== block) continue
        const data = new Uint8Array(BLOCK_BYTES)
        await again(() => this.#origin.read(block, data))
        await again(() => volume.hydrate(block, data))
      }
      from = page.nextBlock
    }
    if (volume.origin === null) return
    await again(() => volume.finishOrigin())
    this.#judge.expect(volume.origin === null, 'a clone that is filled names its origin')
  }

  #betweenSteps(): void {
    if (this.#random.chance(0.05)) this.#origin.isReachable = this.#random.chance(0.7)
    // what waits for it must get through
    if (this.#load.stepsLeft < 20) this.#origin.isReachable = true
  }

  /** Without its origin: it is what it was, and is snapshotted like any other. */
  async #stands(process: SimProcess): Promise<void> {
    const volume = await this.#open(process)
    await this.#judge.verify(volume)
    const client = new SnapshotClient(volume, this.#load.model)
    const outcome = await client.create(1n, 'first')
    this.#judge.expect(outcome === 'ok', `a snapshot of a clone ends with ${outcome}`)
    await client.readAll(1n, false)
    await volume.close()
  }
}

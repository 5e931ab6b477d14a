/**
 * One seed: a long random history of one volume. Lives of the process follow each other; each opens the volume, holds
 * its content against the oracle, runs the load, and ends in a crash at some call of a port, a power loss, a clean
 * close, or an error of the disk that the volume does not survive. At the end the faults stop, and within a bound of
 * virtual time everything must be well again.
 *
 * # What is detectable
 *
 * A disk that errs, rots, misdirects or tears never makes a volume return wrong bytes: it may refuse (MEDIUM,
 * POISONED, LOG_DAMAGED, CORRUPT), and what it refuses is not held against it. Three faults take away the knowledge
 * itself, and one server alone cannot get it back:
 *
 * - A sync that lied, before a power loss: anything written since the last honest sync may be gone, superblock
 *   included, so that nothing is left that knows better.
 * - A write to the log that the disk put elsewhere: like a lie about the entries of that write.
 * - Rot in the newest entries of the log, while nothing that was written later says that they were durable: it looks
 *   like a tail that was torn.
 *
 * Then, and after an operator accepted a loss that the volume did name, each sector may hold any value that it ever
 * had, whole and in its place. With replicas a peer knows better; without, the volume cannot.
 */
import { assert } from '../../src/base/assert.ts'
import { isBlockError } from '../../src/base/errors.ts'
import type { OpenVolumeOptions } from '../../src/blockvol/api.ts'
import { Volume } from '../../src/blockvol/volume.ts'
import { type Outcome, outcomeOf, VolumeClient } from './client.ts'
import { identifyAll, SECTOR_BYTES } from './content.ts'
import { FaultPlan } from './faults.ts'
import { Load, type LoadState } from './load.ts'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from './machine.ts'
import { type CrashKind, ModelViolation, UNREADABLE, VolumeModel } from './model.ts'
import { drawKept } from './power-loss.ts'
import { damageOf, drawProfile, type SimProfile, type Swarm } from './profile.ts'
import { SeededRandom } from './random.ts'
import { Register } from './register.ts'
import { Scheduler, StuckError } from './scheduler.ts'
import { SnapshotClient } from './snapshot-client.ts'
import type { Storage } from './storage.ts'

const DIRECTORY = `${DATA_DIRECTORY}/volume`
const BLOCK_SECTORS = 8
/** Virtual time in which one life must come to its end. */
const LIFE_LIMIT_MS = 3_600_000
/** Virtual time in which all must be well after the faults stopped. */
const LIVENESS_LIMIT_MS = 120_000

export interface SimResult {
  readonly seed: number
  readonly steps: number
  readonly lives: number
  readonly crashes: number
  readonly faults: Readonly<Record<string, number>>
  readonly outcomes: ReadonlyMap<string, number>
  readonly traceHash: string
  /** Why the history ended before its steps were done: damage that one server cannot survive. */
  readonly lost: string | undefined
}

/** Runs the history of `seed`, `steps` client operations long; throws what it broke. */
export async function simulate(seed: number, steps: number, faults?: Swarm): Promise<SimResult> {
  return new VolumeSim(seed, steps, faults).run()
}

/** The faults and the shape that the seed draws, for messages. */
export function describeSeed(seed: number, swarm?: Swarm): string {
  const { faults, shape, tuning, clients, rot, spareBytes } = drawProfile(
    new SeededRandom(seed).fork('profile'),
    swarm,
  )
  return JSON.stringify({ faults, rot, spareBytes, clients, shape, tuning })
}

class VolumeSim {
  readonly #seed: number
  readonly #steps: number
  readonly #random: SeededRandom
  readonly #scheduler: Scheduler
  readonly #profile: SimProfile
  readonly #faults: FaultPlan
  readonly #load: LoadState
  #storage: Storage = emptyStorage()
  /** What the next opening is judged by; the worst of all crashes since the last one that got through. */
  #judgeBy: CrashKind = 'process'
  /** The disk lost what it had reported durable: each sector may hold any of its former values. */
  #wasDeceived = false
  #reported = { durableLsn: 0, epoch: 0 }
  #acceptLogLoss: { fromLsn: number; toLsn: number } | undefined
  #lives = 0
  #crashes = 0
  #rotted = 0
  /** Since the last opening that got through. */
  #hasLogRotted = false
  #failedOpenings = 0

  constructor(seed: number, steps: number, faults: Swarm | undefined) {
    this.#seed = seed
    this.#steps = steps
    this.#random = new SeededRandom(seed)
    this.#scheduler = new Scheduler(seed)
    this.#profile = drawProfile(this.#random.fork('profile'), faults)
    this.#faults = new FaultPlan(this.#random.fork('faults'))
    // where a lost write of bookkeeping goes unnoticed is described in docs/formats; here it hits content and log
    if ((this.#profile.faults.misdirectedWrite ?? 0) > 0) {
      this.#faults.targets = (path) => /\/(log|extents\/\d+)$/.test(path)
    }
    const { shape } = this.#profile
    const model = new VolumeModel({
      entryBlocksMax: Math.max(1, Math.min(256, Math.floor(shape.logBytes / 8 / 4096))),
    })
    this.#load = {
      profile: this.#profile,
      damage: damageOf(this.#profile),
      model,
      size: new Register(model, shape.sizeBytes),
      frontendState: new Register(model, ''),
      stepsLeft: steps,
      outcomes: new Map(),
      unanswered: [],
      afterStep: () => this.#betweenSteps(),
    }
  }

  async run(): Promise<SimResult> {
    await this.#create()
    let lost: string | undefined
    while (lost === undefined && this.#load.stepsLeft > 0) lost = await this.#live()
    if (lost === undefined) lost = await this.#recoverForGood()
    return {
      seed: this.#seed,
      steps: this.#steps - this.#load.stepsLeft,
      lives: this.#lives,
      crashes: this.#crashes,
      faults: { ...this.#faults.counts, rot: this.#rotted },
      outcomes: this.#load.outcomes,
      traceHash: this.#scheduler.traceHash,
      lost,
    }
  }

  async #create(): Promise<void> {
    const process = this.#start(undefined)
    const { shape, spareBytes } = this.#profile
    const uuid = new Uint8Array(16).fill(7)
    const made = Volume.create(process, { directory: DIRECTORY, uuid, name: 'sim', ...shape })
    await this.#scheduler.until(made, { what: 'the making of the volume' })
    process.life.end()
    if (spareBytes !== undefined) this.#storage.capacityBytes = this.#storage.usedBytes + spareBytes
    this.#faults.rates = this.#profile.faults
  }

  /** Starts a process that dies after `calls` calls of its disk port. */
  #start(calls: number | undefined): SimProcess {
    let left = calls ?? Number.POSITIVE_INFINITY
    let { syncError } = this.#faults.counts
    const process: SimProcess = startProcess({
      storage: this.#storage,
      scheduler: this.#scheduler,
      seed: this.#random.u32(),
      faults: this.#faults,
      onCall: () => {
        if (this.#faults.counts.syncError > syncError) {
          // a machine whose disk fails may go down soon: what the failed sync has lost must not have been promised
          ;({ syncError } = this.#faults.counts)
          if (this.#random.chance(0.5)) left = Math.min(left, this.#random.integer(20))
        }
        if (left-- <= 0) process.life.end()
      },
    })
    return process
  }

  /** One life of the process. Returns why the volume is lost, if it is. */
  async #live(): Promise<string | undefined> {
    this.#lives++
    // some lives are long, whatever the profile says: a history that only ever restarts shows little
    const calls = this.#random.chance(0.2) ? 5_000 : this.#profile.callsPerCrash
    const { syncError } = this.#faults.counts
    const process = this.#start(1 + this.#random.integer(2 * calls))
    const died = new Promise<'died'>((resolve) => {
      process.life.onEnd(() => resolve('died'))
    })
    let volume: Volume | undefined
    let load: Load | undefined
    const session = async (): Promise<'closed' | { lost: string }> => {
      for (;;) {
        const opened = await this.#open(process)
        if (opened === undefined) continue
        if (typeof opened === 'object' && 'lost' in opened) return opened
        volume = opened
        if (!(await this.#verifyUnlessPoisoned(volume))) continue
        load = new Load(this.#load, volume, process.clock, this.#random.fork(`load ${this.#lives}`))
        const isServing = await load.run()
        const closed = await outcomeOf(volume.close())
        this.#expectClosed(closed)
        const isWhole = isServing && closed === 'ok' && volume.status().health !== 'poisoned'
        if (!isWhole) this.#judgeBy = worse(this.#judgeBy, 'power')
        if (this.#load.stepsLeft <= 0) return 'closed'
      }
    }
    const end = await this.#scheduler
      .until(Promise.race([session(), died]), {
        what: `life ${this.#lives}`,
        limitMs: LIFE_LIMIT_MS,
      })
      .catch((error: unknown) => {
        if (!(error instanceof StuckError)) throw error
        const health = volume === undefined ? 'closed' : volume.status().health
        throw new StuckError(`${error.message}; the volume is ${health}, clients wait for: ${load?.underWay}`)
      })
    if (volume !== undefined) this.#note(volume)
    if (end === 'died') this.#crash(process, this.#faults.counts.syncError > syncError)
    process.life.end()
    return typeof end === 'object' ? end.lost : undefined
  }

  #crash(process: SimProcess, hasLostASync: boolean): void {
    this.#crashes++
    // what a failed sync left out is gone, although only the process died
    if (hasLostASync) this.#judgeBy = worse(this.#judgeBy, 'power')
    process.disk.settleInFlight(this.#random)
    if (this.#random.chance(0.5)) {
      this.#judgeBy = worse(this.#judgeBy, 'process')
      this.#storage = this.#storage.afterProcessCrash()
      return
    }
    const unsynced = this.#storage.unsynced()
    if (unsynced.some((one) => one.kind === 'content' && one.wasLied)) this.#wasDeceived = true
    this.#judgeBy = worse(this.#judgeBy, 'power')
    this.#storage = this.#storage.afterPowerLoss(drawKept(this.#random))
  }

  /** The open volume; undefined when it is to be tried again. */
  async #open(process: SimProcess): Promise<Volume | undefined | { lost: string }> {
    const options: OpenVolumeOptions = { directory: DIRECTORY, tuning: this.#profile.tuning }
    try {
      const volume = await Volume.open(
        process,
        this.#acceptLogLoss === undefined ? options : { ...options, acceptLogLoss: this.#acceptLogLoss },
      )
      this.#acceptLogLoss = undefined
      this.#failedOpenings = 0
      return volume
    } catch (error) {
      if (!isBlockError(error)) throw error
      return this.#refused(error.code, error.message, error.facts)
    }
  }

  /** Decides whether the faults explain that the volume did not open, and how to go on. */
  #refused(
    code: string,
    message: string,
    facts: Readonly<Record<string, unknown>>,
  ): undefined | { lost: string } {
    const { mayBreak, mayLie, mayFail } = this.#load.damage
    const isDamaged = mayBreak || mayLie
    if (code === 'LOG_DAMAGED' && isDamaged) {
      this.#acceptLogLoss = { fromLsn: Number(facts.fromLsn), toLsn: Number(facts.toLsn) }
      this.#wasDeceived = true
      return undefined
    }
    if ((code === 'CORRUPT' || code === 'UNKNOWN_FORMAT' || code === 'NOT_FOUND') && isDamaged) {
      return { lost: message }
    }
    const isTransient =
      (mayFail || isDamaged) && (code === 'DISK' || code === 'MEDIUM' || code === 'POISONED')
    const isFull = this.#profile.spareBytes !== undefined && (code === 'NO_SPACE' || code === 'BUSY')
    if (!isTransient && !isFull) throw new ModelViolation(`the volume does not open: ${code}: ${message}`)
    // someone looks at the machine: a cable is plugged in again, files are removed
    if (++this.#failedOpenings > 3) {
      this.#storage.healPages()
      if (isFull) this.#storage.capacityBytes = this.#storage.usedBytes + (this.#profile.spareBytes ?? 0)
      if (this.#failedOpenings > 20)
        throw new ModelViolation(`the volume does not open any more: ${code}: ${message}`)
    }
    return undefined
  }

  #note(volume: Volume): void {
    const { durableLsn, epoch } = volume.status()
    this.#reported = { durableLsn, epoch: epoch.number }
  }

  /** As `#verify`; false when the disk failed meanwhile, and the volume has to be opened again. */
  async #verifyUnlessPoisoned(volume: Volume): Promise<boolean> {
    try {
      await this.#verify(volume)
      return true
    } catch (error) {
      if (!isBlockError(error, 'POISONED') || !this.#load.damage.mayFail) throw error
      this.#expectClosed(await outcomeOf(volume.close()))
      this.#judgeBy = worse(this.#judgeBy, 'power')
      return false
    }
  }

  /** Holds everything that the volume shows after an opening against the oracle; a new history starts from it. */
  async #verify(volume: Volume): Promise<void> {
    const { model, size, frontendState, damage } = this.#load
    const values = await this.#readAll(volume)
    const list = volume.snapshots()
    const valueAt = model.snapshots.found(list, (sector) => values[sector] ?? 0)
    const { epoch, appendedLsn } = volume.status()
    const { durableLsn } = this.#reported
    if (damage.mayLie && this.#faults.counts.misdirectedWrite > 0) this.#wasDeceived = true
    if (this.#hasLogRotted && appendedLsn <= durableLsn) this.#wasDeceived = true
    if (!this.#wasDeceived) {
      model.judgeCrash(this.#judgeBy, valueAt)
      this.#expect(epoch.number > this.#reported.epoch, `epoch ${epoch.number} was used before`)
      this.#expect(appendedLsn > durableLsn, `the log ends at ${appendedLsn}, ${durableLsn} was durable`)
      this.#expect(size.allowed(model.now).includes(volume.sizeBytes), `the size is ${volume.sizeBytes}`)
      const text = Buffer.from(volume.frontendState()).toString()
      this.#expect(frontendState.allowed(model.now).includes(text), `the front-end state is '${text}'`)
    }
    const untouched = new Set(values.keys())
    for (const sector of model.touchedSectors) {
      untouched.delete(sector)
      const value = valueAt(sector)
      if (value !== UNREADABLE && !model.wasEver(sector, value)) {
        throw new ModelViolation(`sector ${sector} holds operation ${value}, which never wrote there`)
      }
    }
    for (const sector of untouched) {
      const value = valueAt(sector)
      if (value > 0)
        throw new ModelViolation(`sector ${sector}, which nobody wrote, holds operation ${value}`)
    }
    model.rebase(valueAt)
    size.rebase(volume.sizeBytes)
    frontendState.rebase(Buffer.from(volume.frontendState()).toString())
    await this.#verifySnapshots(volume)
    this.#judgeBy = 'process'
    this.#wasDeceived = false
    this.#hasLogRotted = false
    this.#note(volume)
  }

  /** Snapshots hold what they held when they were made. */
  async #verifySnapshots(volume: Volume): Promise<void> {
    const { model, damage } = this.#load
    const client = new SnapshotClient(volume, model)
    for (const { id } of client.list()) {
      const content = await client.readAll(id, damage.mayBreak || damage.mayLie, this.#wasDeceived)
      if (this.#wasDeceived) model.snapshots.learn(id, content)
    }
  }

  /** The value of every sector, UNREADABLE where a block cannot be read. */
  async #readAll(volume: Volume): Promise<Int32Array> {
    const values = new Int32Array(volume.sizeBytes / SECTOR_BYTES)
    const step = 64 * BLOCK_SECTORS
    for (let sector = 0; sector < values.length; sector += step) {
      const sectors = Math.min(step, values.length - sector)
      const chunk = await this.#readSome(volume, sector, sectors)
      if (chunk !== undefined) {
        values.set(chunk, sector)
        continue
      }
      for (let at = sector; at < sector + sectors; at += BLOCK_SECTORS) {
        const block = await this.#readSome(volume, at, BLOCK_SECTORS)
        if (block === undefined) values.fill(UNREADABLE, at, at + BLOCK_SECTORS)
        else values.set(block, at)
      }
    }
    return values
  }

  async #readSome(volume: Volume, sector: number, sectors: number): Promise<Uint32Array | undefined> {
    const bytes = new Uint8Array(sectors * SECTOR_BYTES)
    try {
      await volume.read(sector * SECTOR_BYTES, bytes)
    } catch (error) {
      const { mayBreak, mayLie, mayFail } = this.#load.damage
      if (isBlockError(error, 'MEDIUM') && (mayBreak || mayLie)) return undefined
      if (isBlockError(error, 'POISONED') && mayFail) return undefined
      if (!isBlockError(error)) throw error
      throw new ModelViolation(
        `a read ended with ${error.code}, which no fault of this run explains: ${error.message}`,
      )
    }
    return identifyAll(bytes, sector, volume.logicalBlockBytes)
  }

  #expect(condition: boolean, message: string): void {
    if (!condition) throw new ModelViolation(`after an opening: ${message}`)
  }

  /** A close under a failing disk may fail; the volume is closed none the less. */
  #expectClosed(outcome: Outcome): void {
    const isExplained = outcome === 'ok' || (outcome === 'DISK' && this.#load.damage.mayFail)
    if (!isExplained)
      throw new ModelViolation(`a close ended with ${outcome}, which no fault of this run explains`)
  }

  /** Faults of the medium itself, between the clients' steps. */
  #betweenSteps(): void {
    const random = this.#random
    const { rot, evictions } = this.#profile
    if (random.chance(evictions)) this.#storage.dropCache(this.#drawFile().fileId)
    if (!random.chance(rot)) return
    const { name, fileId } = this.#drawFile()
    const pages = [...this.#storage.durableOf(fileId).pageIndexes()]
    if (pages.length === 0) return
    this.#rotted++
    if (name === 'log') this.#hasLogRotted = true
    this.#storage.flipBit(fileId, random.pick(pages) * 4096 + random.integer(4096), random.integer(8))
  }

  #drawFile(): { name: string; fileId: number } {
    const weights = {
      'extents/000000': 5,
      'extents/000000.map': 3,
      log: 4,
      maxima: 1,
      state: 0.3,
      super: 0.3,
    }
    const drawn = this.#random.weighted(weights)
    const fileId = this.#storage.lookup(`${DIRECTORY}/${drawn}`)
    if (fileId !== undefined) return { name: drawn, fileId }
    const log = this.#storage.lookup(`${DIRECTORY}/log`)
    assert(log !== undefined, 'a volume that was made has a log')
    return { name: 'log', fileId: log }
  }

  /** The faults stop. Everything must be well again, and stay so. Returns why the volume is lost, if it is. */
  async #recoverForGood(): Promise<string | undefined> {
    this.#faults.stop()
    this.#storage.healPages()
    this.#storage.capacityBytes = Number.POSITIVE_INFINITY
    const process = this.#start(undefined)
    const heal = async (): Promise<string | undefined> => {
      let opened = await this.#open(process)
      if (opened === undefined) opened = await this.#open(process)
      if (opened === undefined)
        throw new ModelViolation('the volume does not open though the faults have stopped')
      if ('lost' in opened) return opened.lost
      await this.#verify(opened)
      await this.#rewriteUnreadable(opened)
      await process.clock.sleep(5_000)
      const { health, reasons } = opened.status()
      this.#expect(health === 'healthy', `the health stays ${health}: ${reasons.join('; ')}`)
      const scrub = await opened.scrub()
      this.#expect(scrub.errors === 0, `a scrub finds ${scrub.errors} bad blocks`)
      await opened.close()
      this.#expect(
        process.pool.lentBytes === 0,
        `${process.pool.lentBytes} bytes of buffers were not given back`,
      )
      this.#note(opened)
      const again = await this.#open(process)
      if (again === undefined || 'lost' in again)
        throw new ModelViolation('a healthy volume does not open again')
      await this.#verify(again)
      await again.close()
      return undefined
    }
    const lost = await this.#scheduler.until(heal(), {
      what: 'recovery after the last fault',
      limitMs: LIVENESS_LIMIT_MS,
    })
    process.life.end()
    return lost
  }

  /** What a host does with bad blocks: it writes them again, or gives them up. */
  async #rewriteUnreadable(volume: Volume): Promise<void> {
    const client = new VolumeClient(volume, this.#load.model)
    const values = await this.#readAll(volume)
    for (let sector = 0; sector < values.length; sector += BLOCK_SECTORS) {
      if (values[sector] !== UNREADABLE) continue
      const range = { firstSector: sector, sectors: BLOCK_SECTORS }
      let outcome = await client.write(range)
      // a log that is full of entries which cannot be flushed has room for the trim that makes them needless
      if (outcome === 'BUSY') outcome = await client.trim(range)
      this.#expect(outcome === 'ok', `a bad block cannot be written again: ${outcome}`)
    }
    const outcome = await client.flush()
    this.#expect(outcome === 'ok', `a flush ends with ${outcome}`)
    const left = (await this.#readAll(volume)).includes(UNREADABLE)
    this.#expect(!left, 'blocks that were written again cannot be read')
  }
}

const worse = (a: CrashKind, b: CrashKind): CrashKind => (a === 'power' ? a : b)

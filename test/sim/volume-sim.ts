/**
 * One seed: a long random history of one volume. Lives of the process follow each other; each opens the volume, holds
 * its content against the oracle, runs the load, and ends in a crash at some call of a port, a power loss, a clean
 * close, or an error of the disk that the volume does not survive. At the end the faults stop, and within a bound of
 * virtual time everything must be well again.
 */
import { assert } from '../../src/base/assert.ts'
import { isBlockError } from '../../src/base/errors.ts'
import type { OpenVolumeOptions } from '../../src/blockvol/api.ts'
import { Volume } from '../../src/blockvol/volume.ts'
import { type Outcome, outcomeOf } from './client.ts'
import { FaultPlan } from './faults.ts'
import { Load, type LoadState } from './load.ts'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from './machine.ts'
import { ModelViolation, VolumeModel } from './model.ts'
import { drawKept } from './power-loss.ts'
import { damageOf, drawProfile, type SimProfile, type Swarm } from './profile.ts'
import { SeededRandom } from './random.ts'
import { Register } from './register.ts'
import { Scheduler, StuckError } from './scheduler.ts'
import type { Storage } from './storage.ts'
import { dropBadSnapshots, giveSpaceBack, rewriteUnreadable } from './volume-healing.ts'
import { VolumeJudge } from './volume-judge.ts'

const DIRECTORY = `${DATA_DIRECTORY}/volume`
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
  /** Draws what hits preserved versions, so that all else of a seed is what it was. */
  readonly #ofVersions: SeededRandom
  readonly #scheduler: Scheduler
  readonly #profile: SimProfile
  readonly #faults: FaultPlan
  readonly #load: LoadState
  readonly #judge: VolumeJudge
  #storage: Storage = emptyStorage()
  #acceptLogLoss: { fromLsn: number; toLsn: number } | undefined
  #lives = 0
  #crashes = 0
  #rotted = 0
  #failedOpenings = 0

  constructor(seed: number, steps: number, faults: Swarm | undefined) {
    this.#seed = seed
    this.#steps = steps
    this.#random = new SeededRandom(seed)
    this.#ofVersions = this.#random.fork('versions')
    this.#scheduler = new Scheduler(seed)
    this.#profile = drawProfile(this.#random.fork('profile'), faults)
    this.#faults = new FaultPlan(this.#random.fork('faults'))
    // where a lost write of bookkeeping goes unnoticed is described in docs/formats; here it hits content and log
    if ((this.#profile.faults.misdirectedWrite ?? 0) > 0) {
      this.#faults.targets = (path) => /\/(log|extents\/\d+|versions\/\d+)$/.test(path)
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
    this.#judge = new VolumeJudge(this.#load, this.#faults)
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
        if (!isWhole) this.#judge.crashed('power')
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
    if (volume !== undefined) this.#judge.note(volume)
    if (end === 'died') this.#crash(process, this.#faults.counts.syncError > syncError)
    process.life.end()
    return typeof end === 'object' ? end.lost : undefined
  }

  #crash(process: SimProcess, hasLostASync: boolean): void {
    this.#crashes++
    // what a failed sync left out is gone, although only the process died
    if (hasLostASync) this.#judge.crashed('power')
    process.disk.settleInFlight(this.#random)
    if (this.#random.chance(0.5)) {
      this.#judge.crashed('process')
      this.#storage = this.#storage.afterProcessCrash()
      return
    }
    const unsynced = this.#storage.unsynced()
    if (unsynced.some((one) => one.kind === 'content' && one.wasLied)) this.#judge.wasDeceived = true
    this.#judge.crashed('power')
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
      this.#judge.wasDeceived = true
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

  /** As `verify`; false when the disk failed meanwhile, and the volume has to be opened again. */
  async #verifyUnlessPoisoned(volume: Volume): Promise<boolean> {
    try {
      await this.#judge.verify(volume)
      return true
    } catch (error) {
      if (!isBlockError(error, 'POISONED') || !this.#load.damage.mayFail) throw error
      this.#expectClosed(await outcomeOf(volume.close()))
      this.#judge.crashed('power')
      return false
    }
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
    const { name, fileId } = this.#drawVersions() ?? this.#drawFile()
    const pages = [...this.#storage.durableOf(fileId).pageIndexes()]
    if (pages.length === 0) return
    this.#rotted++
    if (name === 'log') this.#judge.hasLogRotted = true
    this.#storage.flipBit(fileId, random.pick(pages) * 4096 + random.integer(4096), random.integer(8))
  }

  /** A file of what is preserved, sometimes, if there is one. */
  #drawVersions(): { name: string; fileId: number } | undefined {
    const files = this.#storage.filesIn(`${DIRECTORY}/versions`)
    if (files.length === 0 || !this.#ofVersions.chance(0.4)) return undefined
    return { name: 'versions', fileId: this.#ofVersions.pick(files) }
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
      await this.#judge.verify(opened)
      await dropBadSnapshots(opened, this.#load.model)
      await rewriteUnreadable(opened, this.#load.model, this.#judge)
      await process.clock.sleep(5_000)
      const { health, reasons } = opened.status()
      this.#judge.expect(health === 'healthy', `the health stays ${health}: ${reasons.join('; ')}`)
      const scrub = await opened.scrub()
      this.#judge.expect(scrub.errors === 0, `a scrub finds ${scrub.errors} bad blocks`)
      await opened.close()
      this.#judge.expect(
        process.pool.lentBytes === 0,
        `${process.pool.lentBytes} bytes of buffers were not given back`,
      )
      this.#judge.note(opened)
      const again = await this.#open(process)
      if (again === undefined || 'lost' in again)
        throw new ModelViolation('a healthy volume does not open again')
      await this.#judge.verify(again)
      if (this.#profile.snapshots.operators > 0) await giveSpaceBack(again, this.#load.model, process.clock)
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
}

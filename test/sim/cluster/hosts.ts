/**
 * Hosts of the simulated volume. Some drive the device of whoever leads as if from another machine, hold their answers against
 * the oracle of the epoch, and go on using a path that is over; some come over iSCSI (paths/).
 */
import type { HostPort } from '../../../src/base/address.ts'
import { isBlockError } from '../../../src/base/errors.ts'
import type { BlockDevice } from '../../../src/base/ports/block-device.ts'
import { BLOCK_BYTES, type Epoch } from '../../../src/base/units.ts'
import { fail } from '../../cluster/checker.ts'
import { type Outcome, type Range, VolumeClient } from '../client.ts'
import type { SeededRandom } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import { answered } from './answers.ts'
import type { AttachedSnapshots } from './attached-snapshots.ts'
import type { EpochModel, History } from './history.ts'
import type { SimNetwork } from './net.ts'
import { PathHosts } from './paths/path-hosts.ts'
import type { ReservationRule } from './paths/reservation-rule.ts'
import type { ClusterProfile } from './profile.ts'
import type { RunLog } from './timeline.ts'

/** Where hosts are served, in one epoch. */
export interface Path {
  readonly server: string
  readonly epoch: Epoch
  readonly device: BlockDevice
  /** For operators. */
  readonly snapshots: AttachedSnapshots
  readonly model: EpochModel
}

export interface HostsOptions {
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly random: SeededRandom
  readonly log: RunLog
  readonly profile: ClusterProfile
  readonly history: History
  /** Who leads now. */
  readonly path: () => Path | undefined
  /** Whether the processes there run, so that an answer can be expected. */
  readonly isAnswering: (path: Path) => boolean
  readonly reservations: ReservationRule
  /** Of the iSCSI targets of all servers, in one order. */
  readonly portals: () => readonly HostPort[]
  readonly broken: (error: unknown) => void
}

const WEIGHTS = {
  write: 30,
  read: 25,
  readNow: 6,
  flush: 8,
  trim: 5,
  writeZeroes: 3,
  writeSame: 3,
  compareAndWrite: 3,
  readModifyWrite: 3,
  checkpoint: 0.5,
} as const
type Step = keyof typeof WEIGHTS

const ALLOWED: ReadonlySet<Outcome> = new Set(['ok', 'mismatch', 'BUSY', 'CLOSED', 'DISCONNECTED'])
const BLOCK_SECTORS = 8

export class Hosts {
  readonly #o: HostsOptions
  readonly #random: SeededRandom
  /** Paths that are over, which some hosts still use. */
  readonly #old: Path[] = []
  #isStopped = false
  readonly #byPath: PathHosts
  readonly #working: Promise<void>[] = []
  /** Operations that were answered, one way or the other. */
  operations = 0
  succeeded = 0
  /** Writes that reached a server whose epoch was over, and were refused. */
  lateRefused = 0

  constructor(options: HostsOptions) {
    this.#o = options
    this.#random = options.random
    this.#byPath = new PathHosts({
      ...options,
      random: options.random.fork('by path'),
      sleep: (forMs) => this.sleep(forMs),
      ended: (isOk) => {
        this.operations += 1
        if (isOk) this.succeeded += 1
      },
    })
  }

  /** An epoch begins in which what was acknowledged before may be lost. */
  forget(valueAt: (sector: number) => number): void {
    this.#byPath.forget(valueAt)
  }

  /** Reads of hosts that come by iSCSI which were held against what they wrote. */
  get checkedByPath(): number {
    return this.#byPath.checked
  }

  start(): void {
    const { profile } = this.#o
    for (let i = 0; i < profile.clients; i++) this.#guard(this.#work())
    for (const working of this.#byPath.start()) this.#guard(working)
  }

  /** No host begins anything any more; resolves when what was under way is answered, which a watch sees to. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#byPath.stop()
    await Promise.all(this.#working)
  }

  over(path: Path): void {
    this.#old.push(path)
    if (this.#old.length > 3) this.#old.shift()
  }

  #guard(work: Promise<void>): void {
    this.#working.push(work.catch((error: unknown) => this.#o.broken(error)))
  }

  sleep(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#o.scheduler.schedule('think', '', forMs, resolve)
    })
  }

  async #work(): Promise<void> {
    const random = this.#random
    while (!this.#isStopped) {
      const path = this.#choose()
      if (path === undefined) await this.sleep(50 + random.integer(200))
      else {
        const isOld = this.#old.includes(path)
        const step = isOld ? random.pick(['write', 'read', 'flush'] as const) : random.weighted(WEIGHTS)
        // a command that was on its way for long
        if (random.chance(0.02)) await this.sleep(random.integer(6000))
        const outcome = await answered(this.#o, path, step, this.#perform(path, step))
        this.#judge(path, step, outcome)
        await this.sleep(random.pick(this.#o.profile.thinkMs) * random.fraction())
      }
    }
  }

  #choose(): Path | undefined {
    if (this.#old.length > 0 && this.#random.chance(0.05)) return this.#random.pick(this.#old)
    return this.#o.path()
  }

  #judge(path: Path, step: Step, outcome: Outcome): void {
    const { disk, weights } = this.#o.profile
    this.operations += 1
    if (outcome === 'ok' || outcome === 'mismatch') this.succeeded += 1
    this.#o.log.count(`host ${step} ${outcome}`)
    const isOver = path !== this.#o.path()
    if (isOver && step === 'write' && (outcome === 'CLOSED' || outcome === 'BUSY')) this.lateRefused += 1
    const mayFail = Object.keys(disk).length > 0 || weights.rot > 0
    const isExplained =
      ALLOWED.has(outcome) ||
      (outcome === 'POISONED' && (mayFail || weights.full > 0)) ||
      (outcome === 'MEDIUM' && mayFail) ||
      (outcome === 'DISK' && mayFail && step === 'checkpoint') ||
      (outcome === 'NO_SPACE' && weights.full > 0)
    if (!isExplained)
      fail(`${step} at ${path.server} ended with ${outcome}, which no fault of this run explains`)
  }

  #perform(path: Path, step: Step): Promise<Outcome> {
    const client = new VolumeClient(path.device, path.model, { isReplicated: true })
    switch (step) {
      case 'write':
        return client.write(this.#range())
      case 'read':
        return client.read(this.#range(2)).then((result) => (typeof result === 'string' ? result : 'ok'))
      case 'readNow':
        return outcomeNow(() => client.readNow(this.#range()))
      case 'flush':
        return client.flush()
      case 'trim':
        return client.trim(this.#range(2))
      case 'writeZeroes':
        return client.writeZeroes(this.#range(2))
      case 'writeSame':
        return client.writeSame(this.#range(2))
      case 'compareAndWrite':
        return client.compareAndWrite(this.#range())
      case 'readModifyWrite':
        return client.readModifyWrite(this.#range())
      case 'checkpoint':
        return outcomeOfCheckpoint(path.device)
    }
  }

  #range(longer = 1): Range {
    const random = this.#random
    const { blocks, blocksMax, shape } = this.#o.profile
    const count = 1 + random.integer(blocksMax * longer)
    const spread = random.chance(0.7) ? Math.min(16, blocks) : blocks
    const block = Math.min(random.integer(spread), blocks - count)
    const fua = random.chance(0.1)
    const firstSector = block * BLOCK_SECTORS
    if (shape.logicalBlockBytes === BLOCK_BYTES || random.chance(0.7)) {
      return { firstSector, sectors: count * BLOCK_SECTORS, fua }
    }
    const skip = random.integer(BLOCK_SECTORS)
    return { firstSector: firstSector + skip, sectors: 1 + random.integer(count * BLOCK_SECTORS - skip), fua }
  }
}

async function outcomeNow(run: () => unknown): Promise<Outcome> {
  try {
    run()
    return 'ok'
  } catch (error) {
    if (isBlockError(error)) return error.code
    throw error
  }
}

async function outcomeOfCheckpoint(device: BlockDevice): Promise<Outcome> {
  try {
    await device.checkpoint()
    return 'ok'
  } catch (error) {
    if (isBlockError(error)) return error.code
    throw error
  }
}

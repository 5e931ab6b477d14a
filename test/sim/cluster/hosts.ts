/**
 * Hosts of the simulated volume. Some drive the device of whoever leads as if from another machine; some are iSCSI
 * initiators, through the production target at the server that leads. All hold their answers against the oracle of the
 * epoch, and some go on using a path that is over.
 */
import { type BlockErrorCode, isBlockError } from '../../../src/base/errors.ts'
import type { BlockDevice } from '../../../src/base/ports/block-device.ts'
import { BLOCK_BYTES, type Epoch } from '../../../src/base/units.ts'
import { BlockClient } from '../../../src/iscsi/initiator/block-client.ts'
import { Initiator } from '../../../src/iscsi/initiator/initiator.ts'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import { fail } from '../../cluster/checker.ts'
import { type Outcome, type Range, VolumeClient } from '../client.ts'
import { fillSectors, identifyAll, patternOf } from '../content.ts'
import { emptyStorage, startProcess } from '../machine.ts'
import type { SeededRandom } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import type { EpochModel, History } from './history.ts'
import type { SimNetwork } from './net.ts'
import type { ClusterProfile } from './profile.ts'
import type { RunLog } from './timeline.ts'

/** Where hosts are served, in one epoch. */
export interface Path {
  readonly server: string
  readonly epoch: Epoch
  readonly device: BlockDevice
  readonly model: EpochModel
  /** Of the iSCSI target there. */
  readonly portal: { readonly host: string; readonly port: number }
  readonly iqn: string
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
/** Longest time in which an operation must be answered. */
const ANSWER_MS = 60_000
const BLOCK_SECTORS = 8

export class Hosts {
  readonly #o: HostsOptions
  readonly #random: SeededRandom
  /** Paths that are over, which some hosts still use. */
  readonly #old: Path[] = []
  #isStopped = false
  readonly #working: Promise<void>[] = []
  /** Operations that were answered, one way or the other. */
  operations = 0
  succeeded = 0
  /** Writes that reached a server whose epoch was over, and were refused. */
  lateRefused = 0

  constructor(options: HostsOptions) {
    this.#o = options
    this.#random = options.random
  }

  start(): void {
    const { clients, iscsiClients } = this.#o.profile
    for (let i = 0; i < clients - iscsiClients; i++) this.#guard(this.#work())
    for (let i = 0; i < iscsiClients; i++) this.#guard(this.#workOverIscsi(i))
  }

  /** No host begins anything any more; resolves when what was under way is answered, which a watch sees to. */
  async stop(): Promise<void> {
    this.#isStopped = true
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
        const outcome = await this.#answered(path, step, this.#perform(path, step))
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

  /** What was asked must be answered within a bound, as long as somebody is there to answer. */
  #answered<T>(path: Path, what: string, answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const watch = (): void => {
        watching = this.#o.scheduler.schedule('watch', path.server, ANSWER_MS, () => {
          if (!this.#o.isAnswering(path)) watch()
          else this.#o.broken(new Error(`${what} at ${path.server} is not answered within ${ANSWER_MS} ms`))
        })
      }
      let watching: ReturnType<Scheduler['schedule']> | undefined
      watch()
      answer.then(resolve, reject).finally(() => {
        if (watching !== undefined) this.#o.scheduler.cancel(watching)
      })
    })
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

  // ---- over iSCSI

  async #workOverIscsi(index: number): Promise<void> {
    const { scheduler, network, random } = this.#o
    const name = `host${index}`
    const process = startProcess({ storage: emptyStorage(), scheduler, seed: random.u32() })
    const machine = { name, isPowered: true }
    const initiator = new Initiator({
      net: network.netOf(machine, process.life),
      clock: process.clock,
      random: process.random,
      pool: process.pool,
      initiatorName: `iqn.2026-01.example:${name}`,
      connectTimeoutMs: 2000,
      loginTimeoutMs: 4000,
    })
    while (!this.#isStopped) {
      const path = this.#o.path()
      const session = path === undefined ? undefined : await this.#login(initiator, path)
      if (session === undefined) {
        await this.sleep(100 + random.integer(300))
        continue
      }
      try {
        await this.#useSession(session)
      } catch (error) {
        if (!isBlockError(error)) throw error
        this.#o.log.count(`iscsi session ${error.code}`)
      }
      session.close()
      await session.closed
    }
  }

  async #login(initiator: Initiator, { portal, iqn }: Path): Promise<InitiatorSession | undefined> {
    try {
      return await initiator.connect({ portal, targetName: iqn, commandTimeoutMs: 20_000 })
    } catch (error) {
      if (!isBlockError(error)) throw error
      this.#o.log.count(`iscsi login ${error.code}`)
      return undefined
    }
  }

  async #useSession(session: InitiatorSession): Promise<void> {
    const client = new BlockClient(session)
    const random = this.#random
    while (!this.#isStopped) {
      const step = random.weighted({ write: 30, read: 25, flush: 8, unmap: 5, writeSame: 4 })
      try {
        await this.#command(client, step)
        this.succeeded += 1
        this.#o.log.count(`iscsi ${step} ok`)
      } catch (error) {
        if (!isBlockError(error)) throw error
        this.#o.log.count(`iscsi ${step} ${error.code}`)
        if (isOfSession(error.code)) throw error
      } finally {
        this.operations += 1
      }
      await this.sleep(random.pick(this.#o.profile.thinkMs) * random.fraction())
    }
  }

  async #command(
    client: BlockClient,
    step: 'write' | 'read' | 'flush' | 'unmap' | 'writeSame',
  ): Promise<void> {
    const random = this.#random
    const { history } = this.#o
    const { blocks: volumeBlocks, shape } = this.#o.profile
    const unit = shape.logicalBlockBytes
    const count = 1 + random.integer(3)
    const block = random.integer(Math.min(24, volumeBlocks - count))
    const [lba, blocks] = [(block * BLOCK_BYTES) / unit, (count * BLOCK_BYTES) / unit]
    const [firstSector, lengthBytes] = [block * BLOCK_SECTORS, count * BLOCK_BYTES]
    switch (step) {
      case 'write': {
        const data = fillSectors(new Uint8Array(lengthBytes), firstSector, history.nextValue())
        return client.write(lba, blocks, data, { fua: random.chance(0.1) })
      }
      case 'read': {
        const data = new Uint8Array(lengthBytes)
        await client.read(lba, blocks, data)
        identifyAll(data, firstSector, unit)
        return
      }
      case 'flush':
        return client.flush()
      case 'unmap':
        return client.unmap([{ lba, blocks }])
      case 'writeSame':
        return client.writeSame(lba, blocks, patternOf(unit, history.nextValue()))
    }
  }
}

/** The session is over, or as good as that. */
const isOfSession = (code: BlockErrorCode): boolean =>
  code === 'DISCONNECTED' ||
  code === 'PROTOCOL' ||
  code === 'TIMED_OUT' ||
  code === 'CLOSED' ||
  code === 'ABORTED'

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

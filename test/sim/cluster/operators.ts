/**
 * Operators of the simulated volume, at whoever leads: they make, read, restore and delete snapshots and expand the volume while
 * hosts write and servers fail. What one asked for and got no answer to is asked for again, with the same id, wherever the volume
 * is served then. Each snapshot is read whole whenever another server has come to serve.
 */
import { BLOCK_BYTES } from '../../../src/base/units.ts'
import { fail } from '../../cluster/checker.ts'
import { type Outcome, outcomeOf } from '../client.ts'
import type { SeededRandom } from '../random.ts'
import { SnapshotClient } from '../snapshot-client.ts'
import { SnapshotLoad } from '../snapshot-load.ts'
import { answered, type Watched } from './answers.ts'
import type { Path } from './hosts.ts'
import type { ClusterProfile } from './profile.ts'
import type { RunLog } from './timeline.ts'

/** Most that a volume grows at a time. */
const GROWTH_BLOCKS = 16
/** Of its first size. */
const GROWTH_MAX = 2
const EXPAND_SHARE = 0.05
const HOLD_SHARE = 0.06
const HOLD_MS = [20, 200, 2000] as const

export interface OperatorsOptions extends Watched {
  readonly random: SeededRandom
  readonly log: RunLog
  readonly profile: ClusterProfile
  readonly mayDamage: boolean
  /** Who leads now. */
  readonly path: () => Path | undefined
}

const ALLOWED: ReadonlySet<Outcome> = new Set(['ok', 'BUSY', 'CLOSED', 'DISCONNECTED'])

export class Operators {
  readonly #o: OperatorsOptions
  readonly #random: SeededRandom
  readonly #loads = new WeakMap<Path, SnapshotLoad>()
  readonly #unanswered: bigint[] = []
  #isStopped = false
  #old: Path | undefined
  #isGrowing = false
  /** The greatest size that was ever asked for. */
  #askedBytes: number
  readonly #working: Promise<void>[] = []

  constructor(options: OperatorsOptions) {
    this.#o = options
    this.#random = options.random
    this.#askedBytes = options.profile.shape.sizeBytes
  }

  start(): void {
    const { operators } = this.#o.profile.snapshots
    for (let operator = 0; operator < operators; operator++) this.#guard(this.#work(operator))
  }

  /** Nothing is begun any more; resolves when what was under way is answered. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#working)
  }

  over(path: Path): void {
    this.#old = path
  }

  /** Another server serves, or the same one again: all snapshots are as they were. */
  served(path: Path): void {
    this.#guard(this.#readAll(path))
  }

  async #readAll(path: Path): Promise<void> {
    const { log, mayDamage } = this.#o
    const client = new SnapshotClient(path.snapshots, path.model)
    for (const id of path.model.snapshots.ids) {
      if (this.#isStopped || path !== this.#o.path()) return
      const outcome = await answered(
        this.#o,
        path,
        'a read of a snapshot',
        outcomeOf(client.readAll(id, mayDamage)),
      )
      log.count(`snapshot at a promotion ${outcome}`)
      const isGone = outcome === 'NOT_FOUND' && !path.model.snapshots.mustBe(id)
      if (!isGone) this.#judge(path, 'a read of a snapshot', outcome)
    }
  }

  #guard(work: Promise<void>): void {
    this.#working.push(work.catch((error: unknown) => this.#o.broken(error)))
  }

  #sleep(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#o.scheduler.schedule('think', '', forMs, resolve)
    })
  }

  async #work(operator: number): Promise<void> {
    const random = this.#random
    const { thinkMs } = this.#o.profile.snapshots
    while (!this.#isStopped) {
      const isOld = this.#old !== undefined && random.chance(0.05)
      const path = isOld ? this.#old : this.#o.path()
      if (path === undefined) await this.#sleep(50 + random.integer(300))
      else {
        if (random.chance(EXPAND_SHARE)) await this.#grow(path)
        else if (random.chance(HOLD_SHARE)) await this.#hold(path)
        else await answered(this.#o, path, 'what an operator asks', this.#loadOf(path).once(operator))
        await this.#sleep(random.pick(thinkMs) * (0.2 + random.fraction()))
      }
    }
  }

  #loadOf(path: Path): SnapshotLoad {
    const { profile, mayDamage } = this.#o
    let load = this.#loads.get(path)
    load ??= new SnapshotLoad({
      // hosts that come by front ends know what they wrote, and would miss it
      profile: profile.pathHosts > 0 ? { ...profile.snapshots, restores: 0 } : profile.snapshots,
      device: path.snapshots,
      model: path.model,
      random: this.#random,
      hotBlocks: profile.blocks,
      mayBreak: mayDamage,
      unanswered: this.#unanswered,
      isOver: () => this.#isStopped,
      isStale: () => path !== this.#o.path(),
      sleep: (forMs) => this.#sleep(forMs),
      judge: (step, outcome) => this.#judge(path, step, outcome),
    })
    this.#loads.set(path, load)
    return load
  }

  /** Hosts' writes wait, as for snapshots of several volumes: none comes between, or who held them is told. */
  async #hold(path: Path): Promise<void> {
    const { snapshots, model } = path
    let wasWritten = false
    let isHeld = false
    const outcome = await answered(
      this.#o,
      path,
      'a hold of writes',
      outcomeOf(
        (async () => {
          const hold = await snapshots.holdWrites(this.#random.pick(HOLD_MS))
          const { writtenAt } = model
          await this.#sleep(this.#random.integer(300))
          isHeld = await snapshots.releaseWrites(hold, () => {
            wasWritten = model.writtenAt > writtenAt
          })
        })(),
      ),
    )
    if (outcome === 'ok' && isHeld) {
      this.#o.log.count('writes held to the end')
      if (wasWritten) fail(`a write was let through at ${path.server} while writes were held`)
    }
    this.#judge(path, 'hold', outcome)
  }

  async #grow(path: Path): Promise<void> {
    const { sizeBytes } = this.#o.profile.shape
    if (this.#isGrowing || this.#askedBytes >= GROWTH_MAX * sizeBytes) return
    this.#isGrowing = true
    this.#askedBytes += BLOCK_BYTES * (1 + this.#random.integer(GROWTH_BLOCKS))
    const operation = path.model.snapshots.beginGrowth(this.#askedBytes - sizeBytes)
    const options = { admit: () => path.model.admitted(operation) }
    const outcome = await answered(
      this.#o,
      path,
      'an expand',
      outcomeOf(path.snapshots.resize(this.#askedBytes, options)),
    )
    if (outcome === 'ok') path.model.acknowledged(operation)
    else path.model.failed(operation)
    this.#isGrowing = false
    this.#judge(path, 'expand', outcome)
  }

  #judge(path: Path, step: string, outcome: Outcome): void {
    const { disk, weights } = this.#o.profile
    this.#o.log.count(`operator ${step} ${outcome}`)
    const mayFail = Object.keys(disk).length > 0 || weights.rot > 0
    const isExplained =
      ALLOWED.has(outcome) ||
      (outcome === 'POISONED' && (mayFail || weights.full > 0)) ||
      ((outcome === 'MEDIUM' || outcome === 'DISK') && mayFail) ||
      (outcome === 'NO_SPACE' && weights.full > 0) ||
      // somebody may still look at it, of whom the server has not heard that he is gone
      (outcome === 'CONFLICT' && step === 'snapshot delete')
    if (!isExplained)
      fail(`${step} at ${path.server} ended with ${outcome}, which no fault of this run explains`)
  }
}

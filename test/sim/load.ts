/**
 * The load of a simulated volume: clients that draw one operation after the other and hold every answer against
 * what the run's faults allow it to be.
 */
import { BLOCK_BYTES } from '../../src/base/units.ts'
import type { Volume } from '../../src/blockvol/volume.ts'
import { type Outcome, outcomeOf, type Range, VolumeClient } from './client.ts'
import type { SimClock } from './clock.ts'
import { ModelViolation, type VolumeModel } from './model.ts'
import type { Damage, SimProfile } from './profile.ts'
import type { SeededRandom } from './random.ts'
import type { Register } from './register.ts'
import { SnapshotLoad, type SnapshotStep } from './snapshot-load.ts'

/** What clients share over all lives of the volume. */
export interface LoadState {
  readonly profile: SimProfile
  readonly damage: Damage
  /** Something that the volume needs is out of reach now and then. */
  readonly mayBeBusy?: boolean
  readonly model: VolumeModel
  readonly size: Register<number>
  readonly frontendState: Register<string>
  /** Steps that are still to be done. */
  stepsLeft: number
  /** How often each operation had each outcome. */
  readonly outcomes: Map<string, number>
  /** Snapshots that were asked for, and not acknowledged. */
  readonly unanswered: bigint[]
  /** Called after each step: the place for faults that do not hit an operation. */
  readonly afterStep: () => void
}

const WEIGHTS = {
  write: 30,
  read: 25,
  readNow: 8,
  flush: 8,
  trim: 5,
  writeZeroes: 3,
  writeSame: 3,
  compareAndWrite: 4,
  readModifyWrite: 4,
  checkpoint: 2,
  frontendState: 1,
  resize: 0.3,
  scrub: 0.5,
  allocation: 2,
  space: 0.5,
} as const
type Step = keyof typeof WEIGHTS

const OPERATOR_STEPS: ReadonlySet<Step | SnapshotStep> = new Set([
  'checkpoint',
  'scrub',
  'space',
  'allocation',
  'resize',
  'snapshot read',
  'snapshot readWhole',
  'snapshot changed',
  'snapshot usage',
])
const BLOCK_SECTORS = 8
/** A volume grows to at most so many times its first size. */
const GROWTH_MAX = 2

export class Load {
  readonly #state: LoadState
  readonly #volume: Volume
  readonly #client: VolumeClient
  readonly #clock: SimClock
  readonly #random: SeededRandom
  readonly #operators: SnapshotLoad
  readonly #underWay = new Map<number, Step>()
  #isStopped = false
  #isOver = false
  /** One operation at a time sets a register, so that "the last one acknowledged" has a meaning. */
  #isSetting = false

  constructor(state: LoadState, volume: Volume, clock: SimClock, random: SeededRandom) {
    this.#state = state
    this.#volume = volume
    this.#client = new VolumeClient(volume, state.model)
    this.#clock = clock
    this.#random = random
    this.#operators = new SnapshotLoad({
      profile: state.profile.snapshots,
      device: volume,
      model: state.model,
      random: random.fork('snapshots'),
      hotBlocks: state.profile.hotBlocks,
      mayBreak: state.damage.mayBreak || state.damage.mayLie,
      unanswered: state.unanswered,
      isOver: () => this.#isStopped || this.#isOver,
      sleep: (forMs) => clock.sleep(forMs),
      judge: (step, outcome) => this.#judge(step, outcome),
    })
  }

  /** Runs all clients until the steps are done or the volume stopped serving. Returns whether it still serves. */
  async run(): Promise<boolean> {
    const { clients } = this.#state.profile
    const work = Promise.all(Array.from({ length: clients }, (_, client) => this.#work(client))).then(() => {
      this.#isOver = true
    })
    await Promise.all([work, this.#operators.run()])
    return !this.#isStopped
  }

  /** What clients wait for, for messages. */
  get underWay(): string {
    return [...this.#underWay.values(), this.#operators.underWay].join(', ') || 'nothing'
  }

  async #work(client: number): Promise<void> {
    while (!this.#isStopped && this.#state.stepsLeft > 0) {
      this.#state.stepsLeft--
      const step = this.#random.weighted(WEIGHTS)
      this.#underWay.set(client, step)
      const outcome = await this.#perform(step)
      this.#underWay.delete(client)
      this.#judge(step, outcome)
      this.#state.afterStep()
      if (this.#random.chance(0.3)) await this.#clock.sleep(this.#random.pick([0.05, 1, 20]))
    }
  }

  #judge(step: Step | SnapshotStep, outcome: Outcome): void {
    const { outcomes, damage, profile } = this.#state
    const key = `${step} ${outcome}`
    outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
    if (outcome === 'POISONED' || outcome === 'CLOSED') this.#isStopped = true
    const isFull = profile.spareBytes !== undefined
    const allowed: Partial<Record<Outcome, boolean>> = {
      ok: true,
      mismatch: true,
      MEDIUM: damage.mayBreak || damage.mayLie,
      // a flusher that cannot go on fills the log
      BUSY: damage.mayFail || damage.mayBreak || damage.mayLie || isFull || this.#state.mayBeBusy === true,
      NO_SPACE: isFull,
      POISONED: damage.mayFail,
      CLOSED: damage.mayFail,
      // what an operator asks for tells of the disk's own error; what a host asks for does not
      DISK: damage.mayFail && OPERATOR_STEPS.has(step),
    }
    if (allowed[outcome] !== true)
      throw new ModelViolation(`${step} ended with ${outcome}, which no fault of this run explains`)
  }

  async #perform(step: Step): Promise<Outcome> {
    const client = this.#client
    switch (step) {
      case 'write':
        return client.write(this.#drawRange())
      case 'trim':
        return client.trim(this.#drawRange(4))
      case 'writeZeroes':
        return client.writeZeroes(this.#drawRange(4))
      case 'writeSame':
        return client.writeSame(this.#drawRange(4))
      case 'compareAndWrite':
        return client.compareAndWrite(this.#drawRange())
      case 'readModifyWrite':
        return client.readModifyWrite(this.#drawRange())
      case 'read': {
        const result = await client.read(this.#drawRange(2))
        return typeof result === 'string' ? result : 'ok'
      }
      case 'readNow':
        return this.#readNow()
      case 'flush':
        return client.flush()
      case 'checkpoint':
        return this.#checkpoint()
      case 'scrub':
        return outcomeOf(this.#volume.scrub())
      case 'space':
        return outcomeOf(this.#volume.space())
      case 'allocation':
        return this.#allocation()
      case 'frontendState':
      case 'resize':
        return this.#setRegister(step)
    }
  }

  async #readNow(): Promise<Outcome> {
    return outcomeOf((async () => this.#client.readNow(this.#drawRange()))())
  }

  async #checkpoint(): Promise<Outcome> {
    const done = this.#state.model.beginFlush()
    const outcome = await outcomeOf(this.#volume.checkpoint())
    if (outcome === 'ok') done()
    return outcome
  }

  async #setRegister(step: 'frontendState' | 'resize'): Promise<Outcome> {
    if (this.#isSetting) return 'ok'
    this.#isSetting = true
    const { size, frontendState, profile, model } = this.#state
    const volume = this.#volume
    const text = `state ${model.now} `.repeat(1 + this.#random.integer(60))
    const grown = volume.sizeBytes + BLOCK_BYTES * this.#random.integer(40)
    const outcome = await outcomeOf(
      step === 'frontendState'
        ? frontendState.set(text, () => volume.setFrontendState(Buffer.from(text)))
        : size.set(Math.min(grown, profile.shape.sizeBytes * GROWTH_MAX), () =>
            volume.resize(Math.max(volume.sizeBytes, Math.min(grown, profile.shape.sizeBytes * GROWTH_MAX))),
          ),
    )
    this.#isSetting = false
    return outcome
  }

  /** Runs must follow each other without a gap and differ. */
  async #allocation(): Promise<Outcome> {
    const { firstSector, sectors } = this.#drawRange(64)
    const [start, lengthBytes] = [firstSector * 512, sectors * 512]
    return outcomeOf(
      this.#volume.allocation(start, lengthBytes, 16).then((runs) => {
        let at = start
        let wasMapped: boolean | undefined
        for (const run of runs) {
          if (run.offsetBytes !== at || run.lengthBytes <= 0 || run.mapped === wasMapped) {
            throw new ModelViolation(
              `allocation of ${lengthBytes} bytes at ${start} has a gap: ${JSON.stringify(runs)}`,
            )
          }
          at += run.lengthBytes
          wasMapped = run.mapped
        }
        if (at > start + lengthBytes) throw new ModelViolation('allocation goes past what was asked for')
      }),
    )
  }

  /** Mostly few blocks that everyone wants, sometimes anywhere; whole blocks or parts of them. */
  #drawRange(longer = 1): Range {
    const random = this.#random
    const { hotBlocks, blocksMax, shape } = this.#state.profile
    const volumeBlocks = this.#volume.sizeBytes / BLOCK_BYTES
    const blocks = 1 + random.integer(Math.min(blocksMax * longer, volumeBlocks))
    const spread = random.chance(0.85) ? Math.min(hotBlocks, volumeBlocks) : volumeBlocks
    const block = Math.min(random.integer(spread), volumeBlocks - blocks)
    const fua = random.chance(0.1)
    const firstSector = block * BLOCK_SECTORS
    if (shape.logicalBlockBytes === BLOCK_BYTES || random.chance(0.6)) {
      return { firstSector, sectors: blocks * BLOCK_SECTORS, fua }
    }
    const skip = random.integer(BLOCK_SECTORS)
    const sectors = 1 + random.integer(blocks * BLOCK_SECTORS - skip)
    return { firstSector: firstSector + skip, sectors, fua }
  }
}

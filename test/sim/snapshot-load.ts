/**
 * Operators of a simulated volume: they make snapshots, read them, go back to them and delete them while clients work, and hold
 * every answer against the oracle.
 */
import { BLOCK_BYTES } from '../../src/base/units.ts'
import { type Outcome, outcomeOf } from './client.ts'
import { ModelViolation, type VolumeModel } from './model.ts'
import type { SeededRandom } from './random.ts'
import { SnapshotClient, type SnapshotClientDevice } from './snapshot-client.ts'

const WEIGHTS = {
  create: 8,
  createAgain: 1,
  delete: 4,
  deleteAgain: 0.5,
  restore: 1.5,
  read: 14,
  readWhole: 2,
  changed: 4,
  list: 4,
  usage: 1,
} as const
type Drawn = keyof typeof WEIGHTS
export type SnapshotStep = `snapshot ${Drawn}`

/** How busy operators are. */
export interface SnapshotProfile {
  /** Who work at once; 0: nobody has heard of snapshots. */
  readonly operators: number
  /** They delete one before they make more. */
  readonly kept: number
  readonly thinkMs: readonly number[]
  /** How much more often than usual the volume goes back to a snapshot. */
  readonly restores: number
}

export interface SnapshotLoadOptions {
  readonly profile: SnapshotProfile
  readonly device: SnapshotClientDevice & { readonly sizeBytes: number }
  readonly model: VolumeModel
  readonly random: SeededRandom
  /** Blocks that most reads hit. */
  readonly hotBlocks: number
  /** Faults explain that a block is bad. */
  readonly mayBreak: boolean
  /** Asked for, and not acknowledged: they are asked for again. */
  readonly unanswered: bigint[]
  readonly isOver: () => boolean
  /** The device is not served any more: what it says of its snapshots may be of a later history. */
  readonly isStale?: () => boolean
  readonly sleep: (forMs: number) => Promise<void>
  /** Throws when no fault explains the outcome. */
  readonly judge: (step: SnapshotStep, outcome: Outcome) => void
}

export class SnapshotLoad {
  readonly #o: SnapshotLoadOptions
  readonly #client: SnapshotClient
  /** Images that are open, by snapshot. */
  readonly #open = new Map<bigint, number>()
  /** How many were ever opened. */
  #opened = 0
  readonly #underWay = new Map<number, string>()

  constructor(options: SnapshotLoadOptions) {
    this.#o = options
    this.#client = new SnapshotClient(options.device, options.model)
  }

  /** Resolves when all is over. */
  async run(): Promise<void> {
    const { operators } = this.#o.profile
    await Promise.all(Array.from({ length: operators }, (_, operator) => this.#work(operator)))
  }

  /** What operators wait for, for messages. */
  get underWay(): string {
    return [...this.#underWay.values()].join(', ')
  }

  async #work(operator: number): Promise<void> {
    const { random, profile, isOver } = this.#o
    while (!isOver()) {
      await this.once(operator)
      await this.#o.sleep(random.pick(profile.thinkMs) * (0.2 + random.fraction()))
    }
  }

  /** One step of an operator. */
  async once(operator: number): Promise<void> {
    const { random, profile, judge } = this.#o
    const step = random.weighted({ ...WEIGHTS, restore: WEIGHTS.restore * profile.restores })
    this.#underWay.set(operator, `snapshot ${step}`)
    const outcome = await this.#perform(step)
    this.#underWay.delete(operator)
    if (outcome !== undefined) judge(`snapshot ${step}`, outcome)
  }

  /** Undefined when there is nothing to do it with. */
  async #perform(step: Drawn): Promise<Outcome | undefined> {
    const { random, model, profile } = this.#o
    const { ids } = model.snapshots
    const id = ids.length === 0 ? undefined : random.pick(ids)
    if (step === 'create') return this.#create(ids.length >= profile.kept ? id : undefined)
    if (this.#o.isStale?.() === true && (step === 'list' || step === 'changed')) return undefined
    if (step === 'list') return outcomeOf((async () => this.#client.list())())
    if (step === 'usage') return outcomeOf(this.#usage())
    if (step === 'deleteAgain') return this.#client.delete(random.u64())
    return id === undefined ? undefined : this.#performOn(id, step)
  }

  async #performOn(
    id: bigint,
    step: Exclude<Drawn, 'create' | 'list' | 'usage' | 'deleteAgain'>,
  ): Promise<Outcome | undefined> {
    const { random, model, device } = this.#o
    const { ids } = model.snapshots
    switch (step) {
      case 'createAgain':
        return this.#asking(id, () => this.#client.create(id, nameOf(id)))
      case 'delete':
        return ids.length > 1 ? this.#delete(id) : undefined
      case 'restore':
        return this.#asking(id, () => this.#client.restore(id))
      case 'read': {
        const spread = random.chance(0.85) ? this.#o.hotBlocks : device.sizeBytes / BLOCK_BYTES
        const [block, blocks] = [random.integer(spread), 1 + random.integer(24)]
        return this.#looking(id, () => this.#client.read(id, block, blocks))
      }
      case 'readWhole':
        return this.#looking(id, () => outcomeOf(this.#client.readAll(id, this.#o.mayBreak)))
      case 'changed': {
        const since = random.chance(0.3) ? null : random.pick(ids)
        return this.#looking(id, () => this.#client.changed(id, since, random.pick([1, 7, 100, 4096])))
      }
    }
  }

  async #create(outdated: bigint | undefined): Promise<Outcome | undefined> {
    const deleted = outdated === undefined ? 'ok' : await this.#delete(outdated)
    if (deleted !== 'ok') {
      this.#o.judge('snapshot delete', deleted)
      return undefined
    }
    const { unanswered, random } = this.#o
    const id = unanswered.shift() ?? random.u64()
    const outcome = await this.#asking(id, () => this.#client.create(id, nameOf(id)))
    if (outcome !== 'ok') unanswered.push(id)
    return outcome
  }

  /** One that somebody looks at stays. */
  async #delete(id: bigint): Promise<Outcome> {
    const opened = this.#opened
    const wasOpen = (this.#open.get(id) ?? 0) > 0
    const outcome = await this.#client.delete(id)
    return outcome === 'CONFLICT' && (wasOpen || this.#opened > opened) ? 'ok' : outcome
  }

  async #looking(id: bigint, look: () => Promise<Outcome>): Promise<Outcome> {
    this.#opened++
    this.#open.set(id, (this.#open.get(id) ?? 0) + 1)
    try {
      return await this.#asking(id, look)
    } finally {
      this.#open.set(id, this.#open.get(id)! - 1)
    }
  }

  /** What is deleted meanwhile may be gone, and what is not made yet need not be there. */
  async #asking(id: bigint, ask: () => Promise<Outcome>): Promise<Outcome> {
    const { snapshots } = this.#o.model
    const wasThere = snapshots.mustBe(id)
    const outcome = await ask()
    return outcome === 'NOT_FOUND' && !(wasThere && snapshots.mustBe(id)) ? 'ok' : outcome
  }

  async #usage(): Promise<void> {
    const { snapshots, freeingBytes, metadataBytes } = await this.#o.device.snapshotUsage()
    for (const { id, heldBytes, exclusiveBytes } of snapshots) {
      const isRight = heldBytes >= 0 && exclusiveBytes >= 0 && heldBytes % BLOCK_BYTES === 0
      if (!isRight)
        throw new ModelViolation(`${nameOf(id)} holds ${heldBytes} bytes, ${exclusiveBytes} alone`)
    }
    if (freeingBytes < 0 || metadataBytes < 0)
      throw new ModelViolation(`${freeingBytes} bytes are being freed`)
  }
}

const nameOf = (id: bigint): string => `s-${id.toString(16)}`

/**
 * The production master of a random run, or two of them with an election between them: decisions and record stores over one
 * registry in memory that survives them. It is run by an operator who puts old copies back, loses the registry, and recovers.
 */
import { isBlockError } from '../../../../src/base/errors.ts'
import { testVolume } from '../../../../src/master/core/test-support.ts'
import { firstLead } from '../../../../src/master/failover/lead-state.ts'
import type { VolumeRecord } from '../../../../src/master/records.ts'
import type { ServerId } from '../../../../src/v2engine/identity.ts'
import type { Replica } from '../../../../src/v2engine/messages.ts'
import type { Registry } from '../../../cluster/authority.ts'
import type { SeededRandom } from '../../random.ts'
import { MASTER, type MasterName, OTHER_MASTER } from '../control.ts'
import type { SimServer } from '../server.ts'
import type { Running } from '../server-world.ts'
import type { MasterLife } from './master-life.ts'
import { MasterMachine } from './master-machine.ts'
import { MemberStream } from './member-stream.ts'
import { VOLUME_ID } from './names.ts'
import { Recovery } from './recovery.ts'
import type { MasterWorld, MemberLink, SimMaster } from './sim-master.ts'
import { Streams } from './streams.ts'
import { WatchedStorage } from './watched-storage.ts'
import { WatchedTerms } from './watched-terms.ts'

export class RealMaster implements SimMaster {
  readonly #world: MasterWorld
  readonly #random: SeededRandom
  readonly #volume: VolumeRecord
  readonly #streams: Streams
  readonly #machines: readonly MasterMachine[]
  readonly storage: WatchedStorage
  readonly recovery: Recovery
  #processes = 0
  #isMade = false
  #isEnded = false

  constructor(world: MasterWorld, members: readonly ServerId[], random: SeededRandom) {
    this.#world = world
    this.#random = random
    const { policy, shape, masterRates, isMultipath } = world.profile
    this.#volume = testVolume(9, {
      uuid: VOLUME_ID,
      name: 'v',
      sizeBytes: shape.sizeBytes,
      logicalBlockBytes: shape.logicalBlockBytes,
      policy,
      isMultipath,
      replicas: [...world.servers.keys()].map((server, slot) => ({ server, state: 'ready', slot })),
      lead: firstLead(members, random.u64()),
      state: 'creating',
    })
    this.storage = new WatchedStorage(random.fork('storage'), VOLUME_ID, this.#volume.lead, {
      terms: new WatchedTerms(world.log, () => world.scheduler.nowMs, world.broken),
      promoted: (registry) => world.promoted(registry),
      locked: (reason) => this.recovery.locked(reason),
      late: (kind) => world.log.count(`late commits, ${kind}`),
      broken: (error) => world.broken(error),
    })
    this.storage.terms.onChange = () => {
      const acting = this.#machines.filter(({ isActing }) => isActing)
      if (acting.length > 0) world.log.count('two believe to lead')
    }
    this.#machines = masterRates.map((rate, i) => {
      const name = i === 0 ? MASTER : OTHER_MASTER
      return new MasterMachine({
        world,
        name,
        random: i === 0 ? random : random.fork(name),
        rate,
        storage: this.storage,
        isShared: masterRates.length > 1,
        // a registry that was lost is made again from what servers keep, not from here
        first: () => {
          this.#isMade ||= this.storage.isMade
          return this.#isMade ? undefined : this.#volume
        },
        send: (from, server, message) => this.#streams.send(from, server, message),
        ended: (machine) => {
          this.#isMade ||= this.storage.isMade
          this.#streams.masterEnded(machine.name)
        },
        isHeldDown: () => this.#isEnded || this.recovery.isHoldingDown,
      })
    })
    this.#streams = new Streams(world, random.fork('streams'), this.#machines, this.storage.terms)
    this.recovery = new Recovery(world, random.fork('recovery'), this)
  }

  /** Who leads; of several, none while nobody acts in the newest term. */
  get life(): MasterLife | undefined {
    const { terms } = this.storage
    if (this.#machines.length === 1) return this.#machines[0]?.life
    return this.#machines.find(({ life }) => life?.term === terms.now)?.life
  }

  get names(): readonly MasterName[] {
    return this.#machines.map(({ name }) => name)
  }

  get machines(): readonly MasterMachine[] {
    return this.#machines
  }

  /** The machine of who leads, most of the time; else any of them. */
  pick(): MasterMachine {
    const leading = this.#machines.find(({ life }) => life !== undefined && life === this.life)
    const [only] = this.#machines
    if (this.#machines.length === 1 && only !== undefined) return only
    return leading !== undefined && this.#random.chance(0.7) ? leading : this.#random.pick(this.#machines)
  }

  get registry(): Registry {
    return this.storage.registry
  }

  get epochMade(): Registry['epoch'] {
    return this.storage.epochMade
  }

  get replicas(): readonly Replica[] {
    return [...this.#world.servers.values()].map(({ server, endpoint }) => ({ server, endpoint }))
  }

  get isUp(): boolean {
    return this.#machines.some(({ isUp }) => isUp)
  }

  get isBeingRecovered(): boolean {
    return this.recovery.isRunning
  }

  get isOperatorNeeded(): boolean {
    const life = this.life
    if (life?.store?.view.volume(VOLUME_ID) === undefined || this.storage.isLocked) return false
    return life.runtime?.leads.status(VOLUME_ID).isOperatorNeeded ?? false
  }

  // ---- its lives

  start(): void {
    for (const machine of this.#machines) machine.start()
  }

  /** One of them. */
  crash(): void {
    this.pick().crash()
  }

  crashAll(): void {
    for (const machine of this.#machines) machine.crash()
  }

  restart(): void {
    for (const machine of this.#machines) machine.restart()
  }

  calm(): void {
    for (const machine of this.#machines) machine.calm()
  }

  end(): void {
    this.#isEnded = true
    this.crashAll()
  }

  // ---- its servers

  linkOf(server: SimServer, running: Running): MemberLink {
    this.#processes += 1
    return new MemberStream({
      world: this.#world,
      server,
      running,
      process: `process-${this.#processes}`,
      random: this.#random.fork(`process ${this.#processes}`),
      connect: (member) => this.#streams.connect(member),
    })
  }

  addressChanged(server: SimServer): void {
    server.running?.link?.moved()
  }

  // ---- what operators do

  move(to: ServerId): void {
    const { log } = this.#world
    const { life } = this
    if (life?.runtime === undefined) return
    life.runtime.leads.move(VOLUME_ID, to).then(
      ({ kind }) => log.count(`moves ${kind}`),
      (error: unknown) => life.failed(error, () => log.count('moves refused')),
    )
  }

  /**
   * When a promotion is possible, an epoch is sealed at once, over the head of a primary that serves: as when the master has
   * not heard that it does. An operator's promotion of such a volume is a move.
   */
  promote(): boolean {
    const { log } = this.#world
    const { life } = this
    if (life?.runtime === undefined || life.store?.view.volume(VOLUME_ID) === undefined) return false
    const { leads } = life.runtime
    const { isPromotable, reason } = leads.preflight(VOLUME_ID)
    const lead = leads.of(VOLUME_ID)
    if (lead === undefined || (!isPromotable && reason !== 'alone')) {
      log.count('promotions refused')
      return true
    }
    const by = { actor: 'operator', requestId: null }
    lead.ask({ kind: 'promote', server: null, isForced: false }, by).then(
      () => log.count('promotions asked for'),
      (error: unknown) => life.failed(error, () => log.count('promotions refused')),
    )
    return true
  }

  /** `cluster recover`; that it was done shows in the registry. Refused, it is forced: everybody is there already. */
  async recover(): Promise<void> {
    if (await this.#recover(false)) return
    this.#world.forced()
    await this.#recover(true)
  }

  /** False when it was refused. */
  async #recover(force: boolean): Promise<boolean> {
    const { life } = this
    if (life?.runtime === undefined) return true
    try {
      const report = await life.runtime.recover({ force, actor: 'operator' })
      this.#world.log.note(MASTER, `recovered: ${JSON.stringify(report)}`)
    } catch (error) {
      if (!isBlockError(error)) throw error
      this.#world.log.note(MASTER, `recover: ${error.message}`)
      return error.facts.reason !== 'members_missing'
    }
    return true
  }
}

/**
 * The production master of a random run: its decisions and its record store over a registry in memory that survives it.
 * It dies at any moment and at any call of the registry, stops, loses commits, and is run by an operator who puts old
 * copies back, loses the registry, and recovers.
 */
import { isBlockError } from '../../../../src/base/errors.ts'
import { testVolume } from '../../../../src/master/core/test-support.ts'
import { firstLead } from '../../../../src/master/failover/lead-state.ts'
import type { VolumeRecord } from '../../../../src/master/records.ts'
import type { MemoryFailure } from '../../../../src/master/registry/memory-registry.ts'
import type { ServerId } from '../../../../src/v2engine/identity.ts'
import type { Replica } from '../../../../src/v2engine/messages.ts'
import type { Registry } from '../../../cluster/authority.ts'
import { MachineTime } from '../../clock.ts'
import type { SeededRandom } from '../../random.ts'
import { MASTER } from '../control.ts'
import type { SimServer } from '../server.ts'
import type { Running } from '../server-world.ts'
import { MasterLife } from './master-life.ts'
import { MemberStream } from './member-stream.ts'
import { VOLUME_ID } from './names.ts'
import { Recovery } from './recovery.ts'
import type { MasterWorld, MemberLink, SimMaster } from './sim-master.ts'
import { Streams } from './streams.ts'
import { WatchedStorage } from './watched-storage.ts'

/** Calls of the registry until the one that the master dies at. */
const CALLS_MAX = 12
const REBOOT_SHARE = 0.3

export class RealMaster implements SimMaster {
  readonly #world: MasterWorld
  readonly #random: SeededRandom
  readonly #volume: VolumeRecord
  readonly #streams: Streams
  readonly storage: WatchedStorage
  readonly recovery: Recovery
  #time: MachineTime
  #life: MasterLife | undefined
  #processes = 0
  #callsLeft: number | undefined
  #isMade = false
  #isEnded = false

  constructor(world: MasterWorld, members: readonly ServerId[], random: SeededRandom) {
    this.#world = world
    this.#random = random
    const { policy, shape } = world.profile
    this.#volume = testVolume(9, {
      uuid: VOLUME_ID,
      name: 'v',
      sizeBytes: shape.sizeBytes,
      logicalBlockBytes: shape.logicalBlockBytes,
      policy,
      replicas: [...world.servers.keys()].map((server, slot) => ({ server, state: 'ready', slot })),
      lead: firstLead(members, random.u64()),
      state: 'creating',
    })
    this.storage = new WatchedStorage(random.fork('storage'), VOLUME_ID, this.#volume.lead, {
      promoted: (registry) => world.promoted(registry),
      locked: (reason) => this.recovery.locked(reason),
      broken: (error) => world.broken(error),
    })
    this.#time = this.#boot()
    this.#streams = new Streams(world, random.fork('streams'), () => this.#life)
    this.recovery = new Recovery(world, random.fork('recovery'), this)
  }

  #boot(): MachineTime {
    const { scheduler, profile } = this.#world
    const upMs = 1000 + this.#random.integer(100_000)
    return new MachineTime(
      scheduler,
      profile.masterRate,
      scheduler.nowMs - upMs,
      this.#random.integer(10_000),
    )
  }

  get life(): MasterLife | undefined {
    return this.#life
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
    return this.#life !== undefined
  }

  get isBeingRecovered(): boolean {
    return this.recovery.isRunning
  }

  get isOperatorNeeded(): boolean {
    const life = this.#life
    if (life?.store?.view.volume(VOLUME_ID) === undefined || this.storage.isLocked) return false
    return life.runtime?.leads.status(VOLUME_ID).isOperatorNeeded ?? false
  }

  // ---- its lives

  start(): void {
    const { scheduler, bounds, broken } = this.#world
    // a registry that was lost is made again from what servers keep, not from here
    this.#isMade ||= this.storage.isMade
    const life = new MasterLife({
      scheduler,
      time: this.#time,
      storage: this.storage,
      seed: this.#random.u32(),
      bounds,
      send: (from, server, message) => this.#streams.send(from, server, message),
      onCall: (from, kind) => this.#called(from, kind),
      lost: (from, why) => this.#lost(from, why),
      broken,
      first: this.#isMade ? undefined : this.#volume,
    })
    this.#life = life
    life.begin()
  }

  crash(): void {
    const life = this.#life
    if (life === undefined) return
    this.#isMade ||= this.storage.isMade
    this.#life = undefined
    this.#callsLeft = undefined
    this.#world.log.note(MASTER, 'is down')
    life.end()
    this.#isMade ||= this.storage.isMade
    this.#streams.masterEnded()
    if (this.#random.chance(REBOOT_SHARE)) this.#time = this.#boot()
  }

  restart(): void {
    if (this.#life !== undefined || this.#isEnded || this.recovery.isHoldingDown) return
    this.#world.log.note(MASTER, 'restarts')
    this.#world.log.count('master restarts')
    this.start()
  }

  restartAfter(delayMs: number): void {
    this.#world.scheduler.schedule('master up', '', delayMs, () => this.restart())
  }

  #called(life: MasterLife, kind: 'read' | 'commit'): void {
    if (this.#callsLeft === undefined || life !== this.#life) return
    if (this.#callsLeft > 0) {
      this.#callsLeft -= 1
      return
    }
    this.#callsLeft = undefined
    this.#world.log.count(`master died at a ${kind}`)
    // before it is carried out, between that and the answer, or after it
    this.#world.scheduler.schedule('master dies', '', 15 * this.#random.fraction(), () => {
      if (this.#life !== life) return
      this.crash()
      this.restartAfter(this.#random.integer(4000))
    })
  }

  #lost(life: MasterLife, why: string): void {
    if (this.#life !== life) return
    this.#world.log.note(MASTER, `lost its registry: ${why}`)
    this.#world.log.count('master lost its registry')
    this.#world.scheduler.schedule('master dies', '', 0, () => {
      if (this.#life !== life) return
      this.crash()
      this.restartAfter(this.#random.integer(2000))
    })
  }

  calm(): void {
    this.#callsLeft = undefined
    this.restart()
  }

  end(): void {
    this.#isEnded = true
    this.crash()
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

  // ---- what goes wrong, and what operators do

  dieAtACall(): boolean {
    if (this.#callsLeft !== undefined || this.#life === undefined) return false
    this.#callsLeft = this.#random.integer(CALLS_MAX)
    return true
  }

  failACommit(): boolean {
    const life = this.#life
    if (life === undefined) return false
    const random = this.#random
    const failure = random.pick<MemoryFailure>([
      { code: 'DISK' },
      { code: 'NO_SPACE' },
      { code: 'TIMED_OUT', isDone: true },
      { code: 'TIMED_OUT', isDone: false },
    ])
    this.#world.log.count(failure.code === 'TIMED_OUT' ? 'commits without an answer' : 'commits that failed')
    life.failNext(failure)
    return true
  }

  pause(forMs: number, isAsleep: boolean): boolean {
    const life = this.#life
    if (life === undefined || life.life.isStopped) return false
    const time = this.#time
    this.#world.log.note(MASTER, `stops for ${forMs} ms`)
    life.life.stop()
    if (isAsleep) time.sleep()
    this.#world.scheduler.schedule('master goes on', '', forMs, () => {
      if (isAsleep) time.wake()
      if (!life.life.ended) life.life.resume(this.#world.scheduler)
    })
    return true
  }

  move(to: ServerId): void {
    const { log } = this.#world
    const life = this.#life
    if (life?.runtime === undefined) return
    life.runtime.leads.move(VOLUME_ID, to).then(
      ({ kind }) => log.count(`moves ${kind}`),
      (error: unknown) => life.failed(error, () => log.count('moves refused')),
    )
  }

  /** When a promotion is possible, at once. */
  promote(): boolean {
    const { log } = this.#world
    const life = this.#life
    if (life?.runtime === undefined || life.store?.view.volume(VOLUME_ID) === undefined) return false
    const request = { server: null, force: false, actor: 'operator', requestId: null }
    life.runtime.leads.promote(VOLUME_ID, request).then(
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
    const life = this.#life
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

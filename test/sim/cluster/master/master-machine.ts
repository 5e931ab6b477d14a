/**
 * A machine that a master runs on, one life after the other: it dies at any moment and at any call of the registry, stops,
 * sleeps, boots, loses commits, and may be cut off from a registry that it shares.
 */
import type { ToServer } from '../../../../src/master/links.ts'
import type { VolumeRecord } from '../../../../src/master/records.ts'
import type { MemoryFailure } from '../../../../src/master/registry/memory-registry.ts'
import { MachineTime } from '../../clock.ts'
import type { SeededRandom } from '../../random.ts'
import type { MasterName } from '../control.ts'
import { MasterLife } from './master-life.ts'
import { RegistryLink } from './registry-link.ts'
import type { MasterWorld } from './sim-master.ts'
import type { WatchedStorage } from './watched-storage.ts'

/** Calls of the registry until the one that the master dies at. */
const CALLS_MAX = 12
const REBOOT_SHARE = 0.3

export interface MasterMachineOptions {
  readonly world: MasterWorld
  readonly name: MasterName
  readonly random: SeededRandom
  readonly rate: number
  readonly storage: WatchedStorage
  readonly isShared: boolean
  readonly first: () => VolumeRecord | undefined
  readonly send: (life: MasterLife, server: string, message: ToServer) => void
  /** Streams to that life, or to what led in it, are over. */
  readonly ended: (machine: MasterMachine) => void
  /** It stays down for now. */
  readonly isHeldDown: () => boolean
}

export class MasterMachine {
  readonly name: MasterName
  readonly link: RegistryLink | undefined
  readonly #o: MasterMachineOptions
  #time: MachineTime
  #life: MasterLife | undefined
  #callsLeft: number | undefined

  constructor(options: MasterMachineOptions) {
    this.#o = options
    const { world, name, random, isShared } = options
    this.name = name
    if (isShared) this.link = new RegistryLink(world.scheduler, name, random.fork(`link of ${name}`))
    this.#time = this.#boot()
  }

  #boot(): MachineTime {
    const { world, random, rate } = this.#o
    const upMs = 1000 + random.integer(100_000)
    return new MachineTime(world.scheduler, rate, world.scheduler.nowMs - upMs, random.integer(10_000))
  }

  get life(): MasterLife | undefined {
    return this.#life
  }

  get isUp(): boolean {
    return this.#life !== undefined
  }

  /** It acts as who leads: with terms, it believes so. */
  get isActing(): boolean {
    return this.#life?.runtime !== undefined
  }

  start(): void {
    const { world, storage, random, send, first, ended } = this.#o
    const { scheduler, bounds, broken } = world
    const life = new MasterLife({
      scheduler,
      time: this.#time,
      storage,
      link: this.link,
      seed: random.u32(),
      bounds,
      send,
      onCall: (from, kind) => this.#called(from, kind),
      lost: (from, why) => this.#lost(from, why),
      stopped: (from) => {
        world.log.note(this.name, 'leads no more')
        if (from === this.#life) ended(this)
      },
      broken,
      first,
    })
    this.#life = life
    life.begin()
  }

  crash(): void {
    const { world, random, ended } = this.#o
    const life = this.#life
    if (life === undefined) return
    this.#life = undefined
    this.#callsLeft = undefined
    world.log.note(this.name, 'is down')
    life.end()
    ended(this)
    if (random.chance(REBOOT_SHARE)) this.#time = this.#boot()
  }

  restart(): void {
    const { world, isHeldDown } = this.#o
    if (this.#life !== undefined || isHeldDown()) return
    world.log.note(this.name, 'restarts')
    world.log.count('master restarts')
    this.start()
  }

  restartAfter(delayMs: number): void {
    this.#o.world.scheduler.schedule('master up', '', delayMs, () => this.restart())
  }

  #called(life: MasterLife, kind: 'read' | 'commit'): void {
    const { world, random } = this.#o
    if (this.#callsLeft === undefined || life !== this.#life) return
    if (this.#callsLeft > 0) {
      this.#callsLeft -= 1
      return
    }
    this.#callsLeft = undefined
    world.log.count(`master died at a ${kind}`)
    // before it is carried out, between that and the answer, or after it
    world.scheduler.schedule('master dies', '', 15 * random.fraction(), () => {
      if (this.#life !== life) return
      this.crash()
      this.restartAfter(random.integer(4000))
    })
  }

  #lost(life: MasterLife, why: string): void {
    const { world, random } = this.#o
    if (this.#life !== life) return
    world.log.note(this.name, `lost its registry: ${why}`)
    world.log.count('master lost its registry')
    world.scheduler.schedule('master dies', '', 0, () => {
      if (this.#life !== life) return
      this.crash()
      this.restartAfter(random.integer(2000))
    })
  }

  // ---- what goes wrong

  calm(): void {
    this.#callsLeft = undefined
    this.link?.cut(0)
    this.restart()
  }

  dieAtACall(): boolean {
    if (this.#callsLeft !== undefined || this.#life === undefined) return false
    this.#callsLeft = this.#o.random.integer(CALLS_MAX)
    return true
  }

  failACommit(): boolean {
    const { world, random } = this.#o
    const life = this.#life
    if (life === undefined) return false
    const failure = random.pick<MemoryFailure>([
      { code: 'DISK' },
      { code: 'NO_SPACE' },
      { code: 'TIMED_OUT', isDone: true },
      { code: 'TIMED_OUT', isDone: false },
    ])
    world.log.count(failure.code === 'TIMED_OUT' ? 'commits without an answer' : 'commits that failed')
    life.failNext(failure)
    return true
  }

  pause(forMs: number, isAsleep: boolean): boolean {
    const { world, storage } = this.#o
    const life = this.#life
    if (life === undefined || life.life.isStopped) return false
    const time = this.#time
    world.log.note(this.name, `${isAsleep ? 'sleeps' : 'stops'} for ${forMs} ms`)
    life.life.stop()
    if (isAsleep) time.sleep()
    world.scheduler.schedule('master goes on', '', forMs, () => {
      if (isAsleep) time.wake()
      if (life.life.ended) return
      if (life.term !== undefined && life.term < storage.terms.now) world.log.count('an old leader wakes up')
      life.life.resume(world.scheduler)
    })
    return true
  }

  cutRegistry(forMs: number): boolean {
    if (this.link === undefined || this.link.isCut) return false
    this.#o.world.log.note(this.name, `does not reach the registry for ${forMs} ms`)
    this.link.cut(forMs)
    return true
  }

  jumpWall(byMs: number): void {
    this.#time.jumpWall(byMs)
  }
}

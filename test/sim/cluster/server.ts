/**
 * A server of the simulated cluster: a machine with a disk and clocks of its own, and on it, one life after the other, a
 * process with one replica: listener, heartbeats, and hosts while it leads. It dies, loses power, stops, sleeps, moves to
 * another address and loses its disk as the faults say, and starts again by itself.
 */
import { assert } from '../../../src/base/assert.ts'
import { isBlockError } from '../../../src/base/errors.ts'
import { ReplicationListener } from '../../../src/replication/listener.ts'
import { Replica } from '../../../src/replication/replica.ts'
import { ResyncSlots } from '../../../src/replication/resync/slots.ts'
import { PathTable } from '../../../src/server/served/path-table.ts'
import type { ServerId } from '../../../src/v2engine/identity.ts'
import { isSound, type Standing } from '../../../src/v2engine/marks.ts'
import type { AuthorityMessage } from '../../../src/v2engine/messages.ts'
import type { Heartbeat } from '../../cluster/authority.ts'
import { MachineTime } from '../clock.ts'
import { FaultPlan } from '../faults.ts'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from '../machine.ts'
import { drawKept } from '../power-loss.ts'
import type { SeededRandom } from '../random.ts'
import type { Storage } from '../storage.ts'
import { freshMember, type MemberState } from './master/member-stream.ts'
import type { NetMachine } from './net.ts'
import { ensureVolume, type Running, type ServerWorld } from './server-world.ts'
import { show } from './timeline.ts'

const DIRECTORY = `${DATA_DIRECTORY}/volume`
/** In which what a closed replica leaves behind ends by itself. */
const REST_MS = 2000
export const REPLICATION_PORT = 7460
const CLUSTER_ID = new Uint8Array(16).fill(7)
const CLUSTER_KEY = new Uint8Array(32).fill(3)

/** What somebody would have to look at, and what no fault explains. */
const ALARMS: ReadonlySet<string> = new Set(['identityMissing', 'epochTwice', 'aheadOfPrimary', 'diverged'])

export class SimServer implements NetMachine {
  readonly server: ServerId
  readonly faults: FaultPlan
  readonly #world: ServerWorld
  readonly #random: SeededRandom
  readonly #rate: number
  readonly #wallSkewMs: number
  isPowered = true
  storage: Storage = emptyStorage()
  #time: MachineTime
  running: Running | undefined
  #lives = 0
  #addresses = 1
  /** Made when the volume was there already. */
  isReplacement = false
  /** The log is gone for good: an operator puts another disk in. */
  #isBroken = false
  #openFailures = 0
  /** When it was last seen, it counted. */
  #wasSound = true
  /** Syncs that had failed when the machine's process was started. */
  #syncErrorsBefore = 0
  /** What it keeps for the master. */
  member: MemberState = freshMember()
  /** The last epoch that it led. */
  ledEpoch = 0
  /** It was seen again after that epoch was over. */
  isReturned = false

  constructor(world: ServerWorld, server: ServerId, options: { random: SeededRandom; rate: number }) {
    this.#world = world
    this.server = server
    this.#random = options.random
    this.#rate = options.rate
    this.faults = new FaultPlan(options.random.fork('disk faults'))
    this.#wallSkewMs = options.random.integer(10_000)
    this.#time = this.#boot()
  }

  get name(): string {
    return this.server
  }

  get address(): string {
    return `${this.server}${this.#addresses}.net`
  }

  get endpoint(): string {
    return `${this.address}:${REPLICATION_PORT}`
  }

  get isUp(): boolean {
    return this.running !== undefined
  }

  get replica(): Replica | undefined {
    return this.running?.replica
  }

  get bootMs(): number {
    return this.#time.bootMs
  }

  #boot(): MachineTime {
    const { scheduler } = this.#world
    const upMs = 1000 + this.#random.integer(5000)
    return new MachineTime(scheduler, this.#rate, scheduler.nowMs - upMs, this.#wallSkewMs)
  }

  // ---- a life

  start(): void {
    assert(this.running === undefined, 'it is down')
    const { scheduler, network } = this.#world
    this.#lives += 1
    this.isPowered = true
    // a machine that starts a process is awake
    this.#time.wake()
    this.#syncErrorsBefore = this.faults.counts.syncError
    const process = startProcess({
      storage: this.storage,
      scheduler,
      time: this.#time,
      seed: this.#random.u32(),
      faults: this.faults,
      onCall: (kind, path) => {
        if (!process.life.ended && this.#world.diesAt(this, kind, path)) this.dieSoon(process)
      },
    })
    const running: Running = {
      process,
      net: network.netOf(this, process.life),
      replica: undefined,
      listener: undefined,
      table: new PathTable(),
      link: undefined,
      closing: [],
      closed: undefined,
    }
    this.running = running
    running.link = this.#world.linkOf(this, running)
    this.#open(running).then(
      () => {
        this.#openFailures = 0
      },
      (error: unknown) => {
        if (!process.life.ended) this.#openFailed(running, error)
      },
    )
  }

  /** Within a call of a port: nothing of the process runs after it. */
  dieSoon(process: SimProcess): void {
    process.life.end()
    const isPower = this.#random.chance(0.4) && this.#world.mayLosePower(this)
    this.#world.scheduler.schedule('dies', this.name, 0, () => {
      if (this.running?.process !== process) return
      if (isPower) this.losePower()
      else this.kill()
      this.restartAfter(100 + this.#random.integer(3000))
    })
  }

  async #open(running: Running): Promise<void> {
    const { process, net } = running
    const { profile, bounds, log } = this.#world
    const { life } = process
    await ensureVolume(process, DIRECTORY, profile.shape)
    await this.#world.started(this, running)
    const replica = await Replica.open({
      ports: process,
      net,
      server: this.server,
      clusterId: CLUSTER_ID,
      clusterKey: CLUSTER_KEY,
      bounds,
      directory: DIRECTORY,
      tuning: profile.tuning,
      madeIn: this.isReplacement ? this.#world.epochMade() : null,
      slots: new ResyncSlots(),
      toAuthority: (message) => {
        if (!life.ended) running.link?.send(message)
      },
      lead: (device) => {
        if (!life.ended) this.#world.leads(this, device)
      },
      halt: (why) => {
        if (life.ended) return
        log.note(this.name, `halt: ${why}`)
        this.#world.halted(this)
      },
      note: (note) => {
        if (life.ended) return
        log.count(`note ${note.kind}`)
        log.trace(this.name, () => `note ${show(note)}`)
        if (ALARMS.has(note.kind)) this.#world.broken(new Error(`alarm at ${this.name}: ${show(note)}`))
      },
      failed: (error) => {
        if (life.ended) return
        log.note(this.name, `failed: ${String(error)}`)
        if (isBlockError(error)) this.#poisoned(running)
        else this.#world.broken(error)
      },
    })
    running.replica = replica
    running.listener = await this.#listen(running)
    log.trace(this.name, () => `open, ${show(replica.status().view.standing)}`)
    running.link?.opened()
  }

  #listen({ net, process, replica }: Running): Promise<ReplicationListener> {
    return ReplicationListener.listen(
      net,
      { host: this.address, port: REPLICATION_PORT },
      {
        server: this.server,
        clusterId: CLUSTER_ID,
        clusterKey: CLUSTER_KEY,
        ports: process,
        silenceMs: this.#world.bounds.goneMs,
        replicaOf: () => replica,
      },
    )
  }

  #openFailed(running: Running, error: unknown): void {
    if (!isBlockError(error)) {
      this.#world.broken(error)
      return
    }
    const { log } = this.#world
    log.note(this.name, `does not open: ${error.code} ${error.message}`)
    log.count(`open failed ${error.code}`)
    this.#openFailures += 1
    const isLost = error.code === 'CORRUPT' || error.code === 'UNKNOWN_FORMAT' || error.code === 'NOT_FOUND'
    if (isLost || this.#openFailures > 20) this.#isBroken = true
    if (this.#openFailures > 3) {
      this.storage.healPages()
      this.storage.capacityBytes = Number.POSITIVE_INFINITY
    }
    if (running === this.running) this.kill()
    this.restartAfter(200 + this.#random.integer(1000))
  }

  #poisoned(running: Running): void {
    this.#world.log.count('poisoned')
    this.#world.scheduler.schedule('poisoned', this.name, 100 + this.#random.integer(2000), () => {
      if (this.running !== running) return
      // somebody looks at the machine: it boots anew
      if (this.#hasLostASync) this.losePower()
      else this.kill()
      this.restartAfter(100 + this.#random.integer(1000))
    })
  }

  /** It is about to tell the master this. */
  tells({ leads }: Heartbeat): void {
    if (leads === null || leads.number <= this.ledEpoch) return
    this.ledEpoch = leads.number
    this.isReturned = false
  }

  fromAuthority(message: AuthorityMessage): void {
    const { running } = this
    running?.process.life.deliver(() => running.replica?.fromAuthority(message))
  }

  restartAfter(delayMs: number): void {
    this.#world.scheduler.schedule('restart', this.name, delayMs, () => {
      if (this.running === undefined) {
        if (this.#isBroken) this.#replaceDisk()
        this.start()
      }
    })
  }

  // ---- its ends

  /** The process is gone; the machine and its page cache stay. */
  kill(): void {
    // a disk that lost a sync shows what it has not: only another boot tells
    if (this.#hasLostASync) {
      this.losePower()
      return
    }
    this.#end('killed')
    this.storage = this.storage.afterProcessCrash()
  }

  losePower(kept = drawKept(this.#random)): void {
    this.isPowered = false
    this.#end('power lost')
    this.#wasSound = false
    this.storage = this.storage.afterPowerLoss(kept)
    this.#time = this.#boot()
  }

  /** Power is lost and nothing is kept that was not durable. */
  losePowerWhole(): void {
    this.losePower(() => 'none')
  }

  loseDisk(): void {
    this.isPowered = false
    this.#end('disk lost')
    this.#replaceDisk()
  }

  #replaceDisk(): void {
    this.#isBroken = false
    this.#openFailures = 0
    this.#wasSound = false
    this.storage = emptyStorage()
    this.member = freshMember()
    this.isReplacement = true
    this.#time = this.#boot()
    this.#world.log.note(this.name, 'has another disk')
  }

  #end(how: string): void {
    const { running } = this
    if (running === undefined) return
    this.#wasSound = this.isSound
    this.running = undefined
    this.#world.log.note(this.name, how)
    running.process.life.end()
    running.process.disk.settleInFlight(this.#random)
    this.#world.halted(this)
  }

  /** An orderly end. What is left behind is an error. */
  close(): Promise<void> {
    const { running } = this
    if (running === undefined) return Promise.resolve()
    running.closed ??= this.#close(running)
    return running.closed
  }

  async #close(running: Running): Promise<void> {
    if (running.replica === undefined) return
    const { process, replica, listener } = running
    this.#world.log.note(this.name, 'closes')
    this.#world.halted(this)
    for (const close of running.closing.toReversed()) await close()
    await replica.close()
    running.link?.close()
    await listener?.close()
    if (process.life.ended || this.running !== running) return
    // the last of what was under way
    await new Promise<void>((resolve) => {
      this.#world.scheduler.schedule('rest', this.name, REST_MS, resolve)
    })
    if (process.life.ended || this.running !== running) return
    const { lentBytes } = process.pool
    if (lentBytes !== 0)
      this.#world.broken(new Error(`${this.name}: ${lentBytes} bytes of buffers were not given back`))
    const { timers } = process.clock
    if (timers !== 0) this.#world.broken(new Error(`${this.name}: ${timers} timers are left`))
    this.kill()
  }

  stop(forMs: number, isAsleep: boolean): void {
    const { running } = this
    if (running === undefined || running.process.life.isStopped) return
    const { life } = running.process
    this.#world.log.note(this.name, `${isAsleep ? 'sleeps' : 'stops'} for ${forMs} ms`)
    life.stop()
    if (isAsleep) this.#time.sleep()
    this.#world.scheduler.schedule('goes on', this.name, forMs, () => {
      if (isAsleep) this.#time.wake()
      if (!life.ended) life.resume(this.#world.scheduler)
    })
  }

  /** Somebody sets its wall clock. */
  jumpWall(byMs: number): void {
    this.#time.jumpWall(byMs)
  }

  /** The machine gets another address; connections to the old one end. */
  async changeAddress(): Promise<void> {
    this.#addresses += 1
    const { running } = this
    this.#world.log.note(this.name, `has the address ${this.address}`)
    // one that closes listens no more
    if (running?.replica === undefined || running.closed !== undefined) return
    await running.listener?.close()
    if (this.running !== running || running.process.life.ended || running.closed !== undefined) return
    running.listener = await this.#listen(running)
  }

  // ---- what it is

  get standing(): Standing | undefined {
    return this.replica?.status().view.standing
  }

  get isSound(): boolean {
    const { standing } = this
    return standing === undefined ? this.#wasSound : isSound(standing)
  }

  /** It failed to sync, so that its page cache shows what its disk has not; its process may not know yet. */
  get #hasLostASync(): boolean {
    return this.faults.counts.syncError > this.#syncErrorsBefore
  }

  /** It holds what it acknowledged, whatever happens to another. */
  get isWhole(): boolean {
    if (this.#hasLostASync || this.#isBroken) return false
    return this.isSound
  }
}

/**
 * What goes wrong in a cluster, at random and by the profile of the run, and how often each fault of the matrix did. With a
 * budget, power and disks are lost only where every other member of the set is whole, so that nothing acknowledged may be
 * lost.
 */
import type { ServerId } from '../../../src/v2engine/identity.ts'
import type { AuthorityMessage } from '../../../src/v2engine/messages.ts'
import type { Heartbeat, Registry } from '../../cluster/authority.ts'
import { DATA_DIRECTORY } from '../machine.ts'
import type { SeededRandom } from '../random.ts'
import type { ClusterSim } from './cluster-sim.ts'
import { MASTER } from './control.ts'
import { RealMaster } from './master/real-master.ts'
import { masterTrouble } from './master/troubles.ts'
import type { NetFault } from './net.ts'
import type { Trouble } from './profile.ts'
import { REPLICATION_PORT, type SimServer } from './server.ts'

const DIRECTORY = `${DATA_DIRECTORY}/volume`
/** Calls of the disk's port until the one that a server dies at. */
const CALLS_MAX = 400
/** Faults after which a disk may lack what it should have. */
const LASTING = ['syncLie', 'syncError', 'writeError', 'hang'] as const
/** Faults that change what is read, so that MEDIUM is an honest answer. */
const DAMAGING = ['readError', 'badPage', 'misdirectedWrite', 'misdirectedRead'] as const

export class Faults {
  readonly #sim: ClusterSim
  readonly #random: SeededRandom
  #isStopped = false
  /** Servers that die at one of the next calls of their disk. */
  readonly #callsLeft = new Map<SimServer, number>()
  /** The only one whose disk does lasting damage: it is never counted on. */
  readonly #victim: SimServer | undefined
  /** Draws what hits preserved versions, so that all else of a seed is what it was. */
  readonly #ofVersions: SeededRandom
  /** Of assignments that were sent. */
  readonly #assigned = new Set<string>()

  constructor(sim: ClusterSim, random: SeededRandom) {
    this.#sim = sim
    this.#random = random
    this.#ofVersions = random.fork('versions')
    sim.network.onFault = (fault) => this.#netFault(fault)
    const isOfOne = this.mayDamage || LASTING.some((kind) => sim.profile.disk[kind] !== undefined)
    this.#victim = isOfOne ? random.pick([...sim.servers.values()]) : undefined
    for (const server of sim.servers.values()) {
      if (isOfOne && server !== this.#victim) continue
      server.faults.rates = sim.profile.disk
      const isOfContent = (path: string): boolean => /\/(log|extents\/\d+|versions\/\d+)$/.test(path)
      const { syncLie, misdirectedWrite } = sim.profile.disk
      // what a lost write of bookkeeping does goes unnoticed, and cannot be helped
      if (syncLie !== undefined) server.faults.targets = (path) => path.endsWith('/log')
      if (misdirectedWrite !== undefined) server.faults.targets = isOfContent
    }
  }

  get #random01(): number {
    return this.#random.fraction()
  }

  get mayDamage(): boolean {
    const { disk, weights } = this.#sim.profile
    return weights.rot > 0 || DAMAGING.some((kind) => disk[kind] !== undefined)
  }

  begin(): void {
    const { troubleMs } = this.#sim.profile
    this.#sim.scheduler.schedule('trouble', '', 2 * troubleMs * this.#random01, () => {
      if (this.#isStopped) return
      if (this.#sim.master instanceof RealMaster) this.#sim.master.recovery.copy()
      if (!this.#sim.master.isBeingRecovered) this.#trouble()
      this.begin()
    })
  }

  /** No more of them, and what is broken is whole. */
  stop(): void {
    this.#isStopped = true
    this.#callsLeft.clear()
    for (const server of this.#sim.servers.values()) {
      server.faults.stop()
      server.storage.healPages()
      server.storage.capacityBytes = Number.POSITIVE_INFINITY
      if (!server.isUp) server.restartAfter(0)
    }
  }

  /** Something goes on later, unless the faults have stopped. */
  readonly #again = (afterMs: number, run: () => void): void => {
    this.#sim.scheduler.schedule('trouble goes on', '', afterMs, () => {
      if (!this.#isStopped) run()
    })
  }

  #trouble(): void {
    const { weights } = this.#sim.profile
    if (Object.values(weights).every((weight) => weight === 0)) return
    const kind = this.#random.weighted(weights)
    const server = this.#random.pick([...this.#sim.servers.values()])
    if (this.#cause(kind, server)) this.#sim.log.count(`trouble ${kind}`)
  }

  /** False when that cannot happen now. */
  #cause(kind: Trouble, server: SimServer): boolean {
    const random = this.#random
    const sim = this.#sim
    switch (kind) {
      case 'kill':
        if (!server.isUp) return false
        server.kill()
        server.restartAfter(1 + random.integer(random.chance(0.6) ? 300 : 6000))
        return true
      case 'power':
        return this.#power(server)
      case 'close':
        if (!server.isUp || server.running?.process.life.isStopped === true) return false
        this.#close(server)
        return true
      case 'pause':
        if (!server.isUp) return false
        server.stop(200 + random.integer(7000), false)
        return true
      case 'sleep':
        if (!server.isUp) return false
        server.stop(500 + random.integer(12_000), true)
        return true
      case 'master':
        if (!sim.master.isUp) return false
        sim.master.crash()
        sim.scheduler.schedule('master up', '', random.integer(6000), () => sim.master.restart())
        return true
      case 'masterPause':
      case 'registryCut':
      case 'leaderFlap':
      case 'registryCall':
      case 'registryFails':
      case 'registryRestored':
      case 'registryLost':
        return (
          sim.master instanceof RealMaster &&
          masterTrouble(kind, { master: sim.master, random, again: this.#again })
        )
      case 'wallJump':
        return this.#jumpWall(server)
      case 'cutOneWay':
      case 'cutBothWays': {
        const ends = [...sim.servers.keys(), ...sim.master.names]
        const from = random.pick(ends)
        const to = random.pick(ends.filter((end) => end !== from))
        const forMs = 300 + random.integer(7000)
        sim.log.note('', `cut ${from} > ${to}${kind === 'cutBothWays' ? ' and back' : ''} for ${forMs} ms`)
        sim.network.cut(from, to, forMs)
        if (kind === 'cutBothWays') sim.network.cut(to, from, forMs)
        return true
      }
      case 'isolate':
        for (const name of sim.servers.keys()) {
          if (name !== sim.master.registry.primary && random.chance(0.5)) continue
          const forMs = 1000 + random.integer(10_000)
          for (const end of sim.master.names) sim.network.cutBoth(name, end, forMs)
        }
        sim.log.note('', 'the primary loses the master')
        return true
      case 'split':
        this.#split(2000 + random.integer(6000))
        return true
      case 'lonely':
        this.#lonely()
        return true
      case 'slowLink': {
        const other = random.pick([...sim.servers.values()].filter((one) => one !== server))
        const forMs = 1000 + random.integer(6000)
        sim.network.slow(server.name, other.name, forMs, 200 + random.integer(1500))
        if (random.chance(0.5)) sim.network.slow(other.name, server.name, forMs, 200 + random.integer(1500))
        sim.log.note(server.name, `is slow to ${other.name} for ${forMs} ms`)
        return true
      }
      case 'disk':
        if (!server.isUp || !this.mayLosePower(server)) return false
        server.loseDisk()
        server.restartAfter(500 + random.integer(3000))
        return true
      case 'move':
        this.#move()
        return true
      case 'promote':
        return sim.master.promote()
      case 'address':
        sim.changeAddress(server)
        return true
      case 'strayAssignment':
        return this.#stray(server)
      case 'portCall':
        if (!server.isUp || this.#callsLeft.has(server)) return false
        this.#callsLeft.set(server, random.integer(CALLS_MAX))
        return true
      case 'rot':
        return this.#rot(server)
      case 'full':
        server.storage.capacityBytes = server.storage.usedBytes + 4096 * random.integer(60)
        sim.scheduler.schedule('room', server.name, 500 + random.integer(4000), () => {
          server.storage.capacityBytes = Number.POSITIVE_INFINITY
        })
        return true
    }
  }

  #power(server: SimServer): boolean {
    const random = this.#random
    const { profile, servers } = this.#sim
    if (!server.isUp || !this.mayLosePower(server)) return false
    const isEverywhere = !profile.isBudgeted && random.chance(0.2)
    for (const other of isEverywhere ? servers.values() : [server]) {
      if (!other.isUp || (other !== server && random.chance(0.2))) continue
      other.losePower()
      other.restartAfter(1 + random.integer(8000))
    }
    return true
  }

  #close(server: SimServer): void {
    const { scheduler } = this.#sim
    const closed = server.close()
    let isOver = false
    closed.then(
      () => {
        isOver = true
        server.restartAfter(100 + this.#random.integer(6000))
      },
      (error: unknown) => this.#sim.broken(error),
    )
    const { running } = server
    scheduler.schedule('close watch', server.name, 90_000, () => {
      const isThere = server.running === running && running?.process.life.isStopped === false
      if (!isOver && isThere) this.#sim.broken(new Error(`${server.name} does not close`))
    })
  }

  /** Two sides that do not hear of each other; the master is on one of them. */
  #split(forMs: number): void {
    const all = [...this.#sim.servers.keys(), ...this.#sim.master.names]
    const left = all.filter(() => this.#random.chance(0.5))
    this.#sim.log.note('', `split ${left.join('')} for ${forMs} ms`)
    for (const from of left)
      for (const to of all) if (!left.includes(to)) this.#sim.network.cutBoth(from, to, forMs)
  }

  /** The primary loses the master, goes on by promises, and loses those too when its members reopen. */
  #lonely(): void {
    const sim = this.#sim
    const { primary } = sim.master.registry
    for (const end of sim.master.names) sim.network.cutBoth(primary, end, 12_000)
    sim.log.note(primary, 'is lonely')
    const others = [...sim.servers.values()].filter((one) => one.server !== primary)
    sim.scheduler.schedule('lonely', '', 3000 + this.#random.integer(3000), () => {
      if (this.#isStopped) return
      for (const other of others) {
        if (this.#random.chance(0.8)) sim.network.cutBoth(primary, other.name, 8000)
        if (!other.isUp || !this.#random.chance(0.6)) continue
        other.kill()
        other.restartAfter(100)
      }
    })
  }

  #move(): void {
    const { log, master } = this.#sim
    const to = this.#random.pick(master.registry.set.members)
    log.note(MASTER, `moves to ${to}`)
    master.move(to)
  }

  /** Somebody sets clocks, an hour back or ahead, of a server or a master. */
  #jumpWall(server: SimServer): boolean {
    const random = this.#random
    const { master } = this.#sim
    const byMs = random.pick([-3_600_000, -1000, 1000, 3_600_000])
    if (master instanceof RealMaster && random.chance(0.5)) master.pick().jumpWall(byMs)
    else server.jumpWall(byMs)
    return true
  }

  /** An assignment comes to a server that it was not made for. */
  #stray(server: SimServer): boolean {
    const { registry, replicas } = this.#sim.master
    const { epoch, opening, set, primary } = registry
    if (opening === null || server.server === primary) return false
    this.#sim.log.note(server.name, 'gets an assignment of another server')
    server.fromAuthority({
      kind: 'assign',
      epoch,
      role: 'primary',
      primary,
      opening,
      replicas,
      set,
      policy: this.#sim.profile.policy,
    })
    return true
  }

  #rot(server: SimServer): boolean {
    // what is bad here must be whole somewhere else
    if (this.#victim !== undefined && server !== this.#victim) return false
    const random = this.#random
    const name = random.weighted({ 'extents/000000': 5, 'extents/000000.map': 3, log: 3 })
    const versions = server.storage.filesIn(`${DIRECTORY}/versions`)
    const isOfVersions = versions.length > 0 && this.#ofVersions.chance(0.3)
    const fileId = isOfVersions
      ? this.#ofVersions.pick(versions)
      : server.storage.lookup(`${DIRECTORY}/${name}`)
    if (isOfVersions) this.#sim.log.count('trouble rot of versions')
    if (fileId === undefined) return false
    const pages = [...server.storage.durableOf(fileId).pageIndexes()]
    if (pages.length === 0) return false
    server.storage.flipBit(fileId, random.pick(pages) * 4096 + random.integer(4096), random.integer(8))
    return true
  }

  // ---- what happens beside

  mayLosePower(server: SimServer): boolean {
    const { profile, master, servers } = this.#sim
    if (!profile.isBudgeted) return true
    const { members } = master.registry.set
    if (!members.includes(server.server)) return true
    const others = members.filter((member) => member !== server.server)
    return others.length > 0 && others.every((member) => this.#isWhole(servers.get(member)))
  }

  #isWhole(server: SimServer | undefined): boolean {
    return server !== undefined && server !== this.#victim && server.isWhole
  }

  diesAt(server: SimServer, call: string, path: string): boolean {
    const left = this.#callsLeft.get(server)
    if (left === undefined) return false
    if (left > 0) {
      this.#callsLeft.set(server, left - 1)
      return false
    }
    this.#callsLeft.delete(server)
    const file = path.endsWith('/log') ? 'log' : path.includes('/extents') ? 'extents' : 'bookkeeping'
    this.#sim.log.count(`died at a ${call} of ${file}`)
    this.#sim.log.count(`died in ${file}`)
    return true
  }

  /** Between the decision and the moment that it is heard of, the winner reopens. */
  promoted(registry: Registry): void {
    const winner = this.#sim.servers.get(registry.primary)
    if (this.#isStopped || winner === undefined || !winner.isUp || !this.#random.chance(0.05)) return
    const isPower =
      this.#sim.profile.weights.power > 0 && this.#random.chance(0.5) && this.mayLosePower(winner)
    if (this.#sim.profile.weights.kill === 0) return
    this.#sim.log.count('trouble at a promotion')
    if (isPower) winner.losePower()
    else winner.kill()
    winner.restartAfter(1 + this.#random.integer(200))
  }

  /** A message of the authority reaches a server. */
  delivered(to: ServerId, message: AuthorityMessage): void {
    const { registry } = this.#sim.master
    if (message.kind === 'assign') {
      const key = `${to} ${message.epoch.id} ${message.opening}`
      if (this.#assigned.has(key)) this.#sim.log.count('assignment repeated')
      this.#assigned.add(key)
    }
    if (message.kind !== 'setIs' && message.epoch.number < registry.epoch.number) {
      this.#sim.log.count('authority message of an epoch that is over')
    }
  }

  heard(from: ServerId, beat: Heartbeat): void {
    const { registry } = this.#sim.master
    const server = this.#sim.servers.get(from)
    const hasLed = server !== undefined && server.ledEpoch > 0 && server.ledEpoch < registry.epoch.number
    if (hasLed && !server.isReturned) {
      server.isReturned = true
      this.#sim.log.count('a primary of an earlier epoch is back')
    }
    if (beat.leads !== null && beat.leads.number < registry.epoch.number)
      this.#sim.log.count('stale heartbeat')
  }

  #netFault({ kind, from, to, port }: NetFault): void {
    const { log } = this.#sim
    log.count(`net ${kind}`)
    if (port !== REPLICATION_PORT) {
      log.count(`net ${kind} of a host`)
      return
    }
    if (kind === 'delay' || kind === 'dribble') return
    log.note('', `${kind} on ${from} > ${to}`)
    const { primary } = this.#sim.master.registry
    const other = from === primary ? to : from
    const peer = this.#sim.servers
      .get(primary)
      ?.replica?.status()
      .view.peers.find((one) => one.server === other)
    const session = peer?.session ?? ''
    if (session.startsWith('catchUp') && !session.endsWith('live')) log.count('catch-up interrupted')
    if (session.startsWith('resync') && !session.endsWith('live')) log.count('resync interrupted')
  }
}

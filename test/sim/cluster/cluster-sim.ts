/**
 * One seed: servers with a replica each, an authority, hosts, all of the production code over simulated ports, in virtual
 * time. First with faults, at least so many operations of hosts; then the faults stop, and within a bound everything must be
 * in sync; then all replicas are compared and closed, and nothing may be left of them.
 */
import { BLOCK_BYTES, type Epoch } from '../../../src/base/units.ts'
import type { LedDevice } from '../../../src/replication/device.ts'
import { type ServerId, serverId } from '../../../src/v2engine/identity.ts'
import { DEFAULT_BOUNDS } from '../../../src/v2engine/policy.ts'
import type { Authority, Registry } from '../../cluster/authority.ts'
import { fail } from '../../cluster/checker.ts'
import { SeededRandom } from '../random.ts'
import { Scheduler } from '../scheduler.ts'
import { compareReplicas } from './compare.ts'
import { ControlChannel, MASTER } from './control.ts'
import { Faults } from './faults.ts'
import { History } from './history.ts'
import { Hosts, type Path } from './hosts.ts'
import { Losses } from './losses.ts'
import { RealMaster } from './master/real-master.ts'
import type { MasterWorld, MemberLink, SimMaster } from './master/sim-master.ts'
import { StubMaster } from './master/stub-master.ts'
import { SimNetwork } from './net.ts'
import { Operators } from './operators.ts'
import { portalOf } from './paths/front-ends.ts'
import { ReservationRule } from './paths/reservation-rule.ts'
import { type ClusterFault, type ClusterProfile, drawProfile } from './profile.ts'
import { judgeScrubs } from './scrubs.ts'
import { REPLICATION_PORT, SimServer } from './server.ts'
import type { Running, ServerWorld } from './server-world.ts'
import { Service } from './service.ts'
import { RunLog, show } from './timeline.ts'
import { describeCluster, describeError, isInSync } from './verdicts.ts'

/** Virtual time in which the operations must be done. */
const FAULTS_MS_MAX = 900_000
/** In which a volume that needs an operator may still come back by itself. */
const OPERATOR_MS = 30_000
/** Virtual time in which all must be in sync when the faults have stopped. */
const CALM_MS = 120_000
const OPERATIONS = 300

export interface ClusterOutcome {
  readonly seed: number
  readonly configuration: string
  readonly violation: string | undefined
  readonly counts: ReadonlyMap<string, number>
  readonly virtualMs: number
  readonly traceHash: string
}

export interface ClusterOptions {
  readonly only?: readonly ClusterFault[]
  readonly operations?: number
  readonly print?: (line: string) => void
}

/** Runs a seed. What it broke is in the outcome. */
export async function runClusterSeed(seed: number, options: ClusterOptions = {}): Promise<ClusterOutcome> {
  const random = new SeededRandom(seed, 0xc1)
  const profile = drawProfile(seed, random.fork('profile'), options.only)
  const sim = new ClusterSim(seed, random, profile, options.print)
  const violation = await sim.run(options.operations ?? OPERATIONS)
  return {
    seed,
    configuration: profile.name,
    violation,
    counts: sim.log.counts,
    virtualMs: sim.scheduler.nowMs,
    traceHash: sim.scheduler.traceHash,
  }
}

export class ClusterSim implements ServerWorld {
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly log: RunLog
  readonly profile: ClusterProfile
  readonly bounds = DEFAULT_BOUNDS
  readonly servers = new Map<ServerId, SimServer>()
  readonly control: ControlChannel
  readonly master: SimMaster
  readonly history: History
  readonly hosts: Hosts
  readonly operators: Operators
  readonly reservations = new ReservationRule()
  readonly faults: Faults
  readonly #losses: Losses
  readonly #service: Service
  isCalm = false
  /** Called with each promotion, before anybody hears of it. */
  atPromotion: (registry: Registry) => void = () => undefined
  #lostSinceMs = 0
  readonly #broken = Promise.withResolvers<never>()
  #isBroken = false

  constructor(
    seed: number,
    random: SeededRandom,
    profile: ClusterProfile,
    print: ((line: string) => void) | undefined,
    master: 'real' | 'stub' = 'real',
  ) {
    this.scheduler = new Scheduler(seed)
    this.profile = profile
    this.log = new RunLog(this.scheduler, print)
    this.network = new SimNetwork(this.scheduler, random.fork('network'))
    this.network.rates = profile.net
    this.network.isChecked = (port) => port === REPLICATION_PORT
    this.control = new ControlChannel(this.scheduler, this.network, random.fork('control'))
    this.history = new History({
      entryBlocksMax: Math.max(1, Math.min(256, Math.floor(profile.shape.logBytes / 8 / BLOCK_BYTES))),
      sizeBytes: profile.shape.sizeBytes,
      note: (what) => this.log.trace('', what),
    })
    const ids = ['a', 'b', 'c', 'd', 'e'].slice(0, profile.policy.replicaFactor).map(serverId)
    const members = ids.slice(0, ids.length - profile.spares)
    for (const [i, id] of ids.entries()) {
      const server = new SimServer(this, id, {
        random: random.fork(`server ${id}`),
        rate: profile.rates[i] ?? 1,
      })
      server.isReplacement = !members.includes(id)
      this.servers.set(id, server)
    }
    this.#losses = new Losses(profile, this.servers)
    this.#service = new Service(
      this,
      (epoch) => this.#losses.take(epoch, epoch.number === this.master.registry.epoch.number),
      (path) => {
        this.hosts.over(path)
        this.operators.over(path)
      },
    )
    const world: MasterWorld = {
      scheduler: this.scheduler,
      network: this.network,
      control: this.control,
      log: this.log,
      profile,
      bounds: this.bounds,
      servers: this.servers,
      isServedAt: (server) => this.path?.server === server,
      delivered: (to, message) => this.faults.delivered(to, message),
      heard: (from, beat) => this.faults.heard(from, beat),
      forced: () => this.#losses.forced(),
      promoted: (registry) => this.#promoted(registry),
      broken: (error) => this.broken(error),
    }
    const masterRandom = random.fork('registry')
    this.master =
      master === 'real'
        ? new RealMaster(world, members, masterRandom)
        : new StubMaster(world, members, masterRandom)
    const isAnswering = ({ server }: Path): boolean => {
      const running = this.servers.get(serverId(server))?.running
      return running !== undefined && !running.process.life.isStopped
    }
    this.hosts = new Hosts({
      scheduler: this.scheduler,
      network: this.network,
      random: random.fork('hosts'),
      log: this.log,
      profile,
      history: this.history,
      reservations: this.reservations,
      path: () => this.path,
      isAnswering,
      portals: () => [...this.servers.values()].map((server) => portalOf(server)),
      broken: (error) => this.broken(error),
    })
    this.faults = new Faults(this, random.fork('faults'))
    this.operators = new Operators({
      scheduler: this.scheduler,
      random: random.fork('operators'),
      log: this.log,
      profile,
      mayDamage: this.faults.mayDamage,
      path: () => this.path,
      isAnswering,
      broken: (error) => this.broken(error),
    })
    this.#broken.promise.catch(() => undefined)
  }

  /** Of a scenario whose master is the shell. */
  get authority(): Authority {
    if (!(this.master instanceof StubMaster)) fail('the master of this run is the real one')
    return this.master.authority
  }

  // ---- the run

  /** What was broken; undefined when all held. */
  async run(operations: number): Promise<string | undefined> {
    return this.script(() => this.#history(operations), FAULTS_MS_MAX + CALM_MS + 60_000)
  }

  /** The same of anything else that is done with the cluster. */
  async script(work: () => Promise<void>, limitMs: number): Promise<string | undefined> {
    const onUnhandled = (error: unknown): void => this.broken(error)
    process.on('unhandledRejection', onUnhandled)
    process.on('uncaughtException', onUnhandled)
    try {
      await this.until(work(), 'the run', limitMs)
      return undefined
    } catch (error) {
      return describeError(error)
    } finally {
      process.off('unhandledRejection', onUnhandled)
      process.off('uncaughtException', onUnhandled)
    }
  }

  /** Where hosts are served. */
  get path(): Path | undefined {
    return this.#service.path
  }

  /** Runs until `promise` is settled, or something is broken. */
  async until<T>(promise: Promise<T>, what: string, limitMs: number): Promise<T> {
    return await this.scheduler.until(Promise.race([promise, this.#broken.promise]), { what, limitMs })
  }

  async #history(operations: number): Promise<void> {
    const { name, shape, disk, net, rates, masterRates } = this.profile
    this.log.trace('', () => `${name}: ${show({ shape, disk, net, rates, masterRates })}`)
    if (new Set([...rates, ...masterRates]).size > 1) this.log.count('clocks drift')
    this.start()
    this.faults.begin()
    this.hosts.start()
    this.operators.start()
    while (this.hosts.operations < operations && this.scheduler.nowMs < FAULTS_MS_MAX && !this.#isLost()) {
      await this.sleep(50)
    }
    this.log.count('operations', this.hosts.operations)
    this.log.count('operations that succeeded', this.hosts.succeeded)
    await this.calmDown()
  }

  /** More was lost than anybody promised to survive, and for so long that nothing will bring it back by itself. */
  #isLost(): boolean {
    const { nowMs } = this.scheduler
    const isWaiting = !this.profile.isBudgeted && this.master.isOperatorNeeded
    if (!isWaiting) this.#lostSinceMs = nowMs
    return nowMs - this.#lostSinceMs > OPERATOR_MS
  }

  /** Faults stop; all must be well, equal, and end without a rest. */
  async calmDown(): Promise<void> {
    this.log.note('', 'calm')
    this.isCalm = true
    this.faults.stop()
    this.network.calm()
    this.control.calm()
    this.master.calm()
    await this.sleep(1500)
    const hosts = Promise.all([this.hosts.stop(), this.operators.stop()])
    const isWell = await this.untilWell(CALM_MS)
    this.#countAll()
    if (!isWell) {
      // a removal that was carried out after its primary died leaves a set that only an operator can revive
      const { members } = this.master.registry.set
      const areAllLost = members.every((member) => this.servers.get(member)?.isSound !== true)
      // and those that had left before the registry was lost may be in the set that is recovered
      const isLastLost = members.length === 1 || (areAllLost && this.log.counts.has('recoveries'))
      if ((!this.profile.isBudgeted || isLastLost) && this.master.isOperatorNeeded) {
        this.log.count('operator needed')
        return
      }
      fail(`not in sync after ${CALM_MS} ms of calm: ${this.describe()}`)
    }
    // replicas are compared when no entry is on its way any more
    await hosts
    if (!(await this.untilWell(CALM_MS))) fail(`not in sync when all is answered: ${this.describe()}`)
    await judgeScrubs(this)
    await this.#compareAndClose()
  }

  #countAll(): void {
    this.log.count('epochs served', this.history.epochs)
    this.log.count('checked answers', this.history.checkedReads)
    this.log.count('late writes refused', this.hosts.lateRefused)
    this.log.count('reads checked by paths', this.hosts.checkedByPath)
    this.log.count('writes checked by reservations', this.reservations.checked)
    for (const server of this.servers.values()) {
      for (const [kind, times] of Object.entries(server.faults.counts)) {
        if (times > 0) this.log.count(`disk ${kind}`, times)
      }
    }
    this.log.count('control doubled', this.control.doubled)
  }

  sleep(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.scheduler.schedule('sleep', '', forMs, resolve)
    })
  }

  start(): void {
    for (const server of this.servers.values()) server.start()
    this.master.start()
  }

  async untilWell(forMs: number): Promise<boolean> {
    const untilMs = this.scheduler.nowMs + forMs
    while (!this.isWell()) {
      if (this.scheduler.nowMs > untilMs) return false
      await this.sleep(100)
    }
    return true
  }

  get mayDamage(): boolean {
    return this.faults.mayDamage
  }

  isWell(): boolean {
    return this.path?.epoch.id === this.master.registry.epoch.id && isInSync(this)
  }

  describe(): string {
    return describeCluster(this)
  }

  async #compareAndClose(): Promise<void> {
    this.master.end()
    const primaryFirst = [...this.servers.values()].sort(
      (a, b) =>
        Number(b.server === this.master.registry.primary) - Number(a.server === this.master.registry.primary),
    )
    for (const server of primaryFirst) await server.close()
    await compareReplicas(this, primaryFirst)
  }

  // ---- what servers tell

  broken(error: unknown): void {
    if (this.#isBroken) return
    this.#isBroken = true
    this.#broken.reject(error)
  }

  linkOf(server: SimServer, running: Running): MemberLink {
    return this.master.linkOf(server, running)
  }

  epochMade(): Epoch {
    return this.master.epochMade
  }

  mayLosePower(server: SimServer): boolean {
    return this.faults.mayLosePower(server)
  }

  diesAt(server: SimServer, call: string, path: string): boolean {
    return this.faults.diesAt(server, call, path)
  }

  started(server: SimServer, running: Running): Promise<void> {
    return this.#service.started(server, running)
  }

  served(path: Path): void {
    this.operators.served(path)
  }

  lossTaken(valueAt: (sector: number) => number): void {
    this.hosts.forget(valueAt)
  }

  leads(server: SimServer, device: LedDevice): void {
    this.#service.leads(server, device)
  }

  halted(server: SimServer): void {
    this.#service.halted(server)
  }

  // ---- the master

  changeAddress(server: SimServer): void {
    void server.changeAddress().catch((error: unknown) => this.broken(error))
    this.master.addressChanged(server)
  }

  #promoted(registry: Registry): void {
    this.log.count('promotions')
    if (registry.mayHaveLost) this.log.count('promotions with possible loss')
    this.#losses.promoted(registry)
    const { primary, epoch, set, mayHaveLost } = registry
    const loss = mayHaveLost ? ', possible loss' : ''
    this.log.note(MASTER, `${primary} leads ${epoch.number}, set ${set.members.join('')}${loss}`)
    this.faults.promoted(registry)
    this.atPromotion(registry)
  }
}

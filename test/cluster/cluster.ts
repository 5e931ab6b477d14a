/**
 * A cluster in one process: servers with one replica of a volume each, an authority, a network, all in virtual time.
 * A seed decides everything. First faults, then a calm phase in which everything must come to be in sync within a bound.
 *
 * Faults: processes are killed, closed, paused; power is lost, with all that was not durable or a part of it; the master
 * restarts; connections break; cuts in one direction or both; messages late, lost, doubled; a planned move; log space
 * taken back from under a session; a disk that lost what it had reported durable. With `budget`, power is lost only where
 * every other member of the set is whole, so nothing acknowledged may ever be lost; without, what is possibly lost has
 * to be recorded with the promotion.
 */
import { assert, InvariantError } from '../../src/base/assert.ts'
import type { Epoch } from '../../src/base/units.ts'
import { serverId } from '../../src/v2engine/identity.ts'
import { isSound, standingOf } from '../../src/v2engine/marks.ts'
import { DEFAULT_BOUNDS, type Policy } from '../../src/v2engine/policy.ts'
import { SeededRandom } from '../sim/random.ts'
import { Authority, type Registry } from './authority.ts'
import { Checker, fail, type Loss, NO_LOSS, Violation } from './checker.ts'
import { Faults } from './faults.ts'
import { Network } from './network.ts'
import { ModelNode } from './node.ts'
import { lineageAt } from './storage.ts'
import { Timeline } from './timeline.ts'
import { count, type Frame, note, type World } from './world.ts'

/** Sets change more slowly here than they do in a server: more happens while a member still counts. */
const { owesMs } = DEFAULT_BOUNDS
const BOUNDS = {
  ...DEFAULT_BOUNDS,
  unreachableMs: owesMs,
  startUnreachableMs: owesMs,
  startRefusedMs: owesMs,
}

export interface Configuration {
  readonly name: string
  /** Replicas that are not in the first in-sync set. */
  readonly spares?: number
  readonly policy: Policy
  readonly budget: boolean
}

const syncAll = (replicaFactor: number, minInSync = 1): Policy => ({
  mode: { kind: 'sync_all', minInSync },
  replicaFactor,
})
const quorum: Policy = { mode: { kind: 'sync_quorum' }, replicaFactor: 3 }
const bestEffort: Policy = {
  mode: { kind: 'best_effort', maxLagEntries: 20, maxLagMs: 3000 },
  replicaFactor: 3,
}

export const CONFIGURATIONS: readonly Configuration[] = [
  { name: 'sync_all of 2', policy: syncAll(2), budget: true },
  { name: 'sync_quorum of 3', policy: quorum, budget: true },
  { name: 'sync_all of 3', policy: syncAll(3), budget: true },
  { name: 'sync_quorum of 3, chaos', policy: quorum, budget: false },
  { name: 'sync_all of 3, at least 2', policy: syncAll(3, 2), budget: true },
  { name: 'sync_all of 2, chaos', policy: syncAll(2), budget: false },
  { name: 'sync_all of 3, chaos', policy: syncAll(3), budget: false },
  { name: 'best_effort of 3', policy: bestEffort, budget: false },
  {
    name: 'sync_quorum of 5',
    policy: { mode: { kind: 'sync_quorum' }, replicaFactor: 5 },
    budget: true,
  },
  { name: 'sync_all of 3, one to come', policy: syncAll(3), budget: true, spares: 1 },
]

export interface Outcome {
  readonly seed: number
  readonly configuration: string
  readonly violation: string | null
  readonly stats: ReadonlyMap<string, number>
}

const FAULTS_MS = 25_000
const CALM_MS = 60_000

export function runCluster(seed: number, trace: ((line: string) => void) | null = null): Outcome {
  const configuration = CONFIGURATIONS[seed % CONFIGURATIONS.length]!
  const cluster = new Cluster(seed, configuration, trace)
  let violation: string | null = null
  try {
    cluster.run()
  } catch (error) {
    if (!(error instanceof Violation) && !(error instanceof InvariantError)) throw error
    violation = error instanceof InvariantError ? `assertion: ${error.message}` : error.message
  }
  return { seed, configuration: configuration.name, violation, stats: cluster.stats }
}

export class Cluster {
  readonly stats = new Map<string, number>()
  readonly #configuration: Configuration
  readonly timeline = new Timeline()
  readonly #random: SeededRandom
  readonly network: Network<Frame>
  readonly checker = new Checker()
  readonly nodes = new Map<string, ModelNode>()
  readonly authority: Authority
  readonly world: World
  readonly faults: Faults
  /** What the promotion of an epoch recorded as possibly lost. */
  readonly #losses = new Map<bigint, Loss>()
  #openLoss: Loss = NO_LOSS

  constructor(seed: number, configuration: Configuration, trace: ((line: string) => void) | null) {
    this.#configuration = configuration
    const random = new SeededRandom(seed)
    this.#random = random.fork('faults')
    this.network = new Network<Frame>(this.timeline, random.fork('network'))
    const servers = ['a', 'b', 'c', 'd', 'e'].slice(0, configuration.policy.replicaFactor).map(serverId)
    this.world = {
      timeline: this.timeline,
      network: this.network,
      random: random.fork('nodes'),
      checker: this.checker,
      bounds: BOUNDS,
      stats: this.stats,
      trace,
      node: (server) => this.nodes.get(server),
      toAuthority: (from, message) => {
        this.network.datagram(from, 'M', () => {
          if (this.faults.isMasterUp) this.authority.onMessage(from, message, this.timeline.nowMs)
        })
      },
      takeLoss: (epoch) => this.#takeLoss(epoch),
      epoch: () => this.authority.registry.epoch,
      nextValue: 1,
      isLoaded: true,
      isCalm: false,
      isFreeingLog: true,
    }
    this.authority = new Authority({
      policy: configuration.policy,
      bounds: BOUNDS,
      members: servers.slice(0, servers.length - (configuration.spares ?? 0)),
      replicas: servers.map((server) => ({ server, endpoint: `${server}:7460` })),
      random: random.fork('registry'),
      send: (to, message) => {
        this.network.datagram('M', to, () => this.nodes.get(to)?.event({ kind: 'authority', message }))
      },
      promoted: (registry) => this.#onPromoted(registry),
    })
    for (const server of servers) {
      const node = new ModelNode(server, this.world, this.#random.pick([0.97, 1, 1.03]))
      node.isReplacement = !this.authority.registry.set.members.includes(server)
      node.onBeat = (beat) => {
        this.network.datagram(server, 'M', () => {
          if (this.faults.isMasterUp) this.authority.onHeartbeat(server, beat, this.timeline.nowMs)
        })
      }
      this.nodes.set(server, node)
    }
    const { world, network, nodes, authority } = this
    const { budget } = configuration
    this.faults = new Faults({ world, random: this.#random, network, nodes, authority, budget })
  }

  #onPromoted(registry: Registry): void {
    count(this.world, 'promoted')
    if (registry.mayHaveLost) count(this.world, 'promoted with possible loss')
    this.#losses.set(registry.epoch.id, this.#lossOf(registry))
    note(
      this.world,
      `registry: ${registry.primary} leads ${registry.epoch.number}, set ${registry.set.members.join('')}`,
    )
    this.faults.atPromotion(registry)
  }

  #lossOf(registry: Registry): Loss {
    const { policy, budget } = this.#configuration
    const { mode } = policy
    let { entriesMax, keepsFlushed } = this.#openLoss
    if (mode.kind === 'best_effort') {
      const isWinnerSound = this.faults.isWhole(registry.primary)
      entriesMax = Math.max(entriesMax, isWinnerSound ? mode.maxLagEntries : Number.POSITIVE_INFINITY)
      keepsFlushed = false
    } else if (registry.mayHaveLost && !budget) entriesMax = Number.POSITIVE_INFINITY
    // a loss that no primary has come to serve after is still open when the next one is promoted
    this.#openLoss = { entriesMax, keepsFlushed }
    return this.#openLoss
  }

  #takeLoss(epoch: Epoch): Loss {
    const loss = this.#losses.get(epoch.id) ?? NO_LOSS
    if (epoch.number === this.authority.registry.epoch.number) this.#openLoss = NO_LOSS
    return loss
  }

  run(): void {
    this.start()
    this.faults.begin()
    this.timeline.run(FAULTS_MS)
    this.calmDown()
    this.timeline.after(1500, () => {
      this.world.isLoaded = false
    })
    this.timeline.run(FAULTS_MS + 2000)
    if (!this.untilWell(CALM_MS)) {
      // a removal that was carried out after its primary died leaves a set that only an operator can revive
      const isLastLost = this.authority.registry.set.members.length === 1
      if ((!this.#configuration.budget || isLastLost) && this.authority.isOperatorNeeded) {
        count(this.world, 'operator')
        return
      }
      fail(`not in sync after ${CALM_MS} ms of calm: ${this.#why()}`)
    }
    this.compare()
    this.closeAll()
  }

  start(): void {
    for (const node of this.nodes.values()) node.open()
    this.#masterBeat()
  }

  /** Whether everything is in sync within so long. */
  untilWell(forMs: number): boolean {
    let isWell = this.#isWell()
    const untilMs = this.timeline.nowMs + forMs
    this.timeline.run(isWell ? 0 : untilMs, () => {
      isWell = this.#isWell()
      return isWell
    })
    return isWell
  }

  #masterBeat(): void {
    this.timeline.after(150, () => {
      if (this.faults.isMasterUp) this.authority.onBeat(this.timeline.nowMs)
      this.#masterBeat()
    })
  }

  /** No more faults, and all that was broken is whole. */
  calmDown(): void {
    note(this.world, 'calm')
    this.world.isCalm = true
    this.network.isCalm = true
    this.network.heal()
    this.faults.restartMaster()
    for (const node of this.nodes.values()) if (!node.isUp) node.open()
  }

  #isWell(): boolean {
    const { registry } = this.authority
    const primary = this.nodes.get(registry.primary)
    const role = primary?.state?.role
    if (registry.state !== 'serving' || primary?.state === undefined || primary.state === null) return false
    if (role?.kind !== 'primary' || role.phase.kind !== 'serving') return false
    if (registry.set.members.length < this.nodes.size || role.set.version !== registry.set.version)
      return false
    if (role.change !== null || role.acknowledged < primary.storage.appended) return false
    if ([...role.peers.values()].some((peer) => peer.session?.phase !== 'live')) return false
    return [...this.nodes.values()].every(
      (node) =>
        node.state !== null &&
        node.isPausedUntilMs <= this.timeline.nowMs &&
        isSound(standingOf(node.state.marks)) &&
        node.storage.appended === primary.storage.appended,
    )
  }

  #why(): string {
    const { registry } = this.authority
    const set = registry.set.members.join('')
    const nodes = [...this.nodes.values()].map((node) => {
      const { state, server, storage } = node
      if (state === null) return `${server} down`
      const { role, marks } = state
      const kind = role.kind === 'primary' ? role.phase.kind : role.kind
      return `${server} ${kind} sealed ${marks.sealed.number} commit ${state.commit} of ${storage.appended}`
    })
    return `${registry.state} ${registry.epoch.number} set ${set}; ${nodes.join('; ')}`
  }

  /** Whole content: lineages by hash, blocks one by one. */
  compare(): void {
    const primary = this.nodes.get(this.authority.registry.primary)!
    primary.readAll()
    const view = primary.storage.view()
    for (const node of this.nodes.values()) {
      const { lineage } = node.storage
      if (lineage?.hash !== primary.storage.lineage?.hash)
        fail(`${node.server} has another history: ${lineage?.lsn ?? 'none'}`)
      const other = node.storage.view()
      for (const [block, content] of view) {
        const mine = other.get(block)
        if (mine?.lsn !== content.lsn || mine.value !== content.value) {
          fail(`${node.server} block ${block}: ${mine?.lsn} instead of ${content.lsn}`)
        }
      }
      if (other.size !== view.size) fail(`${node.server} has ${other.size} blocks, not ${view.size}`)
    }
    const { acknowledged } = this.checker
    const at = acknowledged?.lsn ?? 0
    if (acknowledged !== null && lineageAt(primary.storage.lineage, at)?.hash !== acknowledged.hash) {
      fail('an acknowledged write is missing at the end')
    }
  }

  /** Nothing is left of a replica that closed: no pins, no sessions, no timer. */
  closeAll(): void {
    for (const node of this.nodes.values()) {
      assert(node.isUp, 'it is up')
      node.event({ kind: 'close' })
      if (node.pinCount > 0) fail(`${node.server} closed with ${node.pinCount} pins`)
      if (node.wakeAtMs !== null) fail(`${node.server} closed with a timer`)
    }
  }
}

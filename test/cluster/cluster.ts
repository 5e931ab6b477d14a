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
import { type ServerId, serverId } from '../../src/v2engine/identity.ts'
import { isSound, standingOf } from '../../src/v2engine/marks.ts'
import { DEFAULT_BOUNDS, type Policy } from '../../src/v2engine/policy.ts'
import { SeededRandom } from '../sim/random.ts'
import { Authority, type Registry } from './authority.ts'
import { Checker, fail, type Loss, NO_LOSS, Violation } from './checker.ts'
import { Network } from './network.ts'
import { type Frame, ModelNode, type World } from './node.ts'
import { lineageAt } from './storage.ts'
import { Timeline } from './timeline.ts'

export interface Configuration {
  readonly name: string
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

class Cluster {
  readonly stats = new Map<string, number>()
  readonly #configuration: Configuration
  readonly #timeline = new Timeline()
  readonly #random: SeededRandom
  readonly #network: Network<Frame>
  readonly #checker = new Checker()
  readonly #nodes = new Map<string, ModelNode>()
  readonly #authority: Authority
  readonly #world: World
  readonly #bias: 'mixed' | 'rare' | 'kills' | 'cuts' | 'master' | 'power' | 'split'
  /** What the promotion of an epoch recorded as possibly lost. */
  readonly #losses = new Map<bigint, Loss>()
  #openLoss: Loss = NO_LOSS
  #isMasterUp = true
  #boots = 1

  constructor(seed: number, configuration: Configuration, trace: ((line: string) => void) | null) {
    this.#configuration = configuration
    const random = new SeededRandom(seed)
    this.#random = random.fork('faults')
    this.#bias = this.#random.pick(['mixed', 'rare', 'kills', 'cuts', 'master', 'power', 'split'])
    this.#network = new Network<Frame>(this.#timeline, random.fork('network'))
    const servers = ['a', 'b', 'c'].slice(0, configuration.policy.replicaFactor).map(serverId)
    this.#world = {
      timeline: this.#timeline,
      network: this.#network,
      random: random.fork('nodes'),
      checker: this.#checker,
      bounds: DEFAULT_BOUNDS,
      stats: this.stats,
      trace,
      node: (server) => this.#nodes.get(server),
      toAuthority: (from, message) => {
        this.#network.datagram(from, 'M', () => {
          if (this.#isMasterUp) this.#authority.onMessage(from, message, this.#timeline.nowMs)
        })
      },
      takeLoss: (epoch) => this.#takeLoss(epoch),
      nextValue: 1,
      isLoaded: true,
      isCalm: false,
    }
    this.#authority = new Authority({
      policy: configuration.policy,
      bounds: DEFAULT_BOUNDS,
      replicas: servers.map((server) => ({ server, endpoint: `${server}:7460` })),
      random: random.fork('registry'),
      send: (to, message) => {
        this.#network.datagram('M', to, () => this.#nodes.get(to)?.event({ kind: 'authority', message }))
      },
      promoted: (registry) => this.#onPromoted(registry),
    })
    for (const server of servers) {
      const node = new ModelNode(server, this.#world, this.#random.pick([0.97, 1, 1.03]))
      node.onBeat = (beat) => {
        this.#network.datagram(server, 'M', () => {
          if (this.#isMasterUp) this.#authority.onHeartbeat(server, beat, this.#timeline.nowMs)
        })
      }
      this.#nodes.set(server, node)
    }
  }

  #onPromoted(registry: Registry): void {
    this.#count('promoted')
    if (registry.mayHaveLost) this.#count('promoted with possible loss')
    this.#losses.set(registry.epoch.id, this.#lossOf(registry))
    this.#note(
      `registry: ${registry.primary} leads ${registry.epoch.number}, set ${registry.set.members.join('')}`,
    )
    // between the decision and the moment that it is heard of, the winner reopens without its page cache
    const winner = this.#nodes.get(registry.primary)!
    if (this.#world.isCalm || !winner.isUp || !this.#random.chance(0.1)) return
    if (!this.#mayLosePower(winner)) return
    this.#count('fault power at promotion')
    this.#losePower(winner, 5)
  }

  #lossOf(registry: Registry): Loss {
    const { policy, budget } = this.#configuration
    const { mode } = policy
    let { entriesMax, keepsFlushed } = this.#openLoss
    if (mode.kind === 'best_effort') {
      const isWinnerSound = this.#isWhole(registry.primary)
      entriesMax = Math.max(entriesMax, isWinnerSound ? mode.maxLagEntries : Number.POSITIVE_INFINITY)
      keepsFlushed = false
    } else if (registry.mayHaveLost && !budget) entriesMax = Number.POSITIVE_INFINITY
    // a loss that no primary has come to serve after is still open when the next one is promoted
    this.#openLoss = { entriesMax, keepsFlushed }
    return this.#openLoss
  }

  #takeLoss(epoch: Epoch): Loss {
    const loss = this.#losses.get(epoch.id) ?? NO_LOSS
    if (epoch.number === this.#authority.registry.epoch.number) this.#openLoss = NO_LOSS
    return loss
  }

  run(): void {
    for (const node of this.#nodes.values()) node.open()
    this.#masterBeat()
    this.#faults()
    this.#timeline.run(FAULTS_MS)
    this.#calmDown()
    let isWell = false
    this.#timeline.run(FAULTS_MS + CALM_MS, () => {
      isWell = this.#timeline.nowMs > FAULTS_MS + 2000 && this.#isWell()
      return isWell
    })
    if (!isWell) {
      if (!this.#configuration.budget && this.#authority.isOperatorNeeded) {
        this.#count('operator')
        return
      }
      fail(`not in sync after ${CALM_MS} ms of calm: ${this.#why()}`)
    }
    this.#compare()
    for (const node of this.#nodes.values()) this.#closeDown(node)
  }

  #masterBeat(): void {
    this.#timeline.after(150, () => {
      if (this.#isMasterUp) this.#authority.onBeat(this.#timeline.nowMs)
      this.#masterBeat()
    })
  }

  // faults

  #faults(): void {
    this.#timeline.after(50 + this.#random.integer(250), () => {
      if (this.#world.isCalm) return
      this.#fault()
      this.#faults()
    })
  }

  #fault(): void {
    const random = this.#random
    const node = random.pick([...this.#nodes.values()])
    const bias = this.#bias
    const kind = random.weighted({
      nothing: bias === 'rare' || bias === 'split' ? 300 : 60,
      kill: bias === 'kills' ? 20 : 4,
      power: bias === 'power' ? 20 : 3,
      close: 2,
      pause: 3,
      master: bias === 'master' ? 10 : 2,
      cut: bias === 'cuts' ? 15 : 4,
      isolate: bias === 'master' ? 10 : 2,
      split: bias === 'split' ? 20 : 1,
      lonely: bias === 'split' ? 20 : 1,
      move: 3,
      seal: 1,
      lie: this.#configuration.budget ? 0 : 0.5,
    })
    if (kind !== 'nothing') this.#count(`fault ${kind}`)
    switch (kind) {
      case 'nothing':
        return
      case 'kill':
        if (node.isUp) this.#down(node, () => node.kill(), random.chance(0.6) ? 300 : 6000)
        return
      case 'close':
        if (node.isUp) this.#down(node, () => node.close(), 6000)
        return
      case 'power':
        if (node.isUp && this.#mayLosePower(node)) this.#losePower(node)
        if (!this.#configuration.budget && random.chance(0.2)) {
          for (const other of this.#nodes.values())
            if (other.isUp && random.chance(0.8)) this.#losePower(other)
        }
        return
      case 'lie':
        if (node.isUp) {
          this.#losePower(node)
          node.storage.durable = Math.max(node.storage.checkpoint, node.storage.durable - random.integer(4))
          const { durable, appended } = node.storage
          node.storage.isDamaged = durable < appended
          node.storage.losePower(durable, node.storage.bootId)
        }
        return
      case 'pause':
        if (node.isUp) node.isPausedUntilMs = this.#timeline.nowMs + 200 + random.integer(7000)
        return
      case 'master':
        if (!this.#isMasterUp) return
        this.#isMasterUp = false
        this.#timeline.after(random.integer(6000), () => this.#restartMaster())
        return
      case 'cut': {
        const [from, to] = [
          random.pick([...this.#nodes.keys(), 'M']),
          random.pick([...this.#nodes.keys(), 'M']),
        ]
        const forMs = 300 + random.integer(7000)
        this.#note(`cut ${from} > ${to}`)
        this.#network.cut(from, to, forMs)
        if (random.chance(0.5)) this.#network.cut(to, from, forMs)
        return
      }
      case 'isolate': {
        const forMs = 1000 + random.integer(10_000)
        for (const server of this.#nodes.keys()) {
          if (server !== this.#authority.registry.primary && random.chance(0.5)) continue
          this.#network.cut(server, 'M', forMs)
          this.#network.cut('M', server, forMs)
        }
        return
      }
      case 'split':
        this.#split(2000 + random.integer(6000))
        return
      case 'lonely':
        this.#isolatePrimary()
        return
      case 'move': {
        const { registry } = this.#authority
        this.#authority.preferred = random.pick(registry.set.members)
        const { epoch, primary } = registry
        this.#network.datagram('M', primary, () => {
          this.#nodes.get(primary)?.event({ kind: 'authority', message: { kind: 'stop', epoch } })
        })
        return
      }
      case 'seal':
        if (this.#isMasterUp) this.#authority.seal(false, this.#timeline.nowMs)
        return
    }
  }

  /** Two sides that do not hear of each other; the master is on one of them. */
  #split(forMs: number): void {
    const all = [...this.#nodes.keys(), 'M']
    const left = all.filter(() => this.#random.chance(0.5))
    this.#note(`split ${left.join('')}`)
    for (const from of left) {
      for (const to of all) {
        if (left.includes(to)) continue
        this.#network.cut(from, to, forMs)
        this.#network.cut(to, from, forMs)
      }
    }
  }

  /** The primary loses the master, goes on by promises, and loses those too when its members reopen. */
  #isolatePrimary(): void {
    const { primary } = this.#authority.registry
    this.#network.cut(primary, 'M', 12_000)
    this.#network.cut('M', primary, 12_000)
    this.#note(`lonely ${primary}`)
    const others = [...this.#nodes.values()].filter((node) => node.server !== primary)
    this.#timeline.after(3000 + this.#random.integer(3000), () => {
      if (this.#world.isCalm) return
      for (const other of others) {
        const isCut = this.#random.chance(0.8)
        if (isCut) this.#network.cut(primary, other.server, 8000)
        if (isCut) this.#network.cut(other.server, primary, 8000)
        if (other.isUp && this.#random.chance(0.6)) this.#down(other, () => other.kill(), 100)
      }
    })
  }

  #restartMaster(): void {
    if (this.#isMasterUp) return
    this.#isMasterUp = true
    this.#authority.restart(this.#timeline.nowMs)
  }

  #down(node: ModelNode, how: () => void, forMs: number): void {
    how()
    this.#timeline.after(1 + this.#random.integer(forMs), () => {
      if (!node.isUp) node.open()
    })
  }

  #losePower(node: ModelNode, forMs = 8000): void {
    this.#boots += 1
    this.#down(node, () => node.losePower(`boot-${this.#boots}`), forMs)
  }

  /** Within the budget: all other members of the set are whole, so one failure is all there is. */
  #mayLosePower(node: ModelNode): boolean {
    if (!this.#configuration.budget) return true
    const { members } = this.#authority.registry.set
    if (!members.includes(node.server)) return true
    const others = members.filter((member) => member !== node.server)
    return others.length > 0 && others.every((member) => this.#isWhole(member))
  }

  #isWhole(server: ServerId): boolean {
    const node = this.#nodes.get(server)
    const stored = node?.storage.stored ?? null
    if (node === undefined || stored === null) return false
    return node.isPowered && isSound(standingOf(stored))
  }

  // calm

  #calmDown(): void {
    this.#note('calm')
    this.#world.isCalm = true
    this.#network.isCalm = true
    this.#restartMaster()
    for (const node of this.#nodes.values()) if (!node.isUp) node.open()
    this.#timeline.after(1500, () => {
      this.#world.isLoaded = false
    })
  }

  #isWell(): boolean {
    const { registry } = this.#authority
    const primary = this.#nodes.get(registry.primary)
    const role = primary?.state?.role
    if (registry.state !== 'serving' || primary?.state === undefined || primary.state === null) return false
    if (role?.kind !== 'primary' || role.phase.kind !== 'serving') return false
    if (registry.set.members.length < this.#nodes.size || role.set.version !== registry.set.version)
      return false
    if (role.change !== null || role.acknowledged < primary.storage.appended) return false
    if ([...role.peers.values()].some((peer) => peer.session?.phase !== 'live')) return false
    return [...this.#nodes.values()].every(
      (node) =>
        node.state !== null &&
        node.isPausedUntilMs <= this.#timeline.nowMs &&
        isSound(standingOf(node.state.marks)) &&
        node.storage.appended === primary.storage.appended,
    )
  }

  #why(): string {
    const { registry } = this.#authority
    const set = registry.set.members.join('')
    const nodes = [...this.#nodes.values()].map((node) => {
      const { state, server, storage } = node
      if (state === null) return `${server} down`
      const { role, marks } = state
      const kind = role.kind === 'primary' ? role.phase.kind : role.kind
      return `${server} ${kind} sealed ${marks.sealed.number} commit ${state.commit} of ${storage.appended}`
    })
    return `${registry.state} ${registry.epoch.number} set ${set}; ${nodes.join('; ')}`
  }

  /** Whole content: lineages by hash, blocks one by one. */
  #compare(): void {
    const primary = this.#nodes.get(this.#authority.registry.primary)!
    const view = primary.storage.view()
    for (const node of this.#nodes.values()) {
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
    const { acknowledged } = this.#checker
    const at = acknowledged?.lsn ?? 0
    if (acknowledged !== null && lineageAt(primary.storage.lineage, at)?.hash !== acknowledged.hash) {
      fail('an acknowledged write is missing at the end')
    }
  }

  /** Nothing is left of a replica that closed: no pins, no sessions, no timer. */
  #closeDown(node: ModelNode): void {
    const { state } = node
    assert(state !== null, 'it is up')
    node.event({ kind: 'close' })
    if (node.pinCount > 0) fail(`${node.server} closed with ${node.pinCount} pins`)
    if (node.wakeAtMs !== null) fail(`${node.server} closed with a timer`)
  }

  #count(what: string): void {
    this.stats.set(what, (this.stats.get(what) ?? 0) + 1)
  }
  #note(line: string): void {
    this.#world.trace?.(`${String(Math.floor(this.#timeline.nowMs)).padStart(6)} ${line}`)
  }
}

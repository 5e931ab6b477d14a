/**
 * What goes wrong, at random and by the bias of the run. With `budget`, power is lost only where every other member of
 * the set is whole, so that nothing acknowledged may be lost.
 */
import type { ServerId } from '../../src/v2engine/identity.ts'
import { isSound, standingOf } from '../../src/v2engine/marks.ts'
import type { SeededRandom } from '../sim/random.ts'
import type { Authority, Registry } from './authority.ts'
import type { Network } from './network.ts'
import type { ModelNode } from './node.ts'
import type { Timeline } from './timeline.ts'
import { count, type Frame, note, type World } from './world.ts'

interface Options {
  readonly world: World
  readonly random: SeededRandom
  readonly network: Network<Frame>
  readonly nodes: ReadonlyMap<string, ModelNode>
  readonly authority: Authority
  readonly budget: boolean
}

export class Faults {
  readonly #o: Options
  readonly #random: SeededRandom
  readonly #timeline: Timeline
  readonly #bias: 'mixed' | 'rare' | 'kills' | 'cuts' | 'master' | 'power' | 'split'
  isMasterUp = true
  #boots = 1

  constructor(options: Options) {
    this.#o = options
    this.#random = options.random
    this.#timeline = options.world.timeline
    this.#bias = this.#random.pick(['mixed', 'rare', 'kills', 'cuts', 'master', 'power', 'split'])
  }

  begin(): void {
    this.#timeline.after(50 + this.#random.integer(250), () => {
      if (this.#o.world.isCalm) return
      this.#fault()
      this.begin()
    })
  }

  /** Between the decision and the moment that it is heard of, the winner reopens without its page cache. */
  atPromotion(registry: Registry): void {
    const winner = this.#o.nodes.get(registry.primary)!
    if (this.#o.world.isCalm || !winner.isUp || !this.#random.chance(0.1)) return
    if (!this.#mayLosePower(winner)) return
    count(this.#o.world, 'fault power at promotion')
    this.#losePower(winner, 5)
  }

  #fault(): void {
    const random = this.#random
    const node = random.pick([...this.#o.nodes.values()])
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
      disk: 1,
      poison: 1,
      move: 3,
      seal: 1,
      lie: this.#o.budget ? 0 : 0.5,
    })
    if (kind !== 'nothing') count(this.#o.world, `fault ${kind}`)
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
        if (!this.#o.budget && random.chance(0.2)) {
          for (const other of this.#o.nodes.values())
            if (other.isUp && random.chance(0.8)) this.#losePower(other)
        }
        return
      case 'disk':
        if (node.isUp && this.#mayLosePower(node)) this.#down(node, () => node.loseDisk(), 4000)
        return
      case 'poison':
        // an fdatasync failed: it is opened again from disk, past the page cache
        if (node.isUp && this.#mayLosePower(node)) {
          node.event({ kind: 'poisoned' })
          this.#down(node, () => node.losePower(node.storage.bootId), 3000)
          node.storage.isDamaged = true
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
        if (!this.isMasterUp) return
        this.isMasterUp = false
        this.#timeline.after(random.integer(6000), () => this.restartMaster())
        return
      case 'cut': {
        const [from, to] = [
          random.pick([...this.#o.nodes.keys(), 'M']),
          random.pick([...this.#o.nodes.keys(), 'M']),
        ]
        const forMs = 300 + random.integer(7000)
        note(this.#o.world, `cut ${from} > ${to}`)
        this.#o.network.cut(from, to, forMs)
        if (random.chance(0.5)) this.#o.network.cut(to, from, forMs)
        return
      }
      case 'isolate': {
        const forMs = 1000 + random.integer(10_000)
        for (const server of this.#o.nodes.keys()) {
          if (server !== this.#o.authority.registry.primary && random.chance(0.5)) continue
          this.#o.network.cut(server, 'M', forMs)
          this.#o.network.cut('M', server, forMs)
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
        const { registry } = this.#o.authority
        this.#o.authority.preferred = random.pick(registry.set.members)
        const { epoch, primary } = registry
        this.#o.network.datagram('M', primary, () => {
          this.#o.nodes.get(primary)?.event({ kind: 'authority', message: { kind: 'stop', epoch } })
        })
        return
      }
      case 'seal':
        if (this.isMasterUp) this.#o.authority.seal(this.#timeline.nowMs)
        return
    }
  }

  /** Two sides that do not hear of each other; the master is on one of them. */
  #split(forMs: number): void {
    const all = [...this.#o.nodes.keys(), 'M']
    const left = all.filter(() => this.#random.chance(0.5))
    note(this.#o.world, `split ${left.join('')}`)
    for (const from of left) {
      for (const to of all) {
        if (left.includes(to)) continue
        this.#o.network.cut(from, to, forMs)
        this.#o.network.cut(to, from, forMs)
      }
    }
  }

  /** The primary loses the master, goes on by promises, and loses those too when its members reopen. */
  #isolatePrimary(): void {
    const { primary } = this.#o.authority.registry
    this.#o.network.cut(primary, 'M', 12_000)
    this.#o.network.cut('M', primary, 12_000)
    note(this.#o.world, `lonely ${primary}`)
    const others = [...this.#o.nodes.values()].filter((node) => node.server !== primary)
    this.#timeline.after(3000 + this.#random.integer(3000), () => {
      if (this.#o.world.isCalm) return
      for (const other of others) {
        const isCut = this.#random.chance(0.8)
        if (isCut) this.#o.network.cut(primary, other.server, 8000)
        if (isCut) this.#o.network.cut(other.server, primary, 8000)
        if (other.isUp && this.#random.chance(0.6)) this.#down(other, () => other.kill(), 100)
      }
    })
  }

  restartMaster(): void {
    if (this.isMasterUp) return
    this.isMasterUp = true
    this.#o.authority.restart(this.#timeline.nowMs)
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
    if (!this.#o.budget) return true
    const { members } = this.#o.authority.registry.set
    if (!members.includes(node.server)) return true
    const others = members.filter((member) => member !== node.server)
    return others.length > 0 && others.every((member) => this.isWhole(member))
  }

  isWhole(server: ServerId): boolean {
    const node = this.#o.nodes.get(server)
    const stored = node?.storage.stored ?? null
    if (node === undefined || stored === null || node.storage.isDamaged) return false
    return node.isPowered && isSound(standingOf(stored))
  }
}

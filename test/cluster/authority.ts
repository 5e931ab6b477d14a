/**
 * The master in small: a registry that survives it, leases, seals and promotions, by the rules that the engine shares
 * (src/v2engine/rules). What it holds only in memory is gone when it restarts, and then it promotes nobody for a lease.
 */
import { type Epoch, epochNumber } from '../../src/base/units.ts'
import type { Opening, ServerId } from '../../src/v2engine/identity.ts'
import type { SetRecord } from '../../src/v2engine/marks.ts'
import type { AuthorityMessage, Replica, SealAnswer, ToAuthority } from '../../src/v2engine/messages.ts'
import type { Bounds, Policy } from '../../src/v2engine/policy.ts'
import { decidePromotion } from '../../src/v2engine/rules/promotion.ts'
import { decideSetChange } from '../../src/v2engine/rules/set-change.ts'
import type { SeededRandom } from '../sim/random.ts'

export interface Registry {
  epoch: Epoch
  state: 'sealing' | 'serving'
  primary: ServerId
  opening: Opening | null
  set: SetRecord
  mayHaveLost: boolean
}

export interface Heartbeat {
  readonly opening: Opening
  readonly askedAtMs: number
  /** The epoch that it leads. */
  readonly leads: Epoch | null
}

interface Options {
  readonly policy: Policy
  readonly bounds: Bounds
  readonly replicas: readonly Replica[]
  /** The first in-sync set. */
  readonly members: readonly ServerId[]
  readonly random: SeededRandom
  readonly send: (to: ServerId, message: AuthorityMessage) => void
  readonly promoted: (registry: Registry) => void
}

export class Authority {
  readonly registry: Registry
  readonly #o: Options
  // in memory only
  #answers = new Map<ServerId, SealAnswer>()
  #grantOverMs: number
  #hasStopped = false
  #sealingSinceMs = 0
  #assignedMs = 0
  preferred: ServerId | null = null
  replicas: readonly Replica[]
  isOperatorNeeded = false

  constructor(options: Options) {
    this.#o = options
    this.replicas = options.replicas
    const { members } = options
    const epoch = { number: epochNumber(1), id: options.random.u64() }
    const set = { epoch: epoch.number, version: 1, members }
    this.registry = { epoch, state: 'sealing', primary: members[0]!, opening: null, set, mayHaveLost: false }
    this.#grantOverMs = 0
    this.#hasStopped = true
  }

  /** Another process takes over: what was in memory is gone. */
  restart(nowMs: number): void {
    const { leaseMs, marginMs } = this.#o.bounds
    this.#answers = new Map()
    this.#grantOverMs = nowMs + leaseMs + marginMs
    this.#hasStopped = false
    this.preferred = null
    this.#sealingSinceMs = nowMs
    this.#assignedMs = nowMs
  }

  onHeartbeat(from: ServerId, beat: Heartbeat, nowMs: number): void {
    const { registry, bounds } = { registry: this.registry, bounds: this.#o.bounds }
    if (registry.state !== 'serving' || registry.primary !== from || registry.opening === null) return
    const { epoch, opening } = registry
    if (beat.opening > opening) {
      // that opening is over, and with it the epoch
      this.seal(true, nowMs)
      return
    }
    if (beat.opening < opening) return
    if (beat.leads?.number === epoch.number) {
      this.#grantOverMs = nowMs + bounds.leaseMs + bounds.marginMs
      const { askedAtMs } = beat
      this.#o.send(from, { kind: 'grant', epoch, opening, askedAtMs, leaseMs: bounds.leaseMs })
    } else if (nowMs - this.#assignedMs > 8000) this.seal(false, nowMs)
    else this.assign()
  }

  onMessage(from: ServerId, message: ToAuthority, nowMs: number): void {
    const { registry } = this
    switch (message.kind) {
      case 'sealed': {
        if (registry.state !== 'sealing' || message.epoch.number !== registry.epoch.number) return
        const before = this.#answers.get(from)
        if (before === undefined || before.opening <= message.opening) this.#answers.set(from, message)
        if (from === registry.primary) this.#hasStopped = true
        this.#decide(nowMs)
        return
      }
      case 'changeSet': {
        const { epoch, state, primary, set } = registry
        const facts = { policy: this.#o.policy, epoch, isSealing: state === 'sealing', primary, set }
        const verdict = decideSetChange(facts, message)
        if (verdict.kind === 'accepted') registry.set = verdict.set
        this.#tellSet(from)
        return
      }
      case 'readSet':
        this.#tellSet(from)
        return
      case 'stopped':
        if (registry.state === 'serving' && message.epoch.number === registry.epoch.number) {
          if (message.opening === registry.opening) this.seal(true, nowMs)
        }
        return
      case 'sealLater':
      case 'sealRefused':
      case 'assignRefused':
      case 'stopFailed':
      case 'serving':
        return
    }
  }

  #tellSet(to: ServerId): void {
    const { epoch, set, state } = this.registry
    if (state === 'serving') this.#o.send(to, { kind: 'setIs', epoch, set })
  }

  onBeat(nowMs: number): void {
    const { registry } = this
    if (registry.state === 'serving') {
      if (nowMs > this.#grantOverMs) this.seal(false, nowMs)
      return
    }
    for (const member of registry.set.members) {
      this.#o.send(member, { kind: 'seal', epoch: registry.epoch })
    }
    this.#decide(nowMs)
  }

  seal(hasStopped: boolean, nowMs: number): void {
    const { registry } = this
    if (registry.state !== 'serving') return
    registry.epoch = { number: epochNumber(registry.epoch.number + 1), id: this.#o.random.u64() }
    registry.state = 'sealing'
    this.#answers = new Map()
    this.#hasStopped = hasStopped
    this.#sealingSinceMs = nowMs
  }

  #decide(nowMs: number): void {
    const { registry } = this
    const verdict = decidePromotion({
      policy: this.#o.policy,
      set: registry.set.members,
      answers: [...this.#answers.values()],
      isGrantOver: this.#hasStopped || nowMs >= this.#grantOverMs,
      isWaitOver: nowMs - this.#sealingSinceMs > 5000,
      preferred: this.preferred,
    })
    this.isOperatorNeeded = verdict.kind === 'operator'
    if (verdict.kind === 'sealAgain') {
      registry.state = 'serving'
      this.seal(this.#hasStopped, nowMs)
    }
    if (verdict.kind !== 'promote') return
    registry.primary = verdict.server
    registry.opening = verdict.opening
    registry.state = 'serving'
    registry.mayHaveLost = verdict.mayHaveLost
    this.#grantOverMs = nowMs + this.#o.bounds.leaseMs + this.#o.bounds.marginMs
    this.#assignedMs = nowMs
    this.#hasStopped = false
    this.preferred = null
    this.#o.promoted(registry)
    this.assign()
  }

  /** Tells the primary what the registry holds; also when it leads already. */
  assign(): void {
    const { epoch, opening, set, primary } = this.registry
    if (opening === null) return
    const { replicas } = this
    const { policy } = this.#o
    this.#o.send(primary, { kind: 'assign', epoch, role: 'primary', primary, opening, replicas, set, policy })
  }
}

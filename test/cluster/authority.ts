/**
 * The master in small, for one volume: the reducer of who leads (src/master/failover) over a registry that takes every
 * record at once. What it holds only in memory is gone when it restarts, and then it promotes nobody for a lease.
 */
import { type Epoch, epochNumber } from '../../src/base/units.ts'
import {
  firstLead,
  freshState,
  type LeadEvent,
  type LeadState,
} from '../../src/master/failover/lead-state.ts'
import { step } from '../../src/master/failover/step.ts'
import type { LeadRecord } from '../../src/master/records.ts'
import { type Opening, opening, type ServerId, serverId } from '../../src/v2engine/identity.ts'
import type { SetRecord } from '../../src/v2engine/marks.ts'
import type { AuthorityMessage, Replica, ToAuthority } from '../../src/v2engine/messages.ts'
import type { Bounds, Policy } from '../../src/v2engine/policy.ts'
import type { SeededRandom } from '../sim/random.ts'

/** The record, for tests to look at. */
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
  #record: LeadRecord
  #state: LeadState | null = null
  #spareEpochId: bigint
  #nowMs = 0
  replicas: readonly Replica[]

  constructor(options: Options) {
    this.#o = options
    this.replicas = options.replicas
    const { members, random } = options
    this.#record = firstLead(members, random.u64())
    this.#spareEpochId = random.u64()
    this.registry = registryOf(this.#record)
    this.preferred = null
  }

  get record(): LeadRecord {
    return this.#record
  }

  get isOperatorNeeded(): boolean {
    const phase = this.#state?.phase
    return phase?.kind === 'sealing' && phase.isOperatorNeeded
  }

  get preferred(): ServerId | null {
    const server = this.#state?.preferred?.server
    return server === undefined ? null : serverId(server)
  }

  /** Wins among equals at the next promotion. */
  set preferred(server: ServerId | null) {
    this.prefer(server, 0, this.#nowMs)
  }

  /** The same, and its answer is waited for. */
  prefer(server: ServerId | null, waitMs: number, nowMs: number): void {
    this.#step({ kind: 'prefer', server, waitMs }, nowMs)
  }

  /** Another process takes over: what was in memory is gone. */
  restart(nowMs: number): void {
    this.#state = freshState(this.#record, { nowMs, bounds: this.#o.bounds })
  }

  /** The same with a record that a process before this one left. */
  load(record: LeadRecord, nowMs: number): void {
    this.#record = record
    Object.assign(this.registry, registryOf(record))
    this.restart(nowMs)
  }

  onHeartbeat(from: ServerId, beat: Heartbeat, nowMs: number): void {
    const told = { sealed: null, set: null, isServing: beat.leads !== null, appended: 0 }
    this.#step({ kind: 'beat', server: from, beat: { ...beat, ...told } }, nowMs)
  }

  onMessage(from: ServerId, message: ToAuthority, nowMs: number): void {
    this.#step({ kind: 'message', server: from, message }, nowMs)
  }

  onBeat(nowMs: number): void {
    this.#step({ kind: 'tick' }, nowMs)
  }

  move(to: ServerId, nowMs: number): void {
    this.#step({ kind: 'move', to }, nowMs)
  }

  /** Seals the next epoch although nothing is wrong. */
  seal(nowMs: number): void {
    if (this.#record.state !== 'serving') return
    this.#step({ kind: 'promote', server: null, isForced: false }, nowMs)
  }

  /** Tells the primary what the registry holds; also when it leads already. */
  assign(): void {
    this.#step({ kind: 'replicas' }, this.#nowMs)
  }

  #step(event: LeadEvent, nowMs: number): void {
    this.#nowMs = nowMs
    const { policy, bounds } = this.#o
    const decision = step(this.#record, this.#state, event, {
      nowMs,
      policy,
      bounds,
      replicas: this.replicas,
      leadershipMs: Number.POSITIVE_INFINITY,
      may: 'lead',
      spareEpochId: this.#spareEpochId,
    })
    if (decision.record !== null) {
      if (decision.state.epoch.id === this.#spareEpochId) this.#spareEpochId = this.#o.random.u64()
      this.#record = decision.record
      Object.assign(this.registry, registryOf(decision.record))
    }
    this.#state = decision.state
    if (decision.notes.some(({ kind }) => kind === 'promoted')) this.#o.promoted(this.registry)
    for (const { to, message } of decision.send) this.#o.send(serverId(to), message)
  }
}

export const registryOf = (record: LeadRecord): Registry => ({
  epoch: { number: epochNumber(record.epoch.number), id: BigInt(record.epoch.id) },
  state: record.state,
  primary: serverId(record.primary),
  opening: record.opening === null ? null : opening(record.opening),
  set: {
    epoch: epochNumber(record.set.epoch),
    version: record.set.version,
    members: record.set.members.map(serverId),
  },
  mayHaveLost: record.mayHaveLost,
})

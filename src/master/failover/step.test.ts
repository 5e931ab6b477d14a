/**
 * Random lives of a registry's record: whatever servers answer, in whatever order, late and again, and whenever the master
 * forgets, what is recorded and told keeps the rules. The servers are any servers: they need not behave.
 */
import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../../test/sim/random.ts'
import { type Epoch, epochNumber } from '../../base/units.ts'
import { opening, serverId } from '../../v2engine/identity.ts'
import { SOUND } from '../../v2engine/marks.ts'
import type { AuthorityMessage, ToAuthority } from '../../v2engine/messages.ts'
import { DEFAULT_BOUNDS, type Policy } from '../../v2engine/policy.ts'
import type { LeadRecord } from '../records.ts'
import { type Decision, firstLead, type LeadEvent, type LeadState } from './lead-state.ts'
import { step } from './step.ts'

const SERVERS = ['a', 'b', 'c']
const POLICIES: readonly Policy[] = [
  { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 },
  { mode: { kind: 'sync_quorum' }, replicaFactor: 3 },
  { mode: { kind: 'best_effort', maxLagEntries: 9, maxLagMs: 9 }, replicaFactor: 3 },
]
const { leaseMs, marginMs } = DEFAULT_BOUNDS
const REFUSALS = ['another opening', 'resyncing', 'not a replica', 'stopped', 'another server'] as const

class Life {
  readonly random: SeededRandom
  readonly policy: Policy
  readonly epochs: Epoch[]
  record: LeadRecord
  state: LeadState | null = null
  nowMs = 1000
  may: 'lead' | 'hold' | 'end' = 'lead'
  promotions = 0
  forced = 0
  #nextId = 2n
  /** Who serves in which epoch. */
  readonly #leads = new Map<number, string>()
  /** By an own account: until when who was granted may believe it; and since the grant, whether it showed that it does not. */
  #believedUntilMs = Number.NEGATIVE_INFINITY
  #hasShown = true
  #forgotAtMs = Number.NEGATIVE_INFINITY

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.policy = this.random.pick(POLICIES)
    this.record = firstLead(SERVERS, 1n)
    this.epochs = [{ number: epochNumber(1), id: 1n }]
  }

  happen(): void {
    const { random } = this
    const kind = random.weighted({
      pass: 6,
      answer: 8,
      beat: 8,
      stopped: 2,
      refuse: 2,
      change: 2,
      serving: 1,
      forget: 0.5,
      move: 1,
      promote: 0.5,
      may: 0.5,
    })
    const server = random.pick(SERVERS)
    // mostly of the present epoch, sometimes late
    const epoch =
      this.epochs.at(-1 - (random.chance(0.8) ? 0 : random.integer(this.epochs.length))) ?? this.#epoch
    const of = opening(Math.max(1, (this.record.opening ?? 1) + random.pick([0, 0, 0, 0, 1, -1])))
    const message = (said: ToAuthority): void => {
      const isPrimary = server === this.record.primary
      if (isPrimary && (said.kind === 'sealed' || said.kind === 'stopped')) this.#hasShown = true
      if (isPrimary && said.kind === 'assignRefused') this.#hasShown = true
      this.#step({ kind: 'message', server, message: said })
    }
    switch (kind) {
      case 'pass':
        this.nowMs += random.pick([1, 50, 500, 4000])
        this.#step({ kind: 'tick' })
        return
      case 'answer': {
        const standing = { ...SOUND, isDoubtful: random.chance(0.2), isDamaged: random.chance(0.1) }
        const last = { epoch: epochNumber(random.integer(epoch.number + 1)), lsn: random.integer(9) }
        const hasServed = random.chance(0.1)
        message({ kind: 'sealed', epoch, server: serverId(server), opening: of, last, standing, hasServed })
        return
      }
      case 'beat': {
        const leads = random.chance(0.7) ? epoch : null
        if (server === this.record.primary && (leads === null || of > (this.record.opening ?? 0)))
          this.#hasShown = true
        const askedAtMs = this.nowMs - random.integer(2) * 1000
        const said = {
          opening: of,
          askedAtMs,
          leads,
          isServing: leads !== null,
          sealed: epoch,
          set: null,
          appended: 0,
        }
        this.#step({ kind: 'beat', server, beat: said })
        return
      }
      case 'stopped':
        message({ kind: 'stopped', epoch, opening: of, isDrained: true })
        return
      case 'refuse':
        message({ kind: 'assignRefused', epoch, why: random.pick(REFUSALS) })
        return
      case 'change': {
        const version = this.record.set.version - (random.chance(0.8) ? 0 : 1)
        const members = SERVERS.filter(() => random.chance(0.7)).map(serverId)
        message({ kind: 'changeSet', epoch, version, members })
        return
      }
      case 'serving':
        message({ kind: 'serving', epoch, startLsn: 1 as never })
        return
      case 'forget':
        this.state = null
        this.#forgotAtMs = this.nowMs
        this.#hasShown = false
        return
      case 'move':
        this.#step({ kind: 'move', to: server })
        return
      case 'promote': {
        const isForced = random.chance(0.3)
        if (isForced) this.forced += 1
        this.#step({ kind: 'promote', server, isForced })
        return
      }
      case 'may':
        this.may = random.pick(['lead', 'lead', 'lead', 'hold', 'end'])
    }
  }

  get #epoch(): Epoch {
    return { number: epochNumber(this.record.epoch.number), id: BigInt(this.record.epoch.id) }
  }

  #step(event: LeadEvent): void {
    const { nowMs, policy, may, record } = this
    const decision = step(record, this.state, event, {
      nowMs,
      policy,
      bounds: DEFAULT_BOUNDS,
      replicas: SERVERS.map((server) => ({ server: serverId(server), endpoint: `${server}:1` })),
      leadershipMs: Number.POSITIVE_INFINITY,
      may,
      spareEpochId: this.#nextId,
    })
    this.#checkRecord(record, decision)
    this.record = decision.record ?? record
    this.state = decision.state
    for (const { to, message } of decision.send) this.#checkMessage(to, message)
    if (this.record.epoch.id !== record.epoch.id) {
      this.epochs.push(this.#epoch)
      this.#nextId += 1n
    }
  }

  #checkRecord(before: LeadRecord, { record, notes }: Decision): void {
    if (record === null) return
    expect(this.may).not.toBe('hold')
    expect(record.epoch.number - before.epoch.number).toBeGreaterThanOrEqual(0)
    expect(record.epoch.number - before.epoch.number).toBeLessThanOrEqual(1)
    if (record.epoch.number > before.epoch.number) {
      expect(record.epoch.id).toBe(this.#nextId.toString())
      expect(record.set).toEqual(before.set)
    }
    const isChanged = record.set.version !== before.set.version
    expect(record.set.version - before.set.version).toBe(isChanged ? 1 : 0)
    if (!isChanged) expect(record.set.members).toEqual(before.set.members)
    expect(record.set.members).toContain(record.state === 'serving' ? record.primary : record.set.members[0])
    // while an epoch is sealed nobody but an operator changes the set
    if (before.state === 'sealing' && this.forced === 0) expect(isChanged).toBe(false)
    if (record.state !== 'serving') return
    const who = `${record.primary} ${record.opening}`
    expect(this.#leads.get(record.epoch.number) ?? who).toBe(who)
    this.#leads.set(record.epoch.number, who)
    if (before.state === 'serving') return
    this.promotions += 1
    expect(this.may).toBe('lead')
    expect(record.hasServed).toBe(true)
    expect(notes.some(({ kind }) => kind === 'promoted')).toBe(true)
    if (!this.#hasShown) {
      expect(this.nowMs).toBeGreaterThanOrEqual(this.#believedUntilMs)
      if (before.hasServed) expect(this.nowMs).toBeGreaterThanOrEqual(this.#forgotAtMs + leaseMs + marginMs)
    }
    this.#hasShown = false
    // the winner may serve by promises from now on; its first grant is counted when it is given
    this.#believedUntilMs = Number.NEGATIVE_INFINITY
  }

  /** Nothing is told that is not recorded. */
  #checkMessage(to: string, message: AuthorityMessage): void {
    const { record } = this
    expect(this.may).not.toBe('hold')
    expect(message.epoch).toEqual(this.#epoch)
    switch (message.kind) {
      case 'seal':
        expect(record.state).toBe('sealing')
        return
      case 'assign':
        expect([to, message.primary, message.opening]).toEqual([
          record.primary,
          record.primary,
          record.opening,
        ])
        expect(message.set).toEqual(record.set)
        break
      case 'grant':
        expect([to, message.opening]).toEqual([record.primary, record.opening])
        expect(message.leaseMs).toBeLessThanOrEqual(leaseMs)
        this.#believedUntilMs = this.nowMs + leaseMs
        this.#hasShown = false
        break
      case 'setIs':
        expect(message.set).toEqual(record.set)
        break
      case 'stop':
        expect(to).toBe(record.primary)
    }
    expect(record.state).toBe('serving')
  }
}

describe('who leads, whatever happens', () => {
  it('epochs rise, each has one primary, and nobody is promoted while another may believe a grant', () => {
    let promotions = 0
    for (let seed = 1; seed <= 400; seed++) {
      const life = new Life(seed)
      try {
        for (let i = 0; i < 120; i++) life.happen()
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
      promotions += life.promotions
    }
    expect(promotions).toBeGreaterThan(800)
  })
})

describe('a primary that leads already', () => {
  it('hears from a new master which replicas there are, and again from time to time', () => {
    const lead = firstLead(SERVERS, 1n)
    const record: LeadRecord = { ...lead, state: 'serving', opening: 7, hasServed: true }
    const epoch = { number: epochNumber(1), id: 1n }
    let state: LeadState | null = null
    const assignmentsAt = (nowMs: number): number => {
      const beat = {
        opening: opening(7),
        askedAtMs: nowMs,
        leads: epoch,
        isServing: true,
        sealed: epoch,
        set: null,
      }
      const event: LeadEvent = { kind: 'beat', server: 'a', beat: { ...beat, appended: 0 } }
      const decision = step(record, state, event, {
        ...{ nowMs, policy: POLICIES[0]!, bounds: DEFAULT_BOUNDS, leadershipMs: Number.POSITIVE_INFINITY },
        ...{ may: 'lead', spareEpochId: 2n },
        replicas: SERVERS.map((server) => ({ server: serverId(server), endpoint: `${server}:1` })),
      })
      state = decision.state
      return decision.send.filter(({ message }) => message.kind === 'assign').length
    }
    expect([1000, 1500, 2000, 5999, 6000, 6500].map(assignmentsAt)).toEqual([1, 0, 0, 0, 1, 0])
  })
})

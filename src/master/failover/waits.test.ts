import { describe, expect, it } from 'vitest'
import { opening, serverId } from '../../v2engine/identity.ts'
import { SOUND } from '../../v2engine/marks.ts'
import type { SealAnswer } from '../../v2engine/messages.ts'
import { DEFAULT_BOUNDS, type Policy } from '../../v2engine/policy.ts'
import type { LeadRecord } from '../records.ts'
import { firstLead, freshState, type LeadEvent, type LeadFacts, type LeadState } from './lead-state.ts'
import { step } from './step.ts'
import { waitsOf } from './waits.ts'

const SYNC_ALL: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 }
const QUORUM: Policy = { mode: { kind: 'sync_quorum' }, replicaFactor: 3 }
const GRANT_MS = DEFAULT_BOUNDS.leaseMs + DEFAULT_BOUNDS.marginMs

/** A volume that `a` led in epoch 5, and what the reducer made of it. */
class Volume {
  record: LeadRecord = {
    ...firstLead(['a', 'b', 'c'], 50n),
    ...{ epoch: { number: 5, id: '50' }, state: 'serving', opening: 1, hasServed: true },
  }
  state: LeadState
  nowMs = 1_000_000
  readonly #policy: Policy

  constructor(policy: Policy) {
    this.#policy = policy
    this.state = freshState(this.record, { nowMs: this.nowMs, bounds: DEFAULT_BOUNDS })
  }

  step(event: LeadEvent): this {
    const facts: LeadFacts = {
      ...{ nowMs: this.nowMs, policy: this.#policy, bounds: DEFAULT_BOUNDS, may: 'lead' },
      replicas: ['a', 'b', 'c'].map((server) => ({ server: serverId(server), endpoint: `${server}:1` })),
      leadershipMs: Number.POSITIVE_INFINITY,
      spareEpochId: BigInt(this.record.epoch.number + 100),
    }
    const { record, state } = step(this.record, this.state, event, facts)
    this.record = record ?? this.record
    this.state = state
    return this
  }

  /** `a` leads, and asked for a grant now. */
  led(): this {
    const { epoch } = this.state
    const beat = { opening: opening(1), askedAtMs: this.nowMs, leads: epoch, isServing: true }
    return this.step({
      kind: 'beat',
      server: 'a',
      beat: { ...beat, sealed: epoch, set: null, appended: 9 },
    })
  }

  answer(server: string, different: Partial<SealAnswer> = {}): this {
    return this.step({
      kind: 'message',
      server,
      message: {
        ...{ kind: 'sealed', epoch: this.state.epoch, server: serverId(server), opening: opening(1) },
        ...{ last: { epoch: this.state.epoch.number, lsn: 9 as never }, standing: SOUND, hasServed: false },
        ...different,
      },
    })
  }

  after(ms: number): this {
    this.nowMs += ms
    return this.step({ kind: 'tick' })
  }

  /** Reason, until when from now on, and about whom. */
  waits(isPrimaryConnected = true): string[] {
    const facts = { nowMs: this.nowMs, policy: this.#policy, nameOf: String, isPrimaryConnected }
    return waitsOf(this.record, this.state, facts).map(
      ({ reason, untilMs, servers }) =>
        `${reason} ${untilMs === null ? 'open' : untilMs - this.nowMs} ${servers.join('')}`,
    )
  }
}

describe('what a volume waits for', () => {
  it('is whoever was told to lead, or the lease of one that is silent', () => {
    const volume = new Volume(SYNC_ALL)
    expect(volume.waits()).toEqual(['not_taken 8000 a'])
    volume.led()
    expect(volume.waits(false)).toEqual([`primary_silent ${GRANT_MS} a`])
    volume.step({ kind: 'move', to: 'b' })
    expect(volume.waits()).toEqual(['stopping 5000 a'])
  })

  it('is the last grant, and who does not answer, each for itself', () => {
    const volume = new Volume(QUORUM).led()
    volume.step({ kind: 'promote', server: null, isForced: false })
    expect(volume.waits()).toEqual([`grant_running ${GRANT_MS} a`, 'answers_missing open abc'])
    volume.answer('b').after(1000)
    expect(volume.waits()).toEqual([`grant_running ${GRANT_MS - 1000} a`, 'answers_missing open ac'])
    volume.step({
      kind: 'message',
      server: 'c',
      message: { kind: 'sealLater', epoch: volume.state.epoch, waitMs: 700 },
    })
    expect(volume.waits()).toEqual([
      `grant_running ${GRANT_MS - 1000} a`,
      'members_bound 700 c',
      'answers_missing open a',
    ])
    volume.answer('c')
    expect(volume.waits()).toEqual([`grant_running ${GRANT_MS - 1000} a`])
    volume.after(GRANT_MS)
    expect(volume.record.state).toBe('serving')
  })

  it('is the first lease of a master that knows of no grant', () => {
    const volume = new Volume(SYNC_ALL)
    volume.record = { ...volume.record, state: 'sealing' }
    volume.state = freshState(volume.record, { nowMs: volume.nowMs, bounds: DEFAULT_BOUNDS })
    volume.answer('b')
    expect(volume.waits()).toEqual([`first_lease ${GRANT_MS} a`])
  })

  it('is an operator when everybody answered, and then those that a forced promotion cannot reach', () => {
    const volume = new Volume(SYNC_ALL).led().after(GRANT_MS + 1)
    const standing = { ...SOUND, isDamaged: true }
    for (const server of ['a', 'b', 'c']) volume.answer(server, { standing })
    expect(volume.waits()).toEqual(['operator_needed open '])
    const silent = new Volume(QUORUM).led().after(GRANT_MS + 1)
    silent.answer('b')
    expect(silent.waits()).toEqual(['answers_missing open ac'])
    silent.step({ kind: 'promote', server: null, isForced: true })
    expect(silent.waits()).toEqual(['answers_missing open ac', 'force_wait 2000 '])
  })

  it('is slowed down after epochs that came to nothing', () => {
    const volume = new Volume(SYNC_ALL).led().after(GRANT_MS + 1)
    for (let burnt = 0; burnt < 4; burnt++) volume.answer('b', { hasServed: true })
    expect(volume.waits()[0]).toMatch(/^sealing_slowed \d+ $/)
  })
})

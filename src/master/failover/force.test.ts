/**
 * After a forced promotion: what an operator gave up is in the event, and nothing beyond it is lost when the winner goes
 * away before the others have what it has.
 */
import { describe, expect, it } from 'vitest'
import { type Epoch, epochNumber } from '../../base/units.ts'
import { opening, serverId } from '../../v2engine/identity.ts'
import { SOUND } from '../../v2engine/marks.ts'
import { DEFAULT_BOUNDS, type Policy } from '../../v2engine/policy.ts'
import type { LeadRecord } from '../records.ts'
import { firstLead, type LeadEvent, type LeadNote, type LeadState } from './lead-state.ts'
import { step } from './step.ts'

const SYNC_ALL: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 }
const QUORUM: Policy = { mode: { kind: 'sync_quorum' }, replicaFactor: 3 }

/** A volume at `a`, `b` and `c` that was led in epoch 5. */
class Volume {
  record: LeadRecord
  state: LeadState | null = null
  nowMs = 1_000_000
  readonly notes: LeadNote[] = []
  readonly #policy: Policy
  #id = 100n

  constructor(policy: Policy, members: readonly string[], primary = 'a') {
    this.#policy = policy
    this.record = {
      ...firstLead(members, 50n),
      epoch: { number: 5, id: '50' },
      state: 'serving',
      primary,
      opening: 1,
      set: { epoch: 5, version: 7, members },
      hasServed: true,
    }
  }

  get epoch(): Epoch {
    return { number: epochNumber(this.record.epoch.number), id: BigInt(this.record.epoch.id) }
  }

  get promoted(): readonly string[] {
    return this.notes.flatMap((note) => (note.kind === 'promoted' ? [`${note.server} ${note.how}`] : []))
  }

  step(event: LeadEvent): void {
    const decision = step(this.record, this.state, event, {
      nowMs: this.nowMs,
      policy: this.#policy,
      bounds: DEFAULT_BOUNDS,
      replicas: ['a', 'b', 'c'].map((server) => ({ server: serverId(server), endpoint: `${server}:1` })),
      leadershipMs: Number.POSITIVE_INFINITY,
      may: 'lead',
      spareEpochId: this.#id,
    })
    if (decision.record !== null) this.record = decision.record
    if (this.record.epoch.id === this.#id.toString()) this.#id += 1n
    this.state = decision.state
    this.notes.push(...decision.notes)
  }

  pass(ms: number): void {
    this.nowMs += ms
    this.step({ kind: 'tick' })
  }

  answers(server: string, of: number, last: { epoch: number; lsn: number }, standing = SOUND): void {
    const message = {
      kind: 'sealed',
      epoch: this.epoch,
      server: serverId(server),
      opening: opening(of),
      last: { epoch: epochNumber(last.epoch), lsn: last.lsn },
      standing,
      hasServed: false,
    } as const
    this.step({ kind: 'message', server, message })
  }

  force(server: string | null): void {
    this.step({ kind: 'promote', server, isForced: true })
  }
}

const DOUBTFUL = { ...SOUND, isDoubtful: true }

describe('after a forced promotion', () => {
  it('a replica that was out of the set and has less does not lead next without an operator', () => {
    const volume = new Volume(SYNC_ALL, ['a', 'b'])
    volume.step({ kind: 'tick' })
    volume.pass(5000)
    // the power failed everywhere: `a` is gone for good, `b` is in doubt, and `c` had left the set long before
    volume.force('b')
    volume.answers('b', 4, { epoch: 5, lsn: 1000 }, DOUBTFUL)
    volume.answers('c', 2, { epoch: 5, lsn: 100 })
    volume.pass(10_000)
    expect(volume.record).toMatchObject({ state: 'serving', primary: 'b' })
    // it is opened again before anybody has caught up
    const beat = {
      opening: opening(5),
      askedAtMs: 1,
      leads: null,
      isServing: false,
      set: null,
      appended: 1000,
    }
    volume.step({ kind: 'beat', server: 'b', beat: { ...beat, sealed: volume.epoch } })
    expect(volume.record.state).toBe('sealing')
    volume.answers('c', 2, { epoch: 5, lsn: 100 })
    volume.pass(1000)
    expect(volume.promoted).toEqual(['b forced'])
    volume.answers('b', 5, { epoch: 5, lsn: 1000 }, DOUBTFUL)
    expect(volume.record).toMatchObject({ state: 'serving', primary: 'b' })
  })

  it('of a quorum, a member that may lack what was committed does not lead alone', () => {
    const volume = new Volume(QUORUM, ['a', 'b', 'c'], 'b')
    volume.step({ kind: 'tick' })
    volume.pass(5000)
    // `b` and `c` had the last writes, `a` did not; `b` is gone for good, and `a` cannot be reached
    volume.force('c')
    volume.answers('c', 2, { epoch: 5, lsn: 1000 })
    volume.pass(10_000)
    expect(volume.record).toMatchObject({ state: 'serving', primary: 'c' })
    volume.pass(5000)
    expect(volume.record.state).toBe('sealing')
    // now `c` is away and `a` is back
    volume.answers('a', 2, { epoch: 5, lsn: 900 })
    volume.pass(1000)
    expect(volume.promoted).toEqual(['c forced'])
  })

  it('members that have everything stay in the set', () => {
    const volume = new Volume(SYNC_ALL, ['a', 'b'])
    volume.step({ kind: 'tick' })
    volume.pass(5000)
    volume.force('b')
    volume.answers('b', 4, { epoch: 5, lsn: 1000 }, DOUBTFUL)
    volume.answers('c', 2, { epoch: 5, lsn: 1000 })
    volume.pass(10_000)
    expect(volume.record).toMatchObject({ state: 'serving', primary: 'b' })
    expect([...volume.record.set.members].sort()).toEqual(['b', 'c'])
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochNumber, lsn } from '../base/units.ts'
import type { Happening } from './events.ts'
import { connectionId, opening, type SessionRef, serverId, sessionId } from './identity.ts'
import type { PeerMessage } from './messages.ts'
import { openReplica } from './open.ts'
import type { Plan } from './plan.ts'
import { DEFAULT_BOUNDS } from './policy.ts'
import type { ReplicaState } from './state.ts'
import { step } from './step.ts'

/** Small numbers collide with what is the case; the rest is nonsense. */
const lsns = fc.oneof(fc.nat(12), fc.maxSafeNat()).map(lsn)
const epochs = fc
  .record({ number: fc.nat(4), id: fc.nat(2) })
  .map(({ number, id }) => ({ number: epochNumber(number), id: BigInt(id === 0 ? number : id) }))
const openings = fc.nat(3).map(opening)
const histories = fc.array(fc.record({ epoch: epochs, firstLsn: lsns }), { maxLength: 3 })
const sessions: fc.Arbitrary<SessionRef> = fc.record({
  id: fc.nat(3).map(sessionId),
  epoch: epochs,
  primaryOpening: openings,
  replicaOpening: openings,
})
const times = fc.oneof(fc.nat(20_000), fc.maxSafeNat())
const proofs = fc.record({ D: lsns, R: lsns, S: lsns, H: lsns })
const plans: fc.Arbitrary<Plan> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('inSync' as const, 'catchUp' as const),
    proof: proofs,
    dropAbove: lsns,
    history: histories,
    isDamaged: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('resync' as const),
    proof: proofs,
    base: lsns,
    target: lsns,
    history: histories,
    isDamaged: fc.boolean(),
  }),
)
const set = { epoch: epochNumber(1), version: 1, members: ['a', 'b'].map(serverId) }
const standings = fc.record({
  isDoubtful: fc.boolean(),
  isDamaged: fc.boolean(),
  isResyncing: fc.boolean(),
})

const messages: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.record({ kind: fc.constant('lead' as const), epoch: epochs, opening: openings }),
  fc.record({ kind: fc.constant('plan' as const), session: sessions, plan: plans, commit: lsns }),
  fc.record({
    kind: fc.constant('entries' as const),
    session: sessions,
    first: lsns,
    last: lsns,
    commit: lsns,
  }),
  fc.record({
    kind: fc.constant('pulse' as const),
    epoch: epochs,
    askedAtMs: times,
    commit: lsns,
    set: fc.constant(set),
  }),
  fc.record({ kind: fc.constant('barrier' as const), session: sessions, lsn: lsns }),
  fc.record({ kind: fc.constantFrom('release' as const, 'fence' as const), epoch: epochs }),
  fc.record({
    kind: fc.constant('follow' as const),
    epoch: epochs,
    opening: openings,
    history: histories,
    appended: lsns,
    durable: lsns,
    image: lsns,
    hasUnknown: fc.boolean(),
    standing: standings,
    resyncBase: fc.option(lsns),
  }),
  fc.record({ kind: fc.constant('taken' as const), session: sessions }),
  fc.record({ kind: fc.constant('ack' as const), session: sessions, appended: lsns, durable: lsns }),
  fc.record({ kind: fc.constant('confirmed' as const), session: sessions, lsn: lsns }),
  fc.record({ kind: fc.constant('promise' as const), epoch: epochs, askedAtMs: times }),
)

const happenings: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('peer' as const),
      server: fc.constantFrom('b', 'b', 'b', 'x', '').map(serverId),
      connection: fc.constantFrom(1, 1, 1, 2).map(connectionId),
      message: messages,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('pinned' as const), session: sessions, isHeld: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'tick' as const }) },
)

function opened(): ReplicaState {
  const { state } = openReplica({
    self: serverId('a'),
    bounds: DEFAULT_BOUNDS,
    nowMs: 0,
    opening: opening(1),
    bootId: 'boot',
    stored: null,
    madeIn: null,
    wasClean: false,
    isDamaged: false,
    committed: lsn(0),
    local: {
      appended: lsn(0),
      durable: lsn(0),
      checkpoint: lsn(0),
      image: lsn(0),
      retainedFrom: lsn(1),
      hasUnknown: false,
    },
    history: [],
  })
  step(state, {
    nowMs: 0,
    kind: 'authority',
    message: { kind: 'seal', epoch: { number: epochNumber(1), id: 1n } },
  })
  return state
}

function leading(): ReplicaState {
  const state = opened()
  const epoch = { number: epochNumber(1), id: 1n }
  const replicas = ['a', 'b'].map((server) => ({ server: serverId(server), endpoint: `${server}:1` }))
  const policy = { mode: { kind: 'sync_all' as const, minInSync: 1 }, replicaFactor: 2 }
  step(state, {
    nowMs: 1,
    kind: 'authority',
    message: {
      kind: 'assign',
      epoch,
      role: 'primary',
      primary: serverId('a'),
      opening: opening(1),
      replicas,
      set,
      policy,
    },
  })
  step(state, { nowMs: 2, kind: 'epochStarted', cut: 0, epoch, lsn: lsn(1) })
  const local = { ...state.local, appended: lsn(6), durable: lsn(4) }
  step(state, { nowMs: 3, kind: 'progress', cut: 0, local })
  step(state, { nowMs: 4, kind: 'linkUp', server: serverId('b'), connection: connectionId(1) })
  return state
}

describe('what others send (invariant 13)', () => {
  it.each([
    ['a replica', opened],
    ['a primary', leading],
  ])('breaks nothing in %s, whatever it is', (_, make) => {
    fc.assert(
      fc.property(fc.array(happenings, { maxLength: 25 }), (all) => {
        const state = make()
        all.forEach((happening, i) => {
          step(state, { ...happening, nowMs: 10 + i })
        })
        if (state.role.kind === 'primary') expect(state.role.acknowledged).toBeLessThanOrEqual(6)
      }),
      { numRuns: 5000 },
    )
  })
})

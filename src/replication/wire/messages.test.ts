import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Epoch, epochNumber, lsn } from '../../base/units.ts'
import type { History } from '../../v2engine/history.ts'
import { opening, serverId, sessionId } from '../../v2engine/identity.ts'
import type { PeerMessage } from '../../v2engine/messages.ts'
import { FRAME, payloadBytesMax } from './frame.ts'
import { decodeMessage, encodeMessage } from './messages.ts'
import { SPANS_MAX } from './parts.ts'

const u53 = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const epochs: fc.Arbitrary<Epoch> = fc.record({
  number: u53.map(epochNumber),
  id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
})
const lsns = u53.map(lsn)
const openings = u53.map(opening)
const servers = fc.string({ minLength: 1, maxLength: 40 }).map(serverId)
const sessions = fc.record({
  id: u53.map(sessionId),
  epoch: epochs,
  primaryOpening: openings,
  replicaOpening: openings,
})
const rising = fc
  .uniqueArray(fc.integer({ min: 1, max: 1e9 }), { maxLength: 20 })
  .map((list) => list.sort((a, b) => a - b))
const histories: fc.Arbitrary<History> = fc
  .tuple(rising, rising, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
  .map(([numbers, firsts, id]) =>
    numbers
      .slice(0, firsts.length)
      .map((number, i) => ({ epoch: { number: epochNumber(number), id }, firstLsn: lsn(firsts[i]!) })),
  )
const proofs = fc.record({ D: lsns, R: lsns, S: lsns, H: lsns })
const ordered = fc.tuple(lsns, lsns).map(([a, b]) => (a < b ? ([a, b] as const) : ([b, a] as const)))
const plans = fc.oneof(
  fc.record({
    kind: fc.constantFrom('inSync' as const, 'catchUp' as const),
    proof: proofs,
    dropAbove: lsns,
    history: histories,
    isDamaged: fc.boolean(),
  }),
  fc.tuple(proofs, ordered, histories, fc.boolean()).map(([proof, [base, target], history, isDamaged]) => ({
    kind: 'resync' as const,
    proof,
    base,
    target,
    history,
    isDamaged,
  })),
)
const standings = fc.record({ isDoubtful: fc.boolean(), isDamaged: fc.boolean(), isResyncing: fc.boolean() })
const messages: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.record({ kind: fc.constant('lead' as const), epoch: epochs, opening: openings }),
  fc.record({ kind: fc.constant('plan' as const), session: sessions, plan: plans, commit: lsns }),
  fc.tuple(sessions, ordered, lsns).map(([session, [a, b], commit]) => ({
    kind: 'entries' as const,
    session,
    first: lsn(Math.max(1, a)),
    last: lsn(Math.max(1, b)),
    commit,
  })),
  fc.record({
    kind: fc.constant('pulse' as const),
    epoch: epochs,
    askedAtMs: u53,
    commit: lsns,
    set: fc.record({
      epoch: u53.map(epochNumber),
      version: u53,
      members: fc.array(servers, { maxLength: 7 }),
    }),
  }),
  fc.record({ kind: fc.constant('barrier' as const), session: sessions, lsn: lsns }),
  fc.record({ kind: fc.constantFrom('release' as const, 'fence' as const), epoch: epochs }),
  fc
    .tuple(epochs, openings, histories, ordered, lsns, standings, fc.boolean(), fc.option(lsns))
    .map(([epoch, from, history, [durable, appended], image, standing, hasUnknown, resyncBase]) => ({
      kind: 'follow' as const,
      epoch,
      opening: from,
      history,
      appended,
      durable,
      image,
      hasUnknown,
      standing,
      resyncBase,
    })),
  fc.record({ kind: fc.constant('taken' as const), session: sessions }),
  fc.record({
    kind: fc.constant('refused' as const),
    session: sessions,
    why: fc.constantFrom(
      'image beyond common' as const,
      'log does not reach' as const,
      'plan does not fit' as const,
    ),
  }),
  fc
    .tuple(sessions, ordered)
    .map(([session, [durable, appended]]) => ({ kind: 'ack' as const, session, appended, durable })),
  fc.record({ kind: fc.constant('confirmed' as const), session: sessions, lsn: lsns }),
  fc.record({ kind: fc.constant('promise' as const), epoch: epochs, askedAtMs: u53 }),
)

describe('messages between replicas', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const { kind, payload } = encodeMessage(message)
        expect(decodeMessage(kind, payload)).toEqual({ message, endBytes: payload.byteLength })
      }),
      { numRuns: 500 },
    )
  })

  it('end where they end: a cut one is none, and only APPEND may carry more', () => {
    fc.assert(
      fc.property(messages, fc.nat(), (message, place) => {
        const { kind, payload } = encodeMessage(message)
        expect(decodeMessage(kind, payload.subarray(0, place % payload.byteLength))).toBeUndefined()
        const longer = decodeMessage(kind, Buffer.concat([payload, Buffer.alloc(8)]))
        if (message.kind === 'entries') expect(longer?.endBytes).toBe(payload.byteLength)
        else expect(longer).toBeUndefined()
      }),
    )
  })

  it('are refused, and never throw, when they are made of anything', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(FRAME)),
        fc.uint8Array({ maxLength: 300 }),
        (kind, payload) => {
          const decoded = decodeMessage(kind, payload)
          if (decoded === undefined) return
          const again = encodeMessage(decoded.message)
          expect(decodeMessage(kind, again.payload)?.message).toEqual(decoded.message)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('keep a long history within the length of a frame by leaving out the oldest epochs', () => {
    const history = Array.from({ length: SPANS_MAX + 5 }, (_, i) => ({
      epoch: { number: epochNumber(i + 1), id: BigInt(i) },
      firstLsn: lsn(i * 10 + 1),
    }))
    const session = {
      id: sessionId(1),
      epoch: history[0]!.epoch,
      primaryOpening: opening(1),
      replicaOpening: opening(2),
    }
    const proof = { D: lsn(0), R: lsn(0), S: lsn(1), H: lsn(9) }
    const plan = { kind: 'catchUp', proof, dropAbove: lsn(0), history, isDamaged: false } as const
    const { kind, payload } = encodeMessage({ kind: 'plan', session, plan, commit: lsn(3) })
    expect(payload.byteLength).toBeLessThanOrEqual(payloadBytesMax(kind, true))
    expect(decodeMessage(kind, payload)?.message).toMatchObject({ plan: { history: history.slice(5) } })
  })
})

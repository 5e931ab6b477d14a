import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochNumber } from '../base/units.ts'
import {
  Handshake,
  type HandshakeOptions,
  type HandshakeOutcome,
  type OutFrame,
  type Refused,
} from './handshake.ts'
import { FRAME } from './wire/frame.ts'
import { decodeHello, encodeHello, type Hello, NONCE_BYTES, type Refusal, VERSIONS } from './wire/hello.ts'

const id = (fill: number): Uint8Array => new Uint8Array(16).fill(fill)
const volume = { volumeUuid: id(2), epoch: { number: epochNumber(7), id: 99n }, formatLevel: 1, levelMax: 2 }
const connector = (changes: Partial<HandshakeOptions> = {}): Handshake =>
  new Handshake({
    clusterId: id(1),
    clusterKey: Buffer.from('the key'),
    server: 'a',
    nonce: new Uint8Array(NONCE_BYTES).fill(10),
    connect: { volume, wanted: 'b' },
    accept: () => volume,
    ...changes,
  })
const acceptor = (changes: Partial<HandshakeOptions> = {}): Handshake =>
  new Handshake({
    clusterId: id(1),
    clusterKey: Buffer.from('the key'),
    server: 'b',
    nonce: new Uint8Array(NONCE_BYTES).fill(20),
    accept: () => volume,
    ...changes,
  })

/** Carries frames between the two until nothing is left; what each of them came to. */
function meet(
  a: Handshake,
  b: Handshake,
  tamper: (frame: OutFrame, from: 'a' | 'b') => OutFrame = (frame) => frame,
): { a: HandshakeOutcome | undefined; b: HandshakeOutcome | undefined } {
  const outcomes: { a: HandshakeOutcome | undefined; b: HandshakeOutcome | undefined } = {
    a: undefined,
    b: undefined,
  }
  const queue = a.start().send.map((frame) => ({ from: 'a' as 'a' | 'b', frame }))
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const to = next.from === 'a' ? 'b' : 'a'
    const side = to === 'a' ? a : b
    if (side.isOver) continue
    const { kind, payload } = tamper(next.frame, next.from)
    const step = side.take(kind, payload)
    if (step.outcome !== undefined) outcomes[to] = step.outcome
    queue.push(...step.send.map((frame) => ({ from: to, frame }) as const))
  }
  return outcomes
}

const firstHello = (): Uint8Array => connector().start().send[0]!.payload

const refusalOf = (outcome: HandshakeOutcome | undefined): string =>
  outcome?.kind === 'refused' ? `${outcome.refused.refusal} by ${outcome.by}` : String(outcome?.kind)

describe('a handshake', () => {
  it('makes both sides known to each other', () => {
    const { a, b } = meet(connector(), acceptor())
    expect(a).toMatchObject({
      kind: 'known',
      version: VERSIONS.max,
      peer: { server: 'b', epoch: { number: 7, id: 99n } },
    })
    expect(b).toMatchObject({ kind: 'known', version: VERSIONS.max, peer: { server: 'a', wanted: 'b' } })
  })

  it('tells both sides why it came to nothing', () => {
    const stale: Refused = { refusal: 'staleEpoch', text: 'epoch 9 is sealed here' }
    const cases: [Refusal, Partial<HandshakeOptions>, Partial<HandshakeOptions>][] = [
      ['wrongCluster', {}, { clusterId: id(9) }],
      ['otherServer', {}, { server: 'c' }],
      ['otherServer', { connect: { volume, wanted: 'c' } }, {}],
      ['staleEpoch', {}, { accept: () => stale }],
      ['unknownVolume', {}, { accept: () => ({ refusal: 'unknownVolume', text: 'no such volume' }) }],
      ['unknownVolume', {}, { accept: () => ({ ...volume, volumeUuid: id(3) }) }],
      ['unknownVolume', { connect: { volume: { ...volume, volumeUuid: id(3) }, wanted: 'b' } }, {}],
    ]
    for (const [refusal, ofA, ofB] of cases) {
      const { a, b } = meet(connector(ofA), acceptor(ofB))
      expect([refusalOf(a), refusalOf(b)]).toEqual([`${refusal} by peer`, `${refusal} by us`])
    }
    const { a, b } = meet(connector({ accept: () => stale }), acceptor())
    expect([refusalOf(a), refusalOf(b)]).toEqual(['staleEpoch by us', 'staleEpoch by peer'])
  })

  it('needs the same cluster key on both sides', () => {
    const { a, b } = meet(connector(), acceptor({ clusterKey: Buffer.from('another') }))
    expect([refusalOf(a), refusalOf(b)]).toEqual(['notAuthentic by us', 'notAuthentic by peer'])
  })

  it('does not take a proof of the other side, or of another connection, for one of its own', () => {
    const recorded: OutFrame[] = []
    meet(connector(), acceptor(), (frame, from) => {
      if (from === 'a') recorded.push(frame)
      return frame
    })
    const replayed = acceptor({ nonce: new Uint8Array(NONCE_BYTES).fill(21) })
    replayed.take(recorded[0]!.kind, recorded[0]!.payload)
    expect(refusalOf(replayed.take(recorded[1]!.kind, recorded[1]!.payload).outcome)).toBe(
      'notAuthentic by us',
    )

    const mirrored = acceptor()
    const { send } = mirrored.take(recorded[0]!.kind, recorded[0]!.payload)
    expect(refusalOf(mirrored.take(FRAME.proof, send[1]!.payload).outcome)).toBe('notAuthentic by us')
  })

  it('refuses whatever was changed on the way', () => {
    fc.assert(
      fc.property(fc.nat(2), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, place, flip) => {
        let count = 0
        const { a, b } = meet(connector(), acceptor(), (frame) => {
          if (count++ !== which) return frame
          const payload = Uint8Array.from(frame.payload)
          payload[place % payload.byteLength]! ^= flip
          return { kind: frame.kind, payload }
        })
        expect([a?.kind, b?.kind]).toContain('refused')
      }),
    )
  })

  it('takes the highest version that both speak, and none from a peer that speaks only others', () => {
    const change = (versions: Partial<Hello>) => (frame: OutFrame) => {
      const hello = frame.kind === FRAME.hello ? decodeHello(frame.payload) : undefined
      return hello === undefined ? frame : { ...frame, payload: encodeHello({ ...hello, ...versions }) }
    }
    const { b } = meet(connector(), acceptor(), change({ minVersion: 3, maxVersion: 4 }))
    expect(refusalOf(b)).toBe('version by us')
  })

  it.each([
    ['the connector has files that the acceptor does not know', { formatLevel: 2 }, { levelMax: 1 }],
    ['the acceptor has files that the connector does not know', { levelMax: 1 }, { formatLevel: 2 }],
  ])('is refused when %s', (_, ofConnector: object, ofAcceptor: object) => {
    const { a, b } = meet(
      connector({ connect: { volume: { ...volume, ...ofConnector }, wanted: 'b' } }),
      acceptor({ accept: () => ({ ...volume, ...ofAcceptor }) }),
    )
    expect([refusalOf(a), refusalOf(b)]).toEqual(['formatLevel by peer', 'formatLevel by us'])
  })

  it('takes a HELLO without the highest level as one of a program that knows level 1', () => {
    const hello = firstHello()
    expect(decodeHello(hello)).toMatchObject({ formatLevel: 1, levelMax: 2 })
    expect(decodeHello(hello.subarray(0, -4))).toMatchObject({ formatLevel: 1, levelMax: 1 })
  })

  it('ends on a frame that does not belong into it, and on one that cannot be read', () => {
    for (const kind of [FRAME.proof, FRAME.append, FRAME.lead]) {
      expect(refusalOf(acceptor().take(kind, new Uint8Array(32)).outcome)).toBe('protocol by us')
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
        expect(refusalOf(acceptor().take(FRAME.hello, payload).outcome)).toMatch(/by us$/)
      }),
    )
    expect(refusalOf(acceptor().take(FRAME.error, new Uint8Array(0)).outcome)).toBe('protocol by peer')
  })
})

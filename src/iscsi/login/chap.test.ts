import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Random } from '../../base/ports/random.ts'
import type { ChapCredential } from '../../frontend/access.ts'
import { Secret } from '../../frontend/secret.ts'
import type { TextPair } from '../text/pairs.ts'
import { CHAP_ALGORITHMS, ChapInitiator, type ChapStep, ChapTarget } from './chap.ts'

/** Counts instead of being random: every challenge is different and known. */
function counting(start = 0): Random {
  let next = start
  return {
    bytes: (lengthBytes) => Uint8Array.from({ length: lengthBytes }, () => next++),
    u64: () => BigInt(next++),
    integer: (limit) => next++ % limit,
  }
}

const asMap = (pairs: readonly TextPair[]) => new Map(pairs.map(({ key, value }) => [key, value]))
const alice: ChapCredential = { user: 'alice', secret: Secret.fromText('correct horse battery') }
const mutual: ChapCredential = {
  ...alice,
  mutual: { user: 'disk', secret: Secret.fromText('staple of the disk') },
}

/** Runs both sides against each other; the last step of each. */
function run(ours: ChapCredential, theirs: ChapCredential[]): { initiator: ChapStep; target: ChapStep } {
  const initiator = new ChapInitiator({ credential: ours, random: counting(0) })
  const target = new ChapTarget({ credentials: theirs, random: counting(100) })
  let fromInitiator = initiator.step(new Map())
  let fromTarget: ChapStep = { kind: 'continue', answers: [] }
  for (let turn = 0; turn < 3 && fromInitiator.kind !== 'failed'; turn++) {
    fromTarget = target.step(asMap(fromInitiator.answers))
    if (fromTarget.kind === 'failed' || fromInitiator.kind === 'done') break
    fromInitiator = initiator.step(asMap(fromTarget.answers))
    if (fromTarget.kind === 'done') break
  }
  return { initiator: fromInitiator, target: fromTarget }
}

describe('CHAP', () => {
  it('lets in who knows the secret, one-way and mutually', () => {
    expect(run(alice, [alice])).toMatchObject({
      initiator: { kind: 'done' },
      target: { kind: 'done', user: 'alice' },
    })
    expect(run(mutual, [mutual])).toMatchObject({ initiator: { kind: 'done' }, target: { kind: 'done' } })
  })

  it('refuses a wrong secret, an unknown name, and a mutual wish without a secret for it', () => {
    const wrong = { user: 'alice', secret: Secret.fromText('correct horse batterz') }
    const denied = { kind: 'failed', malformed: false }
    expect(run(wrong, [alice]).target).toMatchObject(denied)
    expect(run({ ...alice, user: 'bob' }, [alice]).target).toMatchObject(denied)
    expect(run(alice, []).target).toMatchObject(denied)
    expect(run(mutual, [alice]).target).toMatchObject(denied)
  })

  it('refuses a target that does not know its own secret', () => {
    const impostor = {
      ...alice,
      mutual: { user: 'disk', secret: Secret.fromText('something else entirely') },
    }
    expect(run(mutual, [impostor]).initiator).toMatchObject({ kind: 'failed', malformed: false })
    const namesake = { ...alice, mutual: { user: 'tape', secret: Secret.fromText('staple of the disk') } }
    expect(run(mutual, [namesake]).initiator).toMatchObject({ kind: 'failed' })
  })

  it('refuses one secret for both directions on either side', () => {
    const same = { ...alice, mutual: { user: 'disk', secret: Secret.fromText('correct horse battery') } }
    expect(run(same, [alice]).initiator).toMatchObject({
      kind: 'failed',
      reason: 'one secret for both directions',
    })
    expect(
      run({ ...alice, mutual: { user: 'x', secret: Secret.fromText('y') } }, [same]).target,
    ).toMatchObject({
      kind: 'failed',
      reason: 'one secret for both directions',
    })
  })

  it('refuses its own challenge sent back', () => {
    const target = new ChapTarget({ credentials: [mutual], random: counting() })
    const asked = target.step(new Map([['CHAP_A', '5']]))
    if (asked.kind !== 'continue') throw new Error('no challenge')
    const challenge = asMap(asked.answers)
    const bytes = Buffer.from(challenge.get('CHAP_C')!.slice(2), 'hex')
    const response = createHash('md5')
      .update(Uint8Array.of(Number(challenge.get('CHAP_I'))))
      .update('correct horse battery')
      .update(bytes)
      .digest('hex')
    const step = target.step(
      new Map([
        ['CHAP_N', 'alice'],
        ['CHAP_R', `0x${response}`],
        ['CHAP_I', '7'],
        ['CHAP_C', challenge.get('CHAP_C')!],
      ]),
    )
    expect(step).toMatchObject({ kind: 'failed', reason: 'the challenge is our own' })
    expect(target.step(new Map([['CHAP_A', '5']]))).toMatchObject({ kind: 'failed', malformed: true })
  })

  it('takes a response only to the challenge of this login', () => {
    const respondTo = (target: ChapTarget): ReadonlyMap<string, string> => {
      const asked = target.step(new Map([['CHAP_A', '7']]))
      const initiator = new ChapInitiator({ credential: alice, random: counting(), algorithms: ['sha256'] })
      initiator.step(new Map())
      const answer = initiator.step(asMap(asked.kind === 'continue' ? asked.answers : []))
      return asMap(answer.kind === 'done' ? answer.answers : [])
    }
    const first = new ChapTarget({ credentials: [alice], random: counting(0) })
    const recorded = respondTo(first)
    expect(first.step(recorded)).toMatchObject({ kind: 'done' })
    const second = new ChapTarget({ credentials: [alice], random: counting(50) })
    second.step(new Map([['CHAP_A', '7']]))
    expect(second.step(recorded)).toMatchObject({ kind: 'failed', malformed: false })
  })

  it.each(CHAP_ALGORITHMS)('works with %s', (algorithm) => {
    const initiator = new ChapInitiator({ credential: mutual, random: counting(), algorithms: [algorithm] })
    const target = new ChapTarget({ credentials: [mutual], random: counting(9) })
    const offer = initiator.step(new Map())
    const asked = target.step(asMap(offer.kind === 'continue' ? offer.answers : []))
    const answered = initiator.step(asMap(asked.kind === 'continue' ? asked.answers : []))
    const verified = target.step(asMap(answered.kind === 'continue' ? answered.answers : []))
    expect(verified).toMatchObject({ kind: 'done', user: 'alice' })
    expect(initiator.step(asMap(verified.kind === 'done' ? verified.answers : []))).toMatchObject({
      kind: 'done',
    })
  })

  it.each([
    ['no common algorithm', [['CHAP_A', '99']], false],
    ['SHA-1 only', [['CHAP_A', '6']], false],
    ['no CHAP_A', [['CHAP_N', 'alice']], true],
    ['an empty item', [['CHAP_A', '5,,7']], true],
  ] as const)('ends with %s', (_name, pairs, malformed) => {
    const target = new ChapTarget({ credentials: [alice], random: counting() })
    expect(target.step(new Map(pairs))).toMatchObject({ kind: 'failed', malformed })
  })

  it('agrees with a response computed by hand', () => {
    // RFC 1994 §4.1: MD5 over identifier, secret and challenge.
    const credential = { user: 'u', secret: Secret.fromText('secret-of-twelve') }
    const initiator = new ChapInitiator({ credential, random: counting() })
    initiator.step(new Map())
    const answer = initiator.step(
      new Map([
        ['CHAP_A', '5'],
        ['CHAP_I', '19'],
        ['CHAP_C', '0x000102030405060708090a0b0c0d0e0f'],
      ]),
    )
    const expected = createHash('md5')
      .update(
        Buffer.concat([
          Buffer.of(19),
          Buffer.from('secret-of-twelve'),
          Buffer.from(Array.from({ length: 16 }, (_, i) => i)),
        ]),
      )
      .digest('hex')
    expect(answer).toMatchObject({ kind: 'done', answers: [{ value: 'u' }, { value: `0x${expected}` }] })
  })
})

describe('a secret', () => {
  it('shows in no text form', () => {
    const secret = Secret.fromText('correct horse battery')
    for (const text of [
      String(secret),
      JSON.stringify({ secret }),
      inspect(secret, { showHidden: true, depth: 9 }),
    ]) {
      expect(text).not.toMatch(/correct|636f7272|99/)
    }
    expect(Object.keys(secret)).toEqual([])
  })

  it('equals its copy only', () => {
    const secret = Secret.fromText('abc')
    expect(secret.equals(Secret.fromBytes(Uint8Array.of(0x61, 0x62, 0x63)))).toBe(true)
    expect(secret.equals(Secret.fromText('abd'))).toBe(false)
    expect(secret.equals(Secret.fromText('abcd'))).toBe(false)
  })
})

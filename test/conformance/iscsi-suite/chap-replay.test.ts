import { expect, it } from 'vitest'
import { Secret } from '../../../src/frontend/secret.ts'
import { RealRandom } from '../../../src/io/random.ts'
import { ChapInitiator, ChapTarget } from '../../../src/iscsi/login/chap.ts'

const alice = { user: 'alice', secret: Secret.fromText('correct horse battery') }

it('RFC 1994 §2.3: a recorded answer is worth nothing in another login, even if the identifier comes again', () => {
  const random = new RealRandom()
  const constant = {
    ...random,
    bytes: random.bytes.bind(random),
    u64: random.u64.bind(random),
    integer: () => 42,
  }
  const begin = (): [ChapTarget, Map<string, string>] => {
    const chap = new ChapTarget({ credentials: [alice], random: constant })
    const step = chap.step(new Map([['CHAP_A', '7']]))
    if (step.kind !== 'continue') throw new Error('no challenge')
    return [chap, new Map(step.answers.map(({ key, value }) => [key, value]))]
  }
  const [first, asked] = begin()
  const initiator = new ChapInitiator({ credential: alice, random, algorithms: ['sha256'] })
  initiator.step(new Map())
  const answered = initiator.step(asked)
  if (answered.kind !== 'done') throw new Error('no answer')
  const recorded = new Map(answered.answers.map(({ key, value }) => [key, value]))
  expect(first.step(recorded)).toMatchObject({ kind: 'done' })
  const [second, askedAgain] = begin()
  expect(askedAgain.get('CHAP_I')).toBe(asked.get('CHAP_I'))
  expect(second.step(recorded)).toMatchObject({ kind: 'failed', malformed: false })
  // One answer a login: the right one, too late, is no better.
  expect(first.step(recorded)).toMatchObject({ kind: 'failed', malformed: true })
})

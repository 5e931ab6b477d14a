import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import type { ChapCredential } from '../../../src/frontend/access.ts'
import { Secret } from '../../../src/frontend/secret.ts'
import { RealRandom } from '../../../src/io/random.ts'
import { ChapTarget } from '../../../src/iscsi/login/chap.ts'

const SECRET = 'correct horse battery'
const alice: ChapCredential = {
  user: 'alice',
  secret: Secret.fromText(SECRET),
  mutual: { user: 'disk', secret: Secret.fromText('staple of the disk') },
}
const begin = (): { chap: ChapTarget; asked: ReadonlyMap<string, string> } => {
  const chap = new ChapTarget({ credentials: [alice], random: new RealRandom() })
  const step = chap.step(new Map([['CHAP_A', '5']]))
  if (step.kind !== 'continue') throw new Error('no challenge')
  return { chap, asked: new Map(step.answers.map(({ key, value }) => [key, value])) }
}
const response = (secret: string, asked: ReadonlyMap<string, string>): string => {
  const challenge = Buffer.from(asked.get('CHAP_C')!.slice(2), 'hex')
  return `0x${createHash('md5')
    .update(Buffer.of(Number(asked.get('CHAP_I'))))
    .update(secret)
    .update(challenge)
    .digest('hex')}`
}

it('RFC 7143 §12.1.3: a challenge of one connection, asked back on another, is answered only to who has proved himself', () => {
  const victim = begin()
  const other = begin()
  // The attacker has no secret: it hopes that the target answers the first connection's question on the second.
  const step = other.chap.step(
    new Map([
      ['CHAP_N', 'alice'],
      ['CHAP_R', response('a wrong secret!!', other.asked)],
      ['CHAP_I', victim.asked.get('CHAP_I')!],
      ['CHAP_C', victim.asked.get('CHAP_C')!],
    ]),
  )
  expect(step).toMatchObject({ kind: 'failed', malformed: false })
  expect(JSON.stringify(step)).not.toContain('CHAP_R')
})

it('RFC 7143 §12.1.3: what the target answers in mutual CHAP proves its own secret, never the initiator’s', () => {
  const victim = begin()
  const other = begin()
  const step = other.chap.step(
    new Map([
      ['CHAP_N', 'alice'],
      ['CHAP_R', response(SECRET, other.asked)],
      ['CHAP_I', victim.asked.get('CHAP_I')!],
      ['CHAP_C', victim.asked.get('CHAP_C')!],
    ]),
  )
  if (step.kind !== 'done') throw new Error('refused')
  const answer = new Map(step.answers.map(({ key, value }) => [key, value])).get('CHAP_R')!
  expect(answer).not.toBe(response(SECRET, victim.asked))
  expect(
    victim.chap.step(
      new Map([
        ['CHAP_N', 'alice'],
        ['CHAP_R', answer],
      ]),
    ),
  ).toMatchObject({ kind: 'failed' })
})

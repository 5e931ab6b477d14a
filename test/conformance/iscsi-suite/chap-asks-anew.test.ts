import { expect, it } from 'vitest'
import { Secret } from '../../../src/frontend/secret.ts'
import { RealRandom } from '../../../src/io/random.ts'
import { ChapTarget } from '../../../src/iscsi/login/chap.ts'

it('RFC 7143 §12.1.3: no two logins get the same challenge, and identifiers vary with them', () => {
  const random = new RealRandom()
  const credentials = [{ user: 'alice', secret: Secret.fromText('correct horse battery') }]
  const challenges = new Set<string>()
  const identifiers = new Set<string>()
  for (let login = 0; login < 2000; login++) {
    const step = new ChapTarget({ credentials, random }).step(new Map([['CHAP_A', '7,5']]))
    if (step.kind !== 'continue') throw new Error('no challenge')
    const answers = new Map(step.answers.map(({ key, value }) => [key, value]))
    challenges.add(answers.get('CHAP_C') ?? '')
    identifiers.add(answers.get('CHAP_I') ?? '')
    expect(answers.get('CHAP_C')).toMatch(/^0x[0-9a-f]{64}$/)
  }
  expect(challenges.size).toBe(2000)
  expect(identifiers.size).toBeGreaterThan(200)
})

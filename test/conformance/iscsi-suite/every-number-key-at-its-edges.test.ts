import { describe, expect, it } from 'vitest'
import { KEYS, type KeyName, type KeySpec } from '../../../src/iscsi/text/keys.ts'
import { Negotiation } from '../../../src/iscsi/text/negotiation.ts'
import { TARGET_WISHES } from '../../../src/iscsi/text/parameters.ts'

const specs = Object.entries(KEYS) as [KeyName, KeySpec][]

/** What a target says to one pair in the operational stage: the value, nothing, or the end of the login. */
function answer(key: string, value: string): string {
  const target = new Negotiation({ role: 'target', sessionType: 'normal', wishes: TARGET_WISHES })
  const verdict = target.receive([{ key, value }], 'operational')
  if (!verdict.ok) return 'the login ends'
  return verdict.answers[0]?.value ?? ''
}

for (const [key, spec] of specs) {
  if (spec.kind !== 'number') continue
  describe(`RFC 7143 §13: ${key}, ${spec.min} to ${spec.max}`, () => {
    const refused = spec.result === 'declared' ? 'the login ends' : 'Reject'
    it('takes its smallest and its largest value', () => {
      for (const value of [spec.min, spec.max])
        expect([refused, 'Reject']).not.toContain(answer(key, String(value)))
    })
    it('takes hexadecimal constants as well (§6.1)', () => {
      expect(answer(key, `0x${spec.max.toString(16)}`)).toBe(answer(key, String(spec.max)))
    })
    it('refuses what lies beyond, and what is no number', () => {
      const outside = [spec.max + 1, 2 ** 32, 2 ** 53, ...(spec.min > 0 ? [spec.min - 1] : [])].map(String)
      for (const value of [...outside, '-1', '01', '1.0', '', ' 1', '0x', 'many', '1,2', '1~2']) {
        expect([value, answer(key, value)]).toEqual([value, refused])
      }
    })
  })
}

import { expect, it } from 'vitest'
import { KEYS, type KeyName, type KeySpec } from '../../../src/iscsi/text/keys.ts'
import { Negotiation } from '../../../src/iscsi/text/negotiation.ts'
import { TextCollector } from '../../../src/iscsi/text/pairs.ts'
import { TARGET_WISHES } from '../../../src/iscsi/text/parameters.ts'

const specs = Object.entries(KEYS) as [KeyName, KeySpec][]
const receive = (key: string, value: string): boolean =>
  new Negotiation({ role: 'target', sessionType: 'normal', wishes: TARGET_WISHES }).receive(
    [{ key, value }],
    'operational',
  ).ok

it.each(specs.filter(([, { kind }]) => kind === 'number' || kind === 'boolean'))(
  'RFC 7143 §6.1: a simple value of %s has at most 255 bytes',
  (key) => {
    expect(receive(key, `0${'0'.repeat(255)}`)).toBe(false)
  },
)

it.each(
  specs.filter(
    ([, spec]) =>
      spec.kind === 'text' && spec.stages.includes('operational') && spec.senders.includes('initiator'),
  ),
)('RFC 7143 §13: a declared text of %s is bounded', (key, spec) => {
  if (spec.kind !== 'text') throw new Error('not a text')
  expect(receive(key, 'x'.repeat(spec.bytesMax))).toBe(true)
  expect(receive(key, 'x'.repeat(spec.bytesMax + 1))).toBe(false)
  expect(receive(key, 'é'.repeat(spec.bytesMax))).toBe(false)
})

it('RFC 7143 §6.1: a key has at most 63 bytes', () => {
  const text = (bytes: number): Uint8Array => Buffer.from(`${'k'.repeat(bytes)}=v\0`)
  expect(new TextCollector(8192).push(text(63), false)).toMatchObject({ ok: true })
  expect(new TextCollector(8192).push(text(64), false)).toMatchObject({ ok: false })
})

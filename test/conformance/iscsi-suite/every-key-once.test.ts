import { expect, it } from 'vitest'
import { KEYS, type KeyName, type KeySpec } from '../../../src/iscsi/text/keys.ts'
import { Negotiation } from '../../../src/iscsi/text/negotiation.ts'
import { TARGET_WISHES } from '../../../src/iscsi/text/parameters.ts'

const target = (): Negotiation =>
  new Negotiation({ role: 'target', sessionType: 'normal', wishes: TARGET_WISHES })
const specs = Object.entries(KEYS) as [KeyName, KeySpec][]

function validValue(spec: KeySpec): string {
  switch (spec.kind) {
    case 'number':
      return String(spec.min)
    case 'boolean':
      return 'Yes'
    case 'list':
      return spec.initial
    case 'text':
    case 'obsolete':
      return 'x'
  }
}

it.each(specs)('RFC 7143 §6.2: %s sent twice in a login ends it, also with the same value', (key, spec) => {
  const pair = { key, value: validValue(spec) }
  const stage = spec.stages.includes('operational') ? 'operational' : 'full-feature'
  expect(target().receive([pair], stage).ok).toBe(true)
  expect(target().receive([pair, pair], stage).ok).toBe(false)
  const two = target()
  two.receive([pair], stage)
  expect(two.receive([pair], stage).ok).toBe(false)
})

import { expect, it } from 'vitest'
import { commandKind } from './command-kind.ts'

it.each([
  ['28', 'read'],
  ['88', 'read'],
  ['2a', 'write'],
  ['8a', 'write'],
  ['89', 'write'],
  ['93 00', 'write'],
  ['93 08', 'trim'],
  ['41 08', 'trim'],
  ['42', 'trim'],
  ['35', 'flush'],
  ['91', 'flush'],
  ['12', 'other'],
  ['ff', 'other'],
])('a command %s is a %s', (cdb, kind) => {
  expect(commandKind(Uint8Array.from(Buffer.from(cdb.replace(' ', '').padEnd(32, '0'), 'hex')))).toBe(kind)
})

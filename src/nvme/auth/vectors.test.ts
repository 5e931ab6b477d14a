/** Against test/vectors/dhchap.json, which test/vectors/dhchap.py computes without this code. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Random } from '../../base/ports/random.ts'
import { Secret } from '../../frontend/secret.ts'
import { DhExchange, GROUP_NAMES, GROUPS, type GroupName, primeOf } from './groups.ts'
import { controllerResponse, type HashName, hostResponse } from './hash.ts'
import { transformKey } from './secret.ts'

interface Vector {
  readonly hash: HashName
  readonly group: GroupName
  readonly keyHash: HashName | null
  readonly hostNqn: string
  readonly subsystemNqn: string
  readonly hostKey: string
  readonly controllerKey: string
  readonly c1: string
  readonly c2: string
  readonly s1: number
  readonly s2: number
  readonly transaction: number
  readonly controllerPrivate?: string
  readonly hostPrivate?: string
  readonly controllerPublic?: string
  readonly hostPublic?: string
  readonly sessionKeySha256?: string
  readonly r1: string
  readonly r2: string
}

const vectors: { primesSha256: Record<string, string>; cases: Vector[] } = JSON.parse(
  readFileSync(new URL('../../../test/vectors/dhchap.json', import.meta.url), 'utf8'),
)

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Gives these bytes, once. */
const fixed = (hex: string): Random => ({
  bytes: (lengthBytes) => {
    expect(lengthBytes).toBe(hex.length / 2)
    return bytesOf(hex)
  },
  u64: () => 1n,
  integer: () => 0,
})

const REAL_GROUPS = GROUP_NAMES.filter((name) => name !== 'null')

describe('groups', () => {
  it.each(REAL_GROUPS)('%s has the prime of RFC 7919', (group) => {
    const prime = primeOf(group)
    expect(prime.byteLength).toBe(GROUPS[group].bits / 8)
    // the first words that all groups share, as RFC 7919 prints them
    expect(hexOf(prime.subarray(0, 16))).toBe('ffffffffffffffffadf85458a2bb4a9a')
    expect(sha256(prime)).toBe(vectors.primesSha256[group])
  })

  it.each(REAL_GROUPS)('%s gives both sides one key, and refuses values that are none', (group) => {
    const random: Random = { bytes: (length) => randomBytes(length), u64: () => 1n, integer: () => 0 }
    const [a, b] = [new DhExchange(group, random), new DhExchange(group, random)]
    expect(a.sessionKey(b.publicValue)).toEqual(b.sessionKey(a.publicValue))
    expect(a.sessionKey(a.publicValue)).toBeUndefined()
    const prime = primeOf(group)
    const last = prime.byteLength - 1
    const small = (value: number): Uint8Array => Uint8Array.from(prime, (_, i) => (i === last ? value : 0))
    const below = (less: number): Uint8Array =>
      Uint8Array.from(prime, (byte, i) => (i === last ? byte - less : byte))
    for (const bad of [small(0), small(1), below(1), below(0), new Uint8Array(prime.length).fill(255)]) {
      expect(a.sessionKey(bad)).toBeUndefined()
    }
    expect(a.sessionKey(b.publicValue.subarray(1))).toBeUndefined()
    expect(a.sessionKey(small(2))?.byteLength).toBe(prime.byteLength)
    // -2 is in the range and not in the subgroup of order q: accepted or not, nothing is thrown
    expect([undefined, prime.byteLength]).toContain(a.sessionKey(below(2))?.byteLength)
  })
})

it('a public value is as long as the prime, however small it is', () => {
  const { publicValue } = new DhExchange('ffdhe2048', fixed('01'.padStart(128, '0')))
  expect(hexOf(publicValue)).toBe('02'.padStart(512, '0'))
})

describe.each(vectors.cases)('$hash, $group, key transformed by $keyHash', (vector) => {
  const { hash, hostNqn, subsystemNqn, transaction } = vector
  const key = (hex: string, nqn: string): Uint8Array =>
    transformKey({ key: Secret.fromBytes(bytesOf(hex)), hash: vector.keyHash ?? undefined }, nqn)

  it('gives the responses that were computed elsewhere', () => {
    let sessionKey: Uint8Array | undefined
    if (vector.group !== 'null') {
      const controller = new DhExchange(vector.group, fixed(vector.controllerPrivate!))
      const host = new DhExchange(vector.group, fixed(vector.hostPrivate!))
      expect(hexOf(controller.publicValue)).toBe(vector.controllerPublic)
      expect(hexOf(host.publicValue)).toBe(vector.hostPublic)
      sessionKey = controller.sessionKey(host.publicValue)!
      expect(sha256(sessionKey)).toBe(vector.sessionKeySha256)
      expect(host.sessionKey(controller.publicValue)).toEqual(sessionKey)
    }
    const common = { hash, sessionKey, transaction, hostNqn, subsystemNqn }
    const r1 = hostResponse({
      ...common,
      key: key(vector.hostKey, hostNqn),
      challenge: bytesOf(vector.c1),
      sequence: vector.s1,
    })
    const r2 = controllerResponse({
      ...common,
      key: key(vector.controllerKey, subsystemNqn),
      challenge: bytesOf(vector.c2),
      sequence: vector.s2,
    })
    expect([hexOf(r1), hexOf(r2)]).toEqual([vector.r1, vector.r2])
  })
})

import { describe, expect, it } from 'vitest'
import type { Random } from '../../base/ports/random.ts'
import { Secret } from '../../frontend/secret.ts'
import { keysOf } from './credentials.ts'
import { HASH_NAMES } from './hash.ts'
import { type DhchapKey, formatSecret, generateKey, parseSecret } from './secret.ts'

/** The example of the NVMe specification, and one of the SPDK project's tests. */
const EXAMPLE = 'ia6zGodOr4SEG0Zzaw398rpY0wqipUWj4jWjUh4HWUz6aQ2n'
const SPDK = 'DHHC-1:00:MWPqcx1Ug1debg8fPIGpkqbQhLcYUt39k7UWirkblaKEH1kE:'
/** The key that blktests (nvme/045) expects to be refused. */
const BLKTESTS_INVALID = 'DHHC-1:00:Jc/My1o0qtLCWRp+sHhAVafdfaS7YQOMYhk9zSmlatobqB8C:'

const counting: Random = {
  bytes: (lengthBytes) => Uint8Array.from({ length: lengthBytes }, (_, i) => i * 3),
  u64: () => 1n,
  integer: () => 0,
}

function read(text: string): DhchapKey {
  const parsed = parseSecret(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

describe('secrets', () => {
  it('that others print are read, with any hash', () => {
    expect(read(SPDK).key.lengthBytes).toBe(32)
    for (const [i, hash] of [undefined, ...HASH_NAMES].entries()) {
      const text = `DHHC-1:0${i}:${EXAMPLE}:`
      const key = read(text)
      expect(key.hash).toBe(hash)
      expect(key.key.lend((bytes) => Buffer.from(bytes).toString('hex'))).toBe(
        '89aeb31a874eaf84841b46736b0dfdf2ba58d30aa2a545a3e235a3521e07594c',
      )
      expect(formatSecret(key)).toBe(text)
    }
  })

  it('that are made have the length of their hash, and are read again', () => {
    for (const [hash, lengthBytes] of [
      [undefined, 32],
      ['sha256', 32],
      ['sha384', 48],
      ['sha512', 64],
    ] as const) {
      const made = generateKey(counting, hash)
      expect(made.key.lengthBytes).toBe(hash === undefined ? 32 : lengthBytes)
      expect(read(formatSecret(made)).key.equals(made.key)).toBe(true)
    }
  })

  it.each([
    ['checksum', BLKTESTS_INVALID],
    ['checksum', SPDK.replace('MWPq', 'NWPq')],
    ['form', ''],
    ['form', 'not-a-key'],
    ['form', SPDK.slice(0, -1)],
    ['form', `${SPDK}\n`],
    ['form', SPDK.replace(':00:', ':04:')],
    ['form', SPDK.replace(':00:', ':0:')],
    ['form', SPDK.replace('DHHC-1', 'DHHC-2')],
    ['form', 'DHHC-1:00:cGxhY2Vob2xkZXItaG9zdA==:'],
    ['form', `DHHC-1:00:${'A'.repeat(4096)}:`],
    ['form', `DHHC-1:00:${'A'.repeat(49)}:`],
    ['key-length', `DHHC-1:00:${'A'.repeat(52)}:`],
  ])('are refused: %s', (fault, text) => {
    expect(parseSecret(text)).toBe(fault)
  })

  it('do not show in texts', () => {
    expect(JSON.stringify(read(SPDK))).toBe('{"key":"[secret]"}')
  })
})

describe('an entry of the access rules', () => {
  const [secret, bad] = [Secret.fromText(SPDK), Secret.fromText(BLKTESTS_INVALID)]

  it('holds the keys of host and controller', () => {
    expect(keysOf({ host: 'nqn.a', secret })).toMatchObject({ controllerKey: undefined })
    expect(keysOf({ host: 'nqn.a', secret, controllerSecret: secret })).toMatchObject({
      hostKey: { hash: undefined },
      controllerKey: { hash: undefined },
    })
  })

  it('is of no use when either cannot be read', () => {
    expect(keysOf({ host: 'nqn.a', secret: bad })).toBe('checksum')
    expect(keysOf({ host: 'nqn.a', secret, controllerSecret: bad })).toBe('checksum')
  })
})

import { describe, expect, it } from 'vitest'
import { epochNumber } from '../../base/units.ts'
import { opening, serverId } from '../../v2engine/identity.ts'
import type { AuthorityMessage } from '../../v2engine/messages.ts'
import { epochOf, messageOf, parseAuthorityUrl, toJson } from './assignment.ts'

const epoch = { number: epochNumber(7), id: 2n ** 64n - 1n }
const set = { epoch: epoch.number, version: 3, members: [serverId('a'), serverId('b')] }
const MESSAGES: readonly AuthorityMessage[] = [
  { kind: 'seal', epoch },
  { kind: 'stop', epoch },
  { kind: 'setIs', epoch, set },
  { kind: 'grant', epoch, opening: opening(5), askedAtMs: 12.5, leaseMs: 3000 },
  {
    kind: 'assign',
    epoch,
    role: 'primary',
    primary: serverId('a'),
    opening: opening(5),
    replicas: [{ server: serverId('a'), endpoint: '127.0.0.1:7460' }],
    set,
    policy: { replicaFactor: 2, mode: { kind: 'sync_all', minInSync: 1 } },
  },
]

describe('messages of an authority', () => {
  it.each(MESSAGES)('pass through JSON unchanged: $kind', (message) => {
    expect(messageOf(JSON.parse(toJson(message)))).toEqual(message)
  })

  it('keeps all 64 bits of an epoch id, and refuses more', () => {
    expect(epochOf({ number: 1, id: '18446744073709551615' }).id).toBe(2n ** 64n - 1n)
    expect(() => epochOf({ number: 1, id: '18446744073709551616' })).toThrow(/more than 64 bits/)
  })

  it('refuses policies that make no sense', () => {
    const assign = JSON.parse(toJson(MESSAGES[4]))
    const policy = { replicaFactor: 2, mode: { kind: 'sync_quorum' } }
    expect(() => messageOf({ ...assign, policy })).toThrow(/needs three replicas/)
    const tooMany = { replicaFactor: 2, mode: { kind: 'sync_all', minInSync: 3 } }
    expect(() => messageOf({ ...assign, policy: tooMany })).toThrow(/minInSync 3 of 2/)
  })

  it('takes plain HTTP addresses of authorities only', () => {
    expect(parseAuthorityUrl('http://127.0.0.1:7470/')).toBe('http://127.0.0.1:7470')
    expect(parseAuthorityUrl('http://[::1]:7470/cluster/')).toBe('http://[::1]:7470/cluster')
    for (const bad of ['127.0.0.1:7470', 'file:///etc/passwd', 'http://a:b@c', 'http://c/?x=1', '']) {
      expect(() => parseAuthorityUrl(bad), bad).toThrow(/is not an address/)
    }
  })
})

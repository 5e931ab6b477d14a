import { describe, expect, it } from 'vitest'
import { epochNumber } from '../../base/units.ts'
import { serverId } from '../identity.ts'
import type { Policy } from '../policy.ts'
import { decideSetChange, type SetChangeRequest } from './set-change.ts'

const members = (names: string) => [...names].map(serverId)
const epoch = { number: epochNumber(4), id: 44n }
const quorum: Policy = { mode: { kind: 'sync_quorum' }, replicaFactor: 3 }
const syncAll: Policy = { mode: { kind: 'sync_all', minInSync: 2 }, replicaFactor: 3 }

const decide = (
  now: string,
  next: string,
  change: Partial<SetChangeRequest> = {},
  policy = syncAll,
  isSealing = false,
) => {
  const set = { epoch: epochNumber(4), version: 7, members: members(now) }
  const facts = { policy, epoch, isSealing, primary: serverId('a'), set }
  const verdict = decideSetChange(facts, { epoch, version: 7, members: members(next), ...change })
  return verdict.kind === 'refused' ? verdict.why : `v${verdict.set.version} ${verdict.set.members.join('')}`
}

describe('a change of the in-sync set', () => {
  it('takes one member in or out', () => {
    expect(decide('ab', 'abc')).toBe('v8 abc')
    expect(decide('abc', 'ab')).toBe('v8 ab')
    expect(decide('ab', 'a')).toBe('v8 a')
  })

  it('raises the version also when nothing changes: that settles a question without an answer', () => {
    expect(decide('ab', 'ab')).toBe('v8 ab')
  })

  it('is refused for another epoch, another id of it, another version, and while sealing', () => {
    expect(decide('ab', 'a', { epoch: { number: epochNumber(3), id: 33n } })).toBe('another epoch')
    expect(decide('ab', 'a', { epoch: { number: epochNumber(4), id: 45n } })).toBe('another epoch')
    expect(decide('ab', 'a', { version: 6 })).toBe('another version')
    expect(decide('ab', 'a', { version: 8 })).toBe('another version')
    expect(decide('ab', 'a', {}, syncAll, true)).toBe('sealing')
  })

  it('is refused for two at once, for a member named twice, and without the primary', () => {
    expect(decide('abc', 'a')).toBe('more than one member')
    expect(decide('ab', 'ac')).toBe('more than one member')
    expect(decide('ab', 'abb')).toBe('more than one member')
    expect(decide('ab', 'b')).toBe('without the primary')
  })

  it('never leaves a quorum too few', () => {
    expect(decide('abc', 'ab', {}, quorum)).toBe('v8 ab')
    expect(decide('ab', 'a', {}, quorum)).toBe('too few for a quorum')
    expect(decide('ab', 'abc', {}, quorum)).toBe('v8 abc')
  })
})

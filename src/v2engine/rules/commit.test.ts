import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Lsn, lsn } from '../../base/units.ts'
import { type ServerId, serverId } from '../identity.ts'
import { type Policy, votesNeeded } from '../policy.ts'
import { jointLsn } from './commit.ts'

const SERVERS = ['a', 'b', 'c', 'd', 'e'].map(serverId)
const policies: fc.Arbitrary<Policy> = fc.constantFrom(
  { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 },
  { mode: { kind: 'sync_quorum' }, replicaFactor: 3 },
  { mode: { kind: 'sync_quorum' }, replicaFactor: 5 },
  { mode: { kind: 'best_effort', maxLagEntries: 3, maxLagMs: 100 }, replicaFactor: 3 },
)
const sets = fc.subarray(SERVERS, { minLength: 1 })
/** Positions, some of which do not count. */
const positions = fc.array(fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }), {
  minLength: SERVERS.length,
  maxLength: SERVERS.length,
})

/** LSN by LSN: is it held by enough of every set? */
function naive(
  policy: Policy,
  asked: readonly ServerId[][],
  at: (member: ServerId) => number | undefined,
): number {
  let best = 0
  for (let candidate = 1; candidate <= 6; candidate++) {
    const isHeld = asked.every((set) => {
      const holders = set.filter((member) => (at(member) ?? -1) >= candidate)
      return holders.length >= votesNeeded(policy, set.length)
    })
    if (isHeld) best = candidate
  }
  return best
}

describe('the commit rule', () => {
  it('is the greatest LSN that enough members of every set hold', () => {
    fc.assert(
      fc.property(
        policies,
        fc.array(sets, { minLength: 1, maxLength: 2 }),
        positions,
        (policy, asked, held) => {
          const at = (member: ServerId): Lsn | undefined => {
            const value = held[SERVERS.indexOf(member)]
            return value === undefined ? undefined : lsn(value)
          }
          expect(jointLsn(policy, asked, at)).toBe(naive(policy, asked, at))
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('asks a majority of the replica factor, also of a smaller set', () => {
    const policy: Policy = { mode: { kind: 'sync_quorum' }, replicaFactor: 3 }
    const at = (member: ServerId): Lsn => lsn(member === 'a' ? 9 : 4)
    expect(jointLsn(policy, [SERVERS.slice(0, 3)], at)).toBe(4)
    expect(jointLsn(policy, [SERVERS.slice(0, 2)], at)).toBe(4)
    expect(jointLsn(policy, [SERVERS.slice(0, 1)], at)).toBe(0)
  })
})

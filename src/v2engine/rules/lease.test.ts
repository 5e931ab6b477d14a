import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ServerId, serverId } from '../identity.ts'
import { type Policy, votesNeeded } from '../policy.ts'
import { servesUntilMs } from './lease.ts'

const [A, B, C] = ['a', 'b', 'c'].map(serverId) as [ServerId, ServerId, ServerId]
const syncAll: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 }
const quorum: Policy = { mode: { kind: 'sync_quorum' }, replicaFactor: 3 }
const bestEffort: Policy = { mode: { kind: 'best_effort', maxLagEntries: 1, maxLagMs: 1 }, replicaFactor: 3 }

const until = (policy: Policy, sets: ServerId[][], promises: Record<string, number>, grantedUntilMs = 10) =>
  servesUntilMs({
    policy,
    self: A,
    grantedUntilMs,
    sets,
    promisedUntilMs: (member) => promises[member] ?? Number.NEGATIVE_INFINITY,
  })

describe('until when a primary serves', () => {
  it('is the later of the grant and the promises of Q − 1 others', () => {
    expect(until(syncAll, [[A, B, C]], { b: 50, c: 40 })).toBe(40)
    expect(until(quorum, [[A, B, C]], { b: 50, c: 40 })).toBe(50)
    expect(until(syncAll, [[A, B, C]], { b: 50 })).toBe(10)
    expect(until(quorum, [[A, B, C]], { b: 5 })).toBe(10)
  })

  it('asks both sets while a change is open', () => {
    expect(
      until(
        syncAll,
        [
          [A, B, C],
          [A, B],
        ],
        { b: 50, c: 40 },
      ),
    ).toBe(40)
    expect(until(syncAll, [[A, B], [A]], { b: 50 })).toBe(10)
  })

  it('is the grant alone for best_effort and for a set of one, and for ever with one replica', () => {
    expect(until(bestEffort, [[A, B, C]], { b: 50, c: 50 })).toBe(10)
    expect(until(syncAll, [[A]], {})).toBe(10)
    expect(until({ ...syncAll, replicaFactor: 1 }, [[A]], {}, 0)).toBe(Number.POSITIVE_INFINITY)
  })

  it('is not for ever while a volume of one replica is moved: the other member can take over', () => {
    const one = { ...syncAll, replicaFactor: 1 }
    expect(until(one, [[A, B]], {})).toBe(10)
    expect(until(one, [[A, B]], { b: 50 })).toBe(50)
    // recorded perhaps, and the answer is on its way
    expect(until(one, [[A], [A, B]], {})).toBe(10)
    expect(until(one, [[A], [A, B]], { b: 50 })).toBe(50)
    expect(until({ ...bestEffort, replicaFactor: 1 }, [[A, B]], { b: 50 })).toBe(10)
  })

  it('is never while a promotion could find enough members that are not bound', () => {
    const clocks = fc.record({ b: fc.nat(20), c: fc.nat(20), nowMs: fc.nat(20) })
    fc.assert(
      fc.property(fc.constantFrom(syncAll, quorum), clocks, (policy, { b, c, nowMs }) => {
        if (nowMs >= until(policy, [[A, B, C]], { b, c }, Number.NEGATIVE_INFINITY)) return true
        // neither the primary nor a bound member seals, whatever else is promised
        const free = Number(b <= nowMs) + Number(c <= nowMs)
        return free < 3 - votesNeeded(policy, 3) + 1
      }),
    )
  })
})

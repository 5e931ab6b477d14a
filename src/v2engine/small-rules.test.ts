import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochNumber, lsn } from '../base/units.ts'
import { gradeOf } from './grade.ts'
import { compareLast, opening, type SessionRef, sameSession, sessionId } from './identity.ts'
import {
  backoffMs,
  DEFAULT_BOUNDS,
  isSetLargeEnough,
  membersToAcknowledge,
  type Policy,
  votesNeeded,
} from './policy.ts'
import { Trail } from './trail.ts'

const quorum = (replicaFactor: number): Policy => ({ mode: { kind: 'sync_quorum' }, replicaFactor })
const syncAll: Policy = { mode: { kind: 'sync_all', minInSync: 2 }, replicaFactor: 3 }
const bestEffort: Policy = { mode: { kind: 'best_effort', maxLagEntries: 1, maxLagMs: 1 }, replicaFactor: 3 }

describe('the policy', () => {
  it('says how many have to have an entry', () => {
    expect([1, 2, 3].map((size) => votesNeeded(syncAll, size))).toEqual([1, 2, 3])
    expect([3, 4, 5].map((factor) => votesNeeded(quorum(factor), factor))).toEqual([2, 3, 3])
    expect(votesNeeded(bestEffort, 3)).toBe(1)
  })

  it('says how large a set must be, to acknowledge and to be recorded', () => {
    expect([syncAll, quorum(3), bestEffort].map(membersToAcknowledge)).toEqual([2, 2, 1])
    expect(isSetLargeEnough(quorum(5), 2)).toBe(false)
    expect(isSetLargeEnough(syncAll, 1)).toBe(true)
  })

  it('doubles the wait between attempts up to a bound', () => {
    expect([0, 1, 2, 3, 6, 7, 2000].map((failures) => backoffMs(DEFAULT_BOUNDS, failures))).toEqual([
      0, 250, 500, 1000, 8000, 10_000, 10_000,
    ])
  })
})

describe('grades', () => {
  it('change at their bounds', () => {
    const at = [0, 999, 1000, 2999, 3000, 9999, 10_000].map((ms) => gradeOf(DEFAULT_BOUNDS, ms))
    expect(at).toEqual(['live', 'live', 'slow', 'slow', 'suspect', 'suspect', 'gone'])
  })
})

describe('names', () => {
  it('order last entries by epoch, then by LSN', () => {
    const last = (epoch: number, at: number) => ({ epoch: epochNumber(epoch), lsn: at })
    const sorted = [last(1, 90), last(2, 5), last(2, 3)].sort(compareLast)
    expect(sorted).toEqual([last(1, 90), last(2, 3), last(2, 5)])
  })

  it('know a session by its id, its epoch and both openings', () => {
    const ref: SessionRef = {
      id: sessionId(3),
      epoch: { number: epochNumber(2), id: 22n },
      primaryOpening: opening(5),
      replicaOpening: opening(6),
    }
    expect(sameSession(ref, { ...ref })).toBe(true)
    for (const other of [
      { id: sessionId(4) },
      { epoch: { number: epochNumber(2), id: 23n } },
      { primaryOpening: opening(6) },
      { replicaOpening: opening(7) },
    ]) {
      expect(sameSession(ref, { ...ref, ...other })).toBe(false)
    }
  })
})

describe('the trail', () => {
  it('tells when an entry was appended: never too late by more than its grain, and never too early', () => {
    const steps = fc.array(fc.record({ entries: fc.integer({ min: 1, max: 3 }), ms: fc.nat(30) }), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(steps, (all) => {
        const trail = new Trail()
        const appendedMs: number[] = []
        let nowMs = 0
        for (const { entries, ms } of all) {
          nowMs += ms
          for (let i = 0; i < entries; i++) appendedMs.push(nowMs)
          trail.record(lsn(appendedMs.length), nowMs)
        }
        appendedMs.forEach((atMs, i) => {
          const told = trail.firstAfterMs(lsn(i))!
          expect(told).toBeLessThanOrEqual(atMs)
          expect(atMs - told).toBeLessThan(50)
        })
        expect(trail.firstAfterMs(lsn(appendedMs.length))).toBeUndefined()
      }),
    )
  })

  it('is bounded: who is behind all of it is as late as its oldest mark', () => {
    const trail = new Trail()
    for (let i = 1; i <= 1000; i++) trail.record(lsn(i), i * 100)
    expect(trail.firstAfterMs(lsn(0))).toBe(87_300)
    expect(trail.lastBefore(99_950)).toBe(999)
    expect(trail.lastBefore(100)).toBeUndefined()
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochNumber, lsn } from '../base/units.ts'
import type { History } from './history.ts'
import { opening } from './identity.ts'
import { SOUND } from './marks.ts'
import { makePlan, type PlanVerdict } from './plan.ts'

const epoch = (number: number) => ({ number: epochNumber(number), id: BigInt(number) })
const OLD: History = [{ epoch: epoch(1), firstLsn: lsn(1) }]
/** The primary's: epoch 2 began at 6. */
const NEW: History = [...OLD, { epoch: epoch(2), firstLsn: lsn(6) }]

interface Replica {
  log: number
  durable?: number
  image?: number
  base?: number | null
  unknown?: boolean
  history?: History
}

function plan(
  replica: Replica,
  primary: { head?: number; retained?: number; commit?: number; hopeless?: boolean } = {},
) {
  const head = primary.head ?? 10
  const base = replica.base ?? null
  return makePlan({
    epoch: epoch(2),
    history: NEW,
    local: {
      appended: lsn(head),
      durable: lsn(head),
      checkpoint: lsn(0),
      image: lsn(0),
      retainedFrom: lsn(primary.retained ?? 1),
      hasUnknown: false,
    },
    commit: lsn(primary.commit ?? 9),
    follow: {
      kind: 'follow',
      epoch: epoch(2),
      opening: opening(1),
      history: replica.history ?? NEW,
      appended: lsn(replica.log),
      durable: lsn(replica.durable ?? replica.log),
      image: lsn(replica.image ?? 0),
      hasUnknown: replica.unknown ?? false,
      standing: { ...SOUND, isResyncing: base !== null },
      resyncBase: base === null ? null : lsn(base),
    },
    isDamaged: false,
    isCatchUpHopeless: primary.hopeless ?? false,
  })
}

function show(verdict: PlanVerdict): string {
  if (verdict.kind !== 'plan') return verdict.kind
  const { plan: made } = verdict
  if (made.kind === 'resync') return `resync ${made.base}..${made.target}`
  return `${made.kind} above ${made.dropAbove}`
}

describe('the plan for a replica (N6)', () => {
  it('R = H: in sync, a barrier is left', () => {
    expect(show(plan({ log: 10 }))).toBe('inSync above 10')
  })

  it('S ≤ R + 1 ≤ H: catches up from the log; one entry less in the log and it does not', () => {
    expect(show(plan({ log: 7 }, { retained: 8 }))).toBe('catchUp above 7')
    expect(show(plan({ log: 7 }, { retained: 9 }))).toBe('resync 7..9')
  })

  it('entries of a lost history that were not flushed are dropped', () => {
    expect(show(plan({ log: 8, history: OLD, image: 5 }))).toBe('catchUp above 5')
  })

  it('one flushed entry of a lost history, and it is given up', () => {
    expect(show(plan({ log: 8, history: OLD, image: 6 }))).toBe('resync 5..9')
  })

  it('R > H of the epoch that both have: nobody decides that here', () => {
    expect(show(plan({ log: 11 }))).toBe('aheadOfPrimary')
    expect(show(plan({ log: 10, image: 11 }))).toBe('aheadOfPrimary')
    // an older, lost history may be longer
    expect(show(plan({ log: 40, history: OLD }))).toBe('catchUp above 5')
  })

  it('an unfinished resync begins at its base again, and never later', () => {
    expect(show(plan({ log: 10, base: 3 }))).toBe('resync 3..9')
    expect(show(plan({ log: 10, base: 9, history: OLD }))).toBe('resync 5..9')
  })

  it('unknown blocks, and catch-ups that get nowhere, need a resync', () => {
    expect(show(plan({ log: 10, unknown: true }))).toBe('resync 9..9')
    expect(show(plan({ log: 7 }, { hopeless: true }))).toBe('resync 7..9')
  })

  it('a resync is frozen at the commit LSN, never at the head', () => {
    expect(show(plan({ log: 2 }, { retained: 9, commit: 6 }))).toBe('resync 2..6')
  })

  it('after damage entries go on where the log ends, though the image has later ones', () => {
    expect(show(plan({ log: 4, image: 5, history: OLD }))).toBe('catchUp above 4')
  })

  it('an empty replica gets everything', () => {
    expect(show(plan({ log: 0, history: [] }))).toBe('catchUp above 0')
    expect(show(plan({ log: 0, history: [] }, { retained: 2 }))).toBe('resync 0..9')
  })

  it('carries the proof of what it is', () => {
    expect(plan({ log: 8, durable: 7, history: OLD, image: 5 }, { retained: 3 })).toMatchObject({
      plan: { proof: { D: 5, R: 7, S: 3, H: 10 } },
    })
  })

  it('never keeps an entry that is not common, and never asks the log for one that it gave back', () => {
    const replicas = fc.record({
      log: fc.nat(12),
      back: fc.nat(12),
      image: fc.nat(12),
      base: fc.option(fc.nat(12)),
      unknown: fc.boolean(),
      history: fc.constantFrom(OLD, NEW),
    })
    const primaries = fc.record({
      retained: fc.integer({ min: 1, max: 10 }),
      commit: fc.integer({ min: 1, max: 10 }),
    })
    fc.assert(
      fc.property(replicas, primaries, ({ back, ...replica }, primary) => {
        const verdict = plan({ ...replica, durable: Math.max(0, replica.log - back) }, primary)
        if (verdict.kind !== 'plan') return
        const { plan: made } = verdict
        const common = replica.history === OLD ? 5 : 10
        if (made.kind === 'resync') {
          expect(made.base).toBeLessThanOrEqual(common)
          expect(made.base).toBeLessThanOrEqual(made.target)
          expect(made.target).toBeLessThanOrEqual(primary.commit)
          return
        }
        expect(made.dropAbove).toBeLessThanOrEqual(common)
        expect(made.dropAbove + 1).toBeGreaterThanOrEqual(primary.retained)
        expect(replica.image).toBeLessThanOrEqual(common)
        expect(replica.unknown || replica.base !== null).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })
})

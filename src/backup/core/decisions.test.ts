import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fateOf, type PackObject } from './collect-plan.ts'
import type { Run } from './manifest.ts'
import { packOfName } from './names.ts'
import { isHeldBy, planRuns } from './planning.ts'
import { areKeepRules, keptBackups } from './retention.ts'

const run = (level: number | null, records: number): Run => ({
  level,
  depth: 0,
  root: { pack: 'p', frame: 0, digest: new Uint8Array(32), firstBlock: 0, endBlock: 1, records },
})

describe('the runs of an increment', () => {
  /** Levels after `count` increments of `records` each on top of a full backup. */
  function chain(count: number, { full, records }: { full: number; records: number }) {
    let runs: readonly Run[] = [run(null, full)]
    let most = 0
    let written = 0
    for (let i = 0; i < count; i++) {
      const plan = planRuns(runs)
      expect([...plan.kept, ...plan.merged]).toEqual(runs)
      const merged = plan.merged.reduce((sum, { root }) => sum + root.records, 0)
      const size = plan.level === null ? full : merged + records
      written += size
      runs = [...plan.kept, run(plan.level, size)]
      most = Math.max(most, runs.length)
    }
    return { most, written }
  }

  it('stay few, and are written few times', () => {
    const { most, written } = chain(1000, { full: 1e6, records: 100 })
    expect(most).toBeLessThanOrEqual(16)
    expect(written / (1000 * 100)).toBeLessThan(6)
  })

  it('become one with the full one when they have half its records', () => {
    const { most, written } = chain(1000, { full: 1000, records: 50 })
    expect(most).toBeLessThan(9)
    expect(written / (1000 * 50)).toBeLessThan(6)
    expect(planRuns([])).toEqual({ kept: [], merged: [], level: null })
  })
})

describe('a base', () => {
  const history = [
    { epochId: 'a', firstLsn: 1 },
    { epochId: 'b', firstLsn: 100 },
  ]
  const image = { identity: { volume: 'v', epochId: 'b', lsn: 150 }, history }
  it.each([
    ['a', 1, true],
    ['a', 99, true],
    ['a', 100, false], // written in epoch a after the history went on with b
    ['b', 99, false],
    ['b', 100, true],
    ['b', 150, true],
    ['b', 151, false],
    ['c', 120, false],
  ])('of epoch %s at LSN %d', (epochId, lsn, isHeld) => {
    expect(isHeldBy(image, { epochId, lsn })).toBe(isHeld)
  })
})

describe('keep rules', () => {
  const at = (text: string) => ({ id: text, createdAt: `2026-${text}:00Z` })
  const now = Date.parse('2026-03-10T12:00:00Z')
  const kept = (texts: string[], rules: object, nowMs = now) =>
    [...keptBackups(texts.map(at), rules, nowMs)].sort()

  it('keep the last, whatever their age', () => {
    expect(kept(['01-01T00:00', '02-01T00:00', '03-01T00:00'], { last: 2 })).toEqual([
      '02-01T00:00',
      '03-01T00:00',
    ])
  })

  it('keep the newest of each hour, day, week and month that has one', () => {
    const all = [
      '03-10T11:00',
      '03-10T10:59',
      '03-10T10:01',
      '03-09T23:00',
      '03-08T23:00',
      '03-02T00:00',
      '02-28T00:00',
    ]
    expect(kept(all, { hourly: 2 })).toEqual(['03-10T10:59', '03-10T11:00'])
    expect(kept(all, { daily: 3 })).toEqual(['03-08T23:00', '03-09T23:00', '03-10T11:00'])
    // 2026-03-09 is a Monday
    expect(kept(all, { weekly: 2 })).toEqual(['03-08T23:00', '03-10T11:00'])
    expect(kept(all, { monthly: 12 })).toEqual(['02-28T00:00', '03-10T11:00'])
    expect(kept(all, { hourly: 1, monthly: 2 })).toEqual(['02-28T00:00', '03-10T11:00'])
  })

  it('keep what is dated behind now, which counts for none, and the newest in any case', () => {
    expect(kept(['03-10T10:00', '03-11T10:00'], { last: 1 })).toEqual(['03-10T10:00', '03-11T10:00'])
    expect(kept(['03-01T10:00', '03-02T10:00'], { last: 0 })).toEqual(['03-02T10:00'])
  })

  it('never keep fewer when they allow more', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: now - 400 * 86_400_000, max: now }), { maxLength: 60 }),
        fc.record({ last: fc.nat(5), daily: fc.nat(9), weekly: fc.nat(9), monthly: fc.nat(9) }),
        fc.constantFrom('last', 'daily', 'weekly', 'monthly'),
        (times, rules, more) => {
          const backups = times.map((ms, i) => ({ id: `${i}`, createdAt: new Date(ms).toISOString() }))
          const few = keptBackups(backups, rules, now)
          const many = keptBackups(backups, { ...rules, [more]: rules[more as 'last'] + 1 }, now)
          for (const id of few) expect(many.has(id)).toBe(true)
        },
      ),
    )
  })

  it('are counts of which one is above 0', () => {
    expect(areKeepRules({ last: 1 })).toBe(true)
    expect([{}, { last: 0 }, { last: -1, daily: 2 }, { weekly: 1.5 }].some(areKeepRules)).toBe(false)
  })
})

describe('the fate of a pack', () => {
  const base =
    'packs/11111111-2222-4333-8444-555555555555/20260131t120000z-0123abcd/000000000-000000063-00064-0000aaaa'
  const object = (name: string, modifiedMs = 0): PackObject => ({
    name,
    sizeBytes: 1,
    modifiedMs,
    pack: packOfName(name)!,
  })
  const old = object(base)
  const newer = object(`${base}.0001-00028-0000bbbb`)
  const rules = { isUnderWay: false, youngFromMs: 10 }
  const fate = (liveBlocks: number, objects = [old], change = {}) =>
    fateOf({ objects, liveBlocks, liveNodes: 0 }, { ...rules, ...change })

  it('follows from what uses it', () => {
    expect(fate(0)).toEqual({ kind: 'delete', objects: [old] })
    expect(fate(49)).toEqual({ kind: 'rewrite', objects: [old] })
    expect(fate(50)).toEqual({ kind: 'keep', superseded: [] })
    expect(fateOf({ objects: [old], liveBlocks: 60, liveNodes: 0 }, rules).kind).toBe('keep')
  })

  it('is to stay while it is young or its upload is under way', () => {
    expect(fate(0, [old], { isUnderWay: true }).kind).toBe('keep')
    expect(fate(0, [object(base, 11)]).kind).toBe('keep')
    expect(fate(0, [object(base, 10)]).kind).toBe('delete')
  })

  it('of one that was written anew counts by what it has now, and the older generation goes', () => {
    expect(fate(20, [old, newer])).toEqual({ kind: 'keep', superseded: [old] })
    expect(fate(19, [old, newer])).toEqual({ kind: 'rewrite', objects: [old, newer] })
  })
})

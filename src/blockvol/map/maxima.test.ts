import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { realDisk, useScratch } from '../../../test/blockvol/scratch.ts'
import { idleClock } from '../../../test/sim/clock.ts'
import type { DiskFile } from '../../base/ports/disk.ts'
import { MAXIMA_SECTOR_BYTES, SECTOR_GRAINS } from '../format/maxima-sector.ts'
import { GrainMaxima } from './maxima.ts'

const ANY_LSN = 1_000_000

describe('the maxima of the grains', () => {
  const scratch = useScratch()
  let file: DiskFile
  beforeEach(async () => {
    file = await realDisk.open(scratch.next(), { create: 'new' })
  })
  afterEach(() => file.close())

  const open = (): Promise<GrainMaxima> => GrainMaxima.open(file, 256, idleClock())

  it('are never below what was raised, through syncs and reopenings', async () => {
    const grains = fc.oneof(fc.nat(130), fc.nat(2 ** 20 - 1))
    const steps = fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.record({ grain: grains, lsn: fc.integer({ min: 1, max: 5000 }) }) },
        { weight: 1, arbitrary: fc.constantFrom('sync' as const, 'reopen' as const) },
      ),
      { maxLength: 80, size: 'max' },
    )
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        await file.truncate(0)
        const naive = new Map<number, number>()
        let maxima = await open()
        for (const step of list) {
          if (step === 'sync' || step === 'reopen') {
            await maxima.sync()
            if (step === 'reopen') maxima = await open()
          } else {
            await maxima.raise(step.grain, step.lsn)
            naive.set(step.grain, Math.max(step.lsn, naive.get(step.grain) ?? 0))
          }
        }
        for (const [grain, lsn] of naive) expect(await maxima.get(grain)).toBe(lsn)
        expect(await maxima.nextTouched(0, 2 ** 20)).toBe(Math.min(2 ** 20, ...naive.keys()))
      }),
      { numRuns: 60 },
    )
  })

  it('are not forgotten when more of them changed than the cache holds', async () => {
    const sectors = 1300
    const first = await open()
    for (let s = 0; s < sectors; s++) await first.raise(s * SECTOR_GRAINS, 5)
    await first.sync()
    const second = await open()
    for (let s = 0; s < sectors; s++) await second.raise(s * SECTOR_GRAINS + 1, 7)
    await second.sync()
    const third = await open()
    for (let s = 0; s < sectors; s++) {
      const [a, b] = [await third.get(s * SECTOR_GRAINS), await third.get(s * SECTOR_GRAINS + 1)]
      if (a !== 5 || b !== 7) expect.fail(`sector ${s} has ${a} and ${b}, expected 5 and 7`)
    }
  })

  it('stay in memory within a bound: looking at all of a large volume keeps no more than the cache', async () => {
    const first = await open()
    for (let s = 0; s < 4000; s += 8) await first.raise(s * SECTOR_GRAINS, 5)
    await first.sync()
    const second = await open()
    for (let s = 0; s < 4000; s++) await second.get(s * SECTOR_GRAINS)
    let held = 0
    for (let s = 0; s < 4000; s++) if (second.getNow(s * SECTOR_GRAINS) !== undefined) held++
    expect(held).toBeLessThan(1100)
  })

  it('find the next touched grain across sectors, also before it is on the disk', async () => {
    const maxima = await open()
    expect(await maxima.nextTouched(0, 1000)).toBe(1000)
    await maxima.raise(700, 3)
    await maxima.raise(20, 3)
    expect(await maxima.nextTouched(0, 1000)).toBe(20)
    expect(await maxima.nextTouched(21, 1000)).toBe(700)
    expect(await maxima.nextTouched(21, 700)).toBe(700)
    await maxima.sync()
    const again = await open()
    expect(await again.nextTouched(21, 1000)).toBe(700)
    expect(await again.nextTouched(701, 1000)).toBe(1000)
  })

  it('are written only where they rose', async () => {
    const maxima = await open()
    await maxima.raise(0, 10)
    await maxima.raise(SECTOR_GRAINS, 10)
    expect(await maxima.sync()).toBe(2 * MAXIMA_SECTOR_BYTES)
    expect(await maxima.sync()).toBe(0)
    await maxima.raise(0, 9)
    expect(await maxima.sync()).toBe(0)
    expect(await maxima.get(0)).toBe(10)
  })

  it('of a damaged sector are too high rather than too low, and the others as they were', async () => {
    const maxima = await open()
    await maxima.raise(0, 10)
    await maxima.raise(SECTOR_GRAINS, 11)
    await maxima.sync()
    await file.write([Uint8Array.of(0xff)], 100)
    const again = await open()
    for (const grain of [0, 1, SECTOR_GRAINS - 1]) expect(await again.get(grain)).toBeGreaterThan(ANY_LSN)
    expect(await again.get(SECTOR_GRAINS)).toBe(11)
  })
})

import { describe, expect, it } from 'vitest'
import { EndlessAccess, LOADS } from './access.ts'

describe('an endless load', () => {
  it.each(['read', 'write'] as const)('%s goes over all units in order, again and again', (kind) => {
    const access = new EndlessAccess(kind, 3, 1)
    expect(Array.from({ length: 7 }, () => access.next())).toEqual([0, 1, 2, 0, 1, 2, 0])
    expect(access.isWrite).toBe(kind === 'write')
  })

  it.each(LOADS)('%s stays on the device, of one unit or of 2^52', (kind) => {
    for (const units of [1, 2, 2 ** 52]) {
      const access = new EndlessAccess(kind, units, 7)
      for (let i = 0; i < 1000; i++) {
        const unit = access.next()
        expect(Number.isSafeInteger(unit)).toBe(true)
        expect(unit).toBeGreaterThanOrEqual(0)
        expect(unit).toBeLessThan(units)
      }
    }
  })

  it('spreads random operations evenly, seven reads to three writes when mixed', () => {
    const access = new EndlessAccess('mixed', 4, 42)
    const hits = [0, 0, 0, 0]
    let writes = 0
    for (let i = 0; i < 10_000; i++) {
      hits[access.next()]!++
      if (access.isWrite) writes++
    }
    for (const count of hits) expect(Math.abs(count - 2500)).toBeLessThan(250)
    expect(Math.abs(writes - 3000)).toBeLessThan(250)
  })

  it('repeats itself for a seed, 0 included', () => {
    for (const seed of [0, 1, 0xffff_ffff]) {
      const [a, b] = [new EndlessAccess('mixed', 1000, seed), new EndlessAccess('mixed', 1000, seed)]
      for (let i = 0; i < 100; i++) expect(a.next()).toBe(b.next())
    }
  })
})

import { describe, expect, it } from 'vitest'
import { RealRandom } from './random.ts'

describe('RealRandom', () => {
  const random = new RealRandom()

  it('gives bytes of any number, different each time', () => {
    expect(random.bytes(0).byteLength).toBe(0)
    expect(random.bytes(16)).not.toEqual(random.bytes(16))
  })

  it('gives 64-bit values over the whole range, never 0', () => {
    const values = Array.from({ length: 1000 }, () => random.u64())
    expect(new Set(values).size).toBe(1000)
    for (const value of values) {
      expect(value).toBeGreaterThan(0n)
      expect(value).toBeLessThan(2n ** 64n)
    }
    expect(values.some((value) => value >= 2n ** 63n)).toBe(true)
  })

  it('gives every integer below the limit and no other', () => {
    const seen = new Set(Array.from({ length: 1000 }, () => random.integer(5)))
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4])
    expect(random.integer(1)).toBe(0)
    expect(random.integer(2 ** 47)).toBeLessThan(2 ** 47)
  })
})

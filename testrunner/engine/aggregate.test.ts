import fc from 'fast-check'
import { expect, it } from 'vitest'
import { aggregated, trimCount } from './aggregate.ts'

const rule = (aggregate: 'mean' | 'median' | 'none', trimPercent = 0) => ({ aggregate, trimPercent })

it('takes the median of an even and of an odd count', () => {
  expect(aggregated([4, 1, 3], rule('median'))).toBe(3)
  expect(aggregated([4, 1, 3, 2], rule('median'))).toBe(2.5)
})

it('leaves out the share of all at each end', () => {
  expect(aggregated([100, 1, 2, 3, -100], rule('mean', 20))).toBe(2)
  expect(trimCount(4, 20)).toBe(0)
  expect(trimCount(100, 49)).toBe(49)
})

it('takes the last of what is no number, and of numbers when told none', () => {
  expect(aggregated(['a', 'b'], rule('mean'))).toBe('b')
  expect(aggregated([1, 'b', 3], rule('mean'))).toBe(3)
  expect(aggregated([1, 2], rule('none'))).toBe(2)
})

it('goes into maps, not into lists', () => {
  const rounds = [
    { a: 1, deep: { b: 2, c: 'x' }, list: [1], only: 1 },
    { a: 3, deep: { b: 4, c: 'y' }, list: [2] },
  ]
  expect(aggregated(rounds, rule('mean'))).toEqual({ a: 2, deep: { b: 3, c: 'y' }, list: [2] })
})

it('is always between the least and the greatest', () => {
  const numbers = fc.array(fc.integer(), { minLength: 1, maxLength: 100 })
  fc.assert(
    fc.property(
      numbers,
      fc.integer({ min: 0, max: 49 }),
      fc.constantFrom('mean', 'median'),
      (all, trim, how) => {
        const value = aggregated(all, rule(how as 'mean', trim)) as number
        expect(value).toBeGreaterThanOrEqual(Math.min(...all) - 1e-6)
        expect(value).toBeLessThanOrEqual(Math.max(...all) + 1e-6)
      },
    ),
  )
})

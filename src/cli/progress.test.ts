import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatSeconds, Pace, renderBar, renderPlain } from './progress.ts'

describe('progress', () => {
  it('never is wider than the terminal, whatever the numbers', () => {
    const numbers = fc.integer({ min: 0, max: 2 ** 50 })
    fc.assert(
      fc.property(
        numbers,
        numbers,
        fc.constantFrom('bytes', 'volumes', 'steps'),
        fc.integer({ min: 1, max: 200 }),
        fc.option(fc.double({ min: 1e-3, max: 1e12, noNaN: true }), { nil: undefined }),
        (done, total, unit, width, rate) => {
          const text = renderBar('drain (moving)', { done, total, unit }, { rate, width })
          expect(text.length).toBeLessThanOrEqual(Math.max(1, width - 1))
          expect(renderPlain('x', { done, total, unit }, rate)).toMatch(/^x: (100|\d?\d)% /)
        },
      ),
    )
  })

  it('stands at 0 while nothing is known', () => {
    expect(renderPlain('x', { done: 0, total: 0, unit: 'steps' }, undefined)).toBe('x: 0% 0 of 0 steps')
    expect(renderPlain('x', { done: 0, total: 1, unit: 'bytes' }, undefined)).toBe('x: 0% 0B')
  })

  it('has a pace once there is work to judge by, and another one when work begins again', () => {
    const pace = new Pace()
    expect(pace.rate(100, 0)).toBeUndefined()
    expect(pace.rate(150, 100)).toBeUndefined()
    expect(pace.rate(300, 2000)).toBe(100)
    expect(pace.rate(10, 3000)).toBeUndefined()
    expect(pace.rate(20, 4000)).toBe(10)
  })

  it.each([
    [0.2, '1 s'],
    [89, '89 s'],
    [600, '10 min'],
    [3 * 3600 + 300, '3 h 5 min'],
    [80 * 3600, '3 d 8 h'],
  ])('says %d seconds as %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text))
})

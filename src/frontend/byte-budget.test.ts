import { describe, expect, it } from 'vitest'
import { ByteBudget } from './byte-budget.ts'

describe('a byte budget', () => {
  it('lets more in than it has only alone', () => {
    const budget = new ByteBudget(100)
    expect(budget.reserve(150)).toBe(true)
    expect(budget.reserve(1)).toBe(false)
    budget.release(150)
    expect([budget.reserve(60), budget.reserve(40), budget.reserve(1)]).toEqual([true, true, false])
    expect(budget.usedBytes).toBe(100)
  })

  it('wakes those who wait, in turn, as long as there is room', () => {
    const budget = new ByteBudget(100)
    const woken: string[] = []
    budget.reserve(100)
    for (const name of ['a', 'b', 'c']) {
      budget.whenFree(() => {
        woken.push(name)
        if (name !== 'c') budget.reserve(50)
      })
    }
    budget.release(100)
    expect(woken).toEqual(['a', 'b'])
    budget.release(50)
    expect(woken).toEqual(['a', 'b', 'c'])
    budget.release(50)
    expect(woken).toHaveLength(3)
  })

  it('forgets those who left', () => {
    const budget = new ByteBudget(10)
    const listener = (): void => {
      throw new Error('told')
    }
    budget.reserve(10)
    budget.whenFree(listener)
    budget.forget(listener)
    budget.release(10)
  })
})

import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../test/e2e/iscsi/manual-clock.ts'
import { hostOf, LoginLimiter } from './login-limiter.ts'

const limits = { burst: 4, perSecond: 2, failureCost: 3, addressesMax: 2 }

describe('the login limiter', () => {
  it('lets a burst through, then a rate, for each address', () => {
    const clock = new ManualClock()
    const limiter = new LoginLimiter({ clock, limits })
    const tries = (count: number): boolean[] => Array.from({ length: count }, () => limiter.admit('a'))
    expect(tries(5)).toEqual([true, true, true, true, false])
    expect(limiter.admit('b')).toBe(true)
    clock.advance(500)
    expect(tries(2)).toEqual([true, false])
    clock.advance(60_000)
    expect(tries(5)).toEqual([true, true, true, true, false])
  })

  it('makes failures expensive, and forgives them in time', () => {
    const clock = new ManualClock()
    const limiter = new LoginLimiter({ clock, limits })
    limiter.admit('a')
    limiter.failed('a')
    limiter.failed('a')
    clock.advance(1500)
    expect(limiter.admit('a')).toBe(false)
    for (let i = 0; i < 100; i++) limiter.failed('a')
    clock.advance(4000)
    expect(limiter.admit('a')).toBe(true)
  })

  it('remembers a bounded number of addresses, those used last', () => {
    const limiter = new LoginLimiter({ clock: new ManualClock(), limits })
    for (let i = 0; i < 4; i++) limiter.admit('a')
    limiter.admit('b')
    limiter.admit('a')
    limiter.admit('c')
    expect(limiter.admit('a')).toBe(false)
  })
})

it('the host of an address is what stands before its port', () => {
  expect([hostOf('10.0.0.1:3260'), hostOf('[fd00::1]:3260')]).toEqual(['10.0.0.1', '[fd00::1]'])
})

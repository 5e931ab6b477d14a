import { describe, expect, test } from 'vitest'
import { harmScript, netemOptions } from './netem.ts'

const NONE = { delayMs: 0, jitterMs: 0, lossPercent: 0, bytesPerSecond: null }

describe('an impairment', () => {
  test.each([
    [{ delayMs: 50 }, 'delay 50ms 0ms limit 20000'],
    [{ delayMs: 50, jitterMs: 10, lossPercent: 2.5 }, 'delay 50ms 10ms loss 2.5% limit 20000'],
    [{ bytesPerSecond: 125_000 }, 'rate 1000000bit limit 20000'],
  ])('%j is told to netem', (wish, options) => {
    expect(netemOptions({ ...NONE, ...wish })).toBe(options)
  })

  test('packets to and from peers are meant, of either protocol', () => {
    const script = harmScript('10.0.0.1', ['10.0.0.2', 'fd00::2'], { ...NONE, lossPercent: 1 })
    expect(script).toContain('parent 1: protocol ip u32 match ip dst 10.0.0.2/32 flowid 1:4')
    expect(script).toContain(
      'parent ffff: protocol ipv6 u32 match ip6 src fd00::2/128 action mirred egress redirect',
    )
  })
})

import { describe, expect, it } from 'vitest'
import { netemArguments } from './netem.ts'

describe('arguments of netem', () => {
  it('say what there is, and nothing of what there is not', () => {
    const sound = { delayMs: 0, jitterMs: 0, lossPercent: 0, bytesPerSecond: null }
    expect(netemArguments({ ...sound, delayMs: 20 }).join(' ')).toBe('netem limit 100000 delay 20ms')
    expect(
      netemArguments({ delayMs: 20, jitterMs: 5, lossPercent: 1.5, bytesPerSecond: 125_000 }).join(' '),
    ).toBe('netem limit 100000 delay 20ms 5ms loss 1.5% rate 1000000bit')
  })
})

import { describe, expect, it } from 'vitest'
import { etaMs } from './progress.ts'
import { ResyncSlots } from './slots.ts'

describe('places for resyncs', () => {
  it('are as many as there are, each taken once and given back', () => {
    const slots = new ResyncSlots()
    expect([slots.take('a'), slots.take('b'), slots.take('c'), slots.take('a')]).toEqual([
      true,
      true,
      false,
      true,
    ])
    slots.release('a')
    slots.release('a')
    expect([slots.free, slots.take('c'), slots.take('d')]).toEqual([1, true, false])
  })
})

describe('the time that a resync still takes', () => {
  it('follows from the pace so far', () => {
    const at = (scannedBlocks: number) => ({ scannedBlocks, sizeBlocks: 100, startedMs: 1000 })
    expect(etaMs(at(0), 3000)).toBeUndefined()
    expect(etaMs(at(25), 3000)).toBe(6000)
    expect(etaMs(at(100), 3000)).toBe(0)
  })
})

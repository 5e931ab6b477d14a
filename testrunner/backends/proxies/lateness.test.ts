import { describe, expect, it } from 'vitest'
import type { Random } from '../../../src/base/ports/random.ts'
import type { Impairment } from '../backend.ts'
import { Lateness } from './lateness.ts'
import { LinkRules } from './link-rules.ts'

/** Every chance is `share` of what it may be. */
const always = (share: number): Random => ({
  bytes: (lengthBytes) => new Uint8Array(lengthBytes),
  u64: () => 1n,
  integer: (limit) => Math.floor(limit * share),
})

function latenessOf(machine: string, impairment: Partial<Impairment>, share = 0.5) {
  const rules = new LinkRules()
  rules.impair(machine, { delayMs: 0, jitterMs: 0, lossPercent: 0, bytesPerSecond: null, ...impairment })
  return new Lateness(rules, always(share))
}

describe('lateness', () => {
  it('is none where nothing is impaired, and from a machine to itself', () => {
    const lateness = latenessOf('s1', { delayMs: 10 })
    expect(lateness.arrivalMs('s2', 's3', 100, 7)).toBe(7)
    expect(lateness.arrivalMs('s1', 's1', 100, 7)).toBe(7)
  })

  it('is the same from an impaired machine and to it', () => {
    const lateness = latenessOf('s1', { delayMs: 10 })
    expect(lateness.arrivalMs('s1', 's2', 100, 5)).toBe(15)
    expect(lateness.arrivalMs('s2', 's1', 100, 5)).toBe(15)
  })

  it('varies by the jitter, and is never before the sending', () => {
    expect(latenessOf('s1', { delayMs: 10, jitterMs: 4 }, 0.75).arrivalMs('s1', 's2', 1, 0)).toBe(12)
    expect(latenessOf('s1', { delayMs: 1, jitterMs: 4 }, 0).arrivalMs('s1', 's2', 1, 0)).toBe(0)
  })

  it('makes a lost chunk late by a retransmission', () => {
    const lateness = latenessOf('s1', { delayMs: 10, lossPercent: 51 })
    expect(lateness.arrivalMs('s1', 's2', 1, 0)).toBe(10 + 200 + 20)
    expect(latenessOf('s1', { lossPercent: 50 }).arrivalMs('s1', 's2', 1, 0)).toBe(0)
  })

  it('lets connections of a machine wait for each other at a limited rate', () => {
    const lateness = latenessOf('s1', { bytesPerSecond: 1000 })
    expect(lateness.arrivalMs('s1', 's2', 100, 0)).toBe(100)
    expect(lateness.arrivalMs('s1', 's3', 100, 0)).toBe(200)
    expect(lateness.arrivalMs('s2', 's1', 100, 0)).toBe(100)
    expect(lateness.arrivalMs('s1', 's2', 100, 1000)).toBe(1100)
  })
})

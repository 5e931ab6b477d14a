import { beforeEach, describe, expect, it } from 'vitest'
import { KIB, MIB } from '../../base/units.ts'
import { FLOOR_BYTES_PER_SECOND, ResyncPacer } from './pacer.ts'

const FRAME = 256 * KIB

describe('the pace of a resync', () => {
  let nowMs: number
  let pacer: ResyncPacer
  beforeEach(() => {
    nowMs = 1000
    pacer = new ResyncPacer(nowMs)
  })

  /** Sends as much as it may for so long, while hosts' commands take `latencyMs`; returns bytes a second. */
  function send(ms: number, latencyMs: number | undefined): number {
    const endMs = nowMs + ms
    let bytes = 0
    while (nowMs < endMs) {
      const waitMs = pacer.take(FRAME, nowMs)
      if (waitMs === 0) bytes += FRAME
      else nowMs += waitMs
      if (latencyMs !== undefined) pacer.latency(latencyMs, nowMs)
    }
    return (bytes / ms) * 1000
  }
  function rest(ms: number, latencyMs: number): void {
    for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 10) pacer.latency(latencyMs, nowMs)
  }

  it('is kept', () => {
    const before = pacer.bytesPerSecond
    expect(send(400, undefined)).toBeLessThan(before * 1.3)
    expect(send(400, undefined)).toBeGreaterThan(before * 0.9)
  })

  it('grows as long as hosts notice nothing', () => {
    rest(2000, 1)
    const before = pacer.bytesPerSecond
    send(5000, 3.9)
    expect(pacer.bytesPerSecond).toBeGreaterThan(4 * before)
  })

  it('is halved when their commands take clearly longer, down to a floor, and grows again', () => {
    rest(2000, 1)
    const before = pacer.bytesPerSecond
    send(1000, 4.2)
    expect(pacer.bytesPerSecond).toBeLessThan(before)
    send(10_000, 50)
    expect(pacer.bytesPerSecond).toBe(FLOOR_BYTES_PER_SECOND)
    expect(send(2000, 50)).toBeGreaterThan(3.5 * MIB)
    send(3000, 1)
    expect(pacer.bytesPerSecond).toBeGreaterThan(2 * FLOOR_BYTES_PER_SECOND)
  })

  it('lets a frame through that is longer than what may be saved up', () => {
    expect(pacer.take(64 * MIB, nowMs + 1000)).toBe(0)
    expect(pacer.take(FRAME, nowMs + 1001)).toBeGreaterThan(500)
  })
})

import { describe, expect, it } from 'vitest'
import { alignUp, BLOCK_BYTES, KIB, MIB } from '../../base/units.ts'
import { LogRoom } from './log-room.ts'

describe('the room of the log', () => {
  it('leaves trims room behind content, and bookkeeping behind trims, in a ring of any size', () => {
    for (
      let ringBytes = 64 * KIB;
      ringBytes <= 256 * MIB;
      ringBytes = alignUp(ringBytes * 1.3, BLOCK_BYTES)
    ) {
      for (const hardWatermark of [0.5, 0.95, 1]) {
        const room = new LogRoom(ringBytes, hardWatermark)
        const [content, trim, bookkeeping] = (['content', 'trim', 'bookkeeping'] as const).map((reach) =>
          room.limitBytes(reach),
        )
        expect(trim! - content!).toBeGreaterThanOrEqual(2 * BLOCK_BYTES)
        expect(bookkeeping! - trim!).toBeGreaterThanOrEqual(2 * BLOCK_BYTES)
        expect(bookkeeping).toBe(ringBytes)
        expect(content).toBeGreaterThanOrEqual(ringBytes * Math.min(hardWatermark, 0.75))
      }
    }
  })
})

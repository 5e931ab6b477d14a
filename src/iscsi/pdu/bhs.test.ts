import { describe, expect, it } from 'vitest'
import { lunField, lunNumber } from './bhs.ts'
import { senseOf, senseSegment } from './scsi-response.ts'

describe('LUN field', () => {
  it.each([0, 1, 255, 256, 16383])('keeps logical unit %d', (number) => {
    expect(lunNumber(lunField(number))).toBe(number)
  })

  it.each([
    ['a second level', 0x0001_0001_0000_0000n],
    ['a bus', 0x0101_0000_0000_0000n],
    ['extended addressing', 0xc101_0000_0000_0000n],
    ['logical unit addressing', 0x8001_0000_0000_0000n],
  ])('has no number for %s', (_, field) => {
    expect(lunNumber(field)).toBe(-1)
  })
})

describe('sense data segment', () => {
  it('reads what it writes', () => {
    expect(senseOf(senseSegment(Uint8Array.of(0x70, 0, 5)))).toEqual(Uint8Array.of(0x70, 0, 5))
  })

  it.each([[[]], [[0]], [[0, 4, 1, 2, 3]]])('finds nothing in %j', (bytes) => {
    expect(senseOf(Uint8Array.from(bytes))).toHaveLength(0)
  })
})

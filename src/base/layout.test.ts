import { describe, expect, it } from 'vitest'
import { bytes, layout, u8, u16, u32, u64, zero } from './layout.ts'

describe('layout', () => {
  it('accepts fields that fill the structure and gives their offsets', () => {
    const header = layout('Header', 24, {
      magic: u32(0),
      kind: u8(4),
      pad: zero(5, 3),
      lsn: u64(8),
      id: bytes(16, 8),
    })
    expect(header.at).toEqual({ magic: 0, kind: 4, pad: 5, lsn: 8, id: 16 })
  })

  it('throws on a gap, an overlap and a wrong total', () => {
    expect(() => layout('Gap', 8, { a: u16(0), b: u32(4) })).toThrow(/b is at 4, expected 2/)
    expect(() => layout('Overlap', 8, { a: u32(0), b: u32(2) })).toThrow(/b is at 2, expected 4/)
    expect(() => layout('Total', 9, { a: u32(0), b: u32(4) })).toThrow(/fields end at 8, declared 9/)
  })

  it('sees padding that is not zero', () => {
    const header = layout('Header', 4, { a: u8(0), pad: zero(1, 3) })
    expect(header.isPaddingZero(Uint8Array.of(9, 0, 1, 0, 0), 1)).toBe(false)
    expect(header.isPaddingZero(Uint8Array.of(9, 1, 0, 0, 0, 0).subarray(1))).toBe(true)
    expect(header.isPaddingZero(Uint8Array.of(9, 0, 0, 0))).toBe(true)
  })
})

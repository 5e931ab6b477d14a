import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c, crc32cOfRange, crc32cOfWord } from './crc32c.ts'

describe('crc32c', () => {
  // RFC 3720 appendix B.4, as the 32-bit value whose little-endian bytes the RFC prints
  it.each([
    ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 bytes rising', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['32 bytes falling', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ])('%s', (_, input, expected) => {
    expect(crc32c(input)).toBe(expected)
  })

  it('is the same for short and long input, in pieces and whole', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 700 }), fc.nat(700), (input, cut) => {
        const at = Math.min(cut, input.length)
        const whole = crc32cOfRange(input, 0, input.length)
        expect(crc32c(input)).toBe(whole)
        expect(crc32c(input.subarray(at), crc32c(input.subarray(0, at)))).toBe(whole)
      }),
    )
  })

  it('of a word is that of its four bytes', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), (word, seed) => {
        const four = new Uint8Array(new Uint32Array([word]).buffer)
        expect(crc32cOfWord(word, seed)).toBe(crc32c(four, seed))
      }),
    )
  })
})

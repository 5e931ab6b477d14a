import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeText, KEY_BYTES_MAX, parseText, TEXT_BYTES_MAX, TextCollector } from './pairs.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const key = fc.stringMatching(/^[A-Z][A-Za-z0-9.\-+@_]{0,62}$/)
const value = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((text) => !text.includes('\0'))
const pairs = fc.array(fc.record({ key, value }), { maxLength: 12 })

describe('text pairs', () => {
  it('round-trip', () => {
    fc.assert(
      fc.property(pairs, (list) => {
        expect(parseText(encodeText(list))).toEqual({ ok: true, pairs: list })
      }),
    )
  })

  it('are the same however the C bit cuts the text', () => {
    fc.assert(
      fc.property(pairs, fc.array(fc.nat()), (list, cuts) => {
        const text = encodeText(list)
        const ends = [...new Set(cuts.map((cut) => cut % (text.byteLength + 1)))].sort((a, b) => a - b)
        const collector = new TextCollector(1 << 20)
        let start = 0
        for (const end of ends) {
          expect(collector.push(text.subarray(start, end), true)).toBeUndefined()
          start = end
        }
        expect(collector.push(text.subarray(start), false)).toEqual({ ok: true, pairs: list })
        expect(collector.open).toBe(false)
      }),
    )
  })

  it('never throw on any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (any) => void parseText(any)))
  })

  it('may have more than one NUL between them, and = in the value', () => {
    const verdict = parseText(bytes('TargetAlias=a=b\0\0\0X-com.example.k=\0'))
    expect(verdict).toEqual({
      ok: true,
      pairs: [
        { key: 'TargetAlias', value: 'a=b' },
        { key: 'X-com.example.k', value: '' },
      ],
    })
  })

  it.each([
    ['a missing last NUL', 'A=b'],
    ['no =', 'Alone\0'],
    ['= only in the next pair', 'Alone\0A=b\0'],
    ['an empty key', '=b\0'],
    ['a space in a key', 'A B=c\0'],
    ['a key of 64 bytes', `${'K'.repeat(KEY_BYTES_MAX + 1)}=v\0`],
    ['a value that is not UTF-8', 'A=\xff\xfe\0'],
  ])('are refused with %s', (_name, text) => {
    expect(parseText(bytes(text)).ok).toBe(false)
  })

  it('take a key of 63 bytes', () => {
    expect(parseText(bytes(`${'K'.repeat(KEY_BYTES_MAX)}=v\0`)).ok).toBe(true)
  })

  it('are bounded in sum, also when the C bit never ends', () => {
    const collector = new TextCollector()
    const part = new Uint8Array(TEXT_BYTES_MAX / 2)
    expect(collector.push(part, true)).toBeUndefined()
    expect(collector.push(part, true)).toBeUndefined()
    expect(collector.push(bytes('A'), true)?.ok).toBe(false)
    expect(collector.open).toBe(false)
    expect(collector.push(bytes('A=b\0'), false)?.ok).toBe(true)
  })
})

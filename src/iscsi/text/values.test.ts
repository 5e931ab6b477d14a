import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatBinary, parseBinary, parseBoolean, parseList, parseNumber } from './values.ts'

describe('text values', () => {
  it.each([
    ['0', 0],
    ['262144', 262144],
    ['0x1F', 31],
    ['0X00ff', 255],
    ['9007199254740991', 2 ** 53 - 1],
  ])('number %s', (text, value) => expect(parseNumber(text)).toBe(value))

  it.each(['', '-1', '+1', '01', '1.0', '1e3', ' 1', '0x', '0xg', '9007199254740992', '0x20000000000000'])(
    'no number %j',
    (text) => expect(parseNumber(text)).toBeUndefined(),
  )

  it('booleans are Yes and No, in this case only', () => {
    expect([parseBoolean('Yes'), parseBoolean('No'), parseBoolean('yes'), parseBoolean('1')]).toEqual([
      true,
      false,
      undefined,
      undefined,
    ])
  })

  it('lists keep their order and have no empty items', () => {
    expect(parseList('CRC32C,None')).toEqual(['CRC32C', 'None'])
    expect(parseList('CRC32C,')).toBeUndefined()
    expect(parseList('')).toBeUndefined()
  })

  it('binary values round-trip in hexadecimal and base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (any) => {
        expect(parseBinary(formatBinary(any), 64)).toEqual(Buffer.from(any))
        expect(parseBinary(`0b${Buffer.from(any).toString('base64')}`, 64)).toEqual(Buffer.from(any))
      }),
    )
  })

  it('binary values are bounded and well formed', () => {
    expect(parseBinary('0xabc', 2)).toEqual(Buffer.from([0x0a, 0xbc]))
    expect(parseBinary('0x001122', 2)).toBeUndefined()
    expect(parseBinary('0bAAAA', 2)).toBeUndefined()
    for (const text of ['', '0x', '0xzz', '0b', '0bA', '0bA===', 'abcd', '0cAAAA']) {
      expect(parseBinary(text, 16)).toBeUndefined()
    }
  })
})

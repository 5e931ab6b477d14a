/**
 * Distinguished encoding (ITU-T X.690 §8 to §11) of the few ASN.1 types that a certificate is made of. Writing only:
 * certificates are read by node:crypto. This is smaller than the libraries that can do it, each of which brings a
 * dozen packages into what holds the cluster's keys.
 */

const encode = (tag: number, content: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(tag), lengthOf(content.byteLength), content])

function lengthOf(lengthBytes: number): Uint8Array {
  if (lengthBytes < 0x80) return Uint8Array.of(lengthBytes)
  const bytes: number[] = []
  for (let rest = lengthBytes; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff)
  return Uint8Array.of(0x80 | bytes.length, ...bytes)
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => encode(0x30, Buffer.concat(parts))
export const set = (...parts: readonly Uint8Array[]): Buffer => encode(0x31, Buffer.concat(parts))
export const boolean = (value: boolean): Buffer => encode(0x01, Uint8Array.of(value ? 0xff : 0x00))
export const octetString = (content: Uint8Array): Buffer => encode(0x04, content)
export const utf8String = (text: string): Buffer => encode(0x0c, Buffer.from(text, 'utf8'))

/** A positive integer, big-endian. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.byteLength - 1 && bytes[start] === 0) start++
  const digits = bytes.subarray(start)
  const needsSign = (digits[0] ?? 0) >= 0x80
  return encode(0x02, needsSign ? Buffer.concat([Uint8Array.of(0), digits]) : digits)
}

/** `unusedBits`: of the last byte. */
export const bitString = (content: Uint8Array, unusedBits = 0): Buffer =>
  encode(0x03, Buffer.concat([Uint8Array.of(unusedBits), content]))

/** An object identifier in its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes: number[] = []
  for (const arc of [40 * first + second, ...rest]) {
    const digits = [arc & 0x7f]
    for (let high = arc >>> 7; high > 0; high >>>= 7) digits.unshift(0x80 | (high & 0x7f))
    bytes.push(...digits)
  }
  return encode(0x06, Uint8Array.from(bytes))
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on. Whole seconds. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '')
  return date.getUTCFullYear() < 2050
    ? encode(0x17, Buffer.from(digits.slice(2), 'ascii'))
    : encode(0x18, Buffer.from(digits, 'ascii'))
}

/** `[number]` around what is encoded by itself. */
export const explicit = (number: number, content: Uint8Array): Buffer => encode(0xa0 | number, content)
/** `[number]` in the place of a primitive type's own tag. */
export const implicit = (number: number, content: Uint8Array): Buffer => encode(0x80 | number, content)

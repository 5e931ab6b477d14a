/**
 * The little of DER (ITU-T X.690) that keys of Diffie-Hellman need: node:crypto takes private and public values of a
 * given group only as PKCS #8 and SubjectPublicKeyInfo (PKCS #3 parameters). Its older interface takes plain numbers,
 * and spends seconds on each object to see that the prime is one.
 */
import { assert } from '../../base/assert.ts'

const TAG = { INTEGER: 0x02, BIT_STRING: 0x03, OCTET_STRING: 0x04, SEQUENCE: 0x30 } as const
/** 1.2.840.113549.1.3.1, dhKeyAgreement, as a whole element. */
const DH_KEY_AGREEMENT = Uint8Array.from(Buffer.from('06092a864886f70d010301', 'hex'))
const VERSION_0 = Uint8Array.of(0)
const NO_UNUSED_BITS = Uint8Array.of(0)

/** A group: its prime and generator, big-endian. */
export interface DhParameters {
  readonly prime: Uint8Array
  readonly generator: Uint8Array
}

export const privateKeyDer = (parameters: DhParameters, value: Uint8Array): Buffer =>
  element(TAG.SEQUENCE, integer(VERSION_0), algorithm(parameters), element(TAG.OCTET_STRING, integer(value)))

export const publicKeyDer = (parameters: DhParameters, value: Uint8Array): Buffer =>
  element(TAG.SEQUENCE, algorithm(parameters), element(TAG.BIT_STRING, NO_UNUSED_BITS, integer(value)))

/** The public value of a key that node:crypto exported, without leading zeros. */
export function publicValueOf(der: Uint8Array): Uint8Array {
  const whole = read(der, 0, TAG.SEQUENCE)
  const parameters = read(der, whole.start, TAG.SEQUENCE)
  const bits = read(der, parameters.end, TAG.BIT_STRING)
  const value = read(der, bits.start + NO_UNUSED_BITS.byteLength, TAG.INTEGER)
  return withoutZeros(der.subarray(value.start, value.end))
}

const algorithm = ({ prime, generator }: DhParameters): Uint8Array =>
  element(TAG.SEQUENCE, DH_KEY_AGREEMENT, element(TAG.SEQUENCE, integer(prime), integer(generator)))

/** An INTEGER has a sign: a zero goes before a value whose first bit is set. */
function integer(value: Uint8Array): Buffer {
  const digits = withoutZeros(value)
  return ((digits[0] ?? 0) & 0x80) === 0
    ? element(TAG.INTEGER, digits)
    : element(TAG.INTEGER, Uint8Array.of(0), digits)
}

function withoutZeros(value: Uint8Array): Uint8Array {
  const first = value.findIndex((byte) => byte !== 0)
  return first < 0 ? value.subarray(-1) : value.subarray(first)
}

function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const { length } = body
  assert(length < 0x10000, 'keys are short')
  if (length < 0x80) return Buffer.concat([Uint8Array.of(tag, length), body])
  if (length < 0x100) return Buffer.concat([Uint8Array.of(tag, 0x81, length), body])
  return Buffer.concat([Uint8Array.of(tag, 0x82, length >>> 8, length & 0xff), body])
}

/** Where the content of the element at `at` begins and ends. */
function read(der: Uint8Array, at: number, tag: number): { readonly start: number; readonly end: number } {
  assert(der[at] === tag, 'a key has the form that it is exported in')
  const first = der[at + 1] ?? 0
  const more = first < 0x80 ? 0 : first & 0x7f
  let length = more === 0 ? first : 0
  for (let i = 0; i < more; i++) length = length * 0x100 + (der[at + 2 + i] ?? 0)
  const start = at + 2 + more
  return { start, end: start + length }
}

/**
 * Diffie-Hellman groups of DH-HMAC-CHAP: the finite field groups of RFC 7919, or none. The primes are computed from
 * their definition (RFC 7919, appendix A), once, when a group is first used:
 *
 *     p = 2^b - 2^(b-64) + (floor(2^(b-130) * e) + X) * 2^64 - 1
 *
 * An exchange costs the event loop one to a few tens of milliseconds, more for larger groups: whoever answers peers
 * limits how often.
 */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import type { Random } from '../../base/ports/random.ts'
import { type DhParameters, privateKeyDer, publicKeyDer, publicValueOf } from './der.ts'

/** Identifier in messages, and length of the prime; 0: no exchange. */
export const GROUPS = {
  null: { id: 0, bits: 0, x: 0n },
  ffdhe2048: { id: 1, bits: 2048, x: 560316n },
  ffdhe3072: { id: 2, bits: 3072, x: 2625351n },
  ffdhe4096: { id: 3, bits: 4096, x: 5736041n },
  ffdhe6144: { id: 4, bits: 6144, x: 15705020n },
  ffdhe8192: { id: 5, bits: 8192, x: 10965728n },
} as const

export type GroupName = keyof typeof GROUPS

export const GROUP_NAMES = Object.keys(GROUPS) as readonly GroupName[]

export const groupOfId = (id: number): GroupName | undefined =>
  GROUP_NAMES.find((name) => GROUPS[name].id === id)

/** Length of a public value: that of the prime, 0 for the null group. */
export const publicBytesOf = (group: GroupName): number => GROUPS[group].bits / 8

/** Twice the strength of the largest group and more (RFC 7919 §5.2); shorter than the prime, which saves time. */
const PRIVATE_BYTES = 64
const GENERATOR = Uint8Array.of(2)

const primes = new Map<GroupName, Uint8Array>()

/** The prime of a group, big-endian. */
export function primeOf(group: Exclude<GroupName, 'null'>): Uint8Array {
  let prime = primes.get(group)
  if (prime === undefined) {
    const { bits, x } = GROUPS[group]
    const b = BigInt(bits)
    const value = 2n ** b - 2n ** (b - 64n) + (scaledE(b - 130n) + x) * 2n ** 64n - 1n
    prime = Uint8Array.from(Buffer.from(value.toString(16), 'hex'))
    primes.set(group, prime)
  }
  return prime
}

/** floor(2^bits * e), by the series of e with 64 bits to spare. */
function scaledE(bits: bigint): bigint {
  const spare = 64n
  let term = 1n << (bits + spare)
  let sum = 0n
  for (let n = 1n; term > 0n; n++) {
    sum += term
    term /= n
  }
  return sum >> spare
}

/** One side of an exchange: a private value, and what the other side is told. */
export class DhExchange {
  readonly #private: KeyObject
  readonly #parameters: DhParameters
  /** As long as the prime. */
  readonly publicValue: Uint8Array

  constructor(group: Exclude<GroupName, 'null'>, random: Random) {
    const parameters = { prime: primeOf(group), generator: GENERATOR }
    const key = privateKeyDer(parameters, random.bytes(PRIVATE_BYTES))
    this.#parameters = parameters
    this.#private = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
    const exported = createPublicKey(this.#private).export({ format: 'der', type: 'spki' })
    this.publicValue = padded(publicValueOf(exported), parameters.prime.byteLength)
  }

  /**
   * The session key, as long as the prime. Undefined when `other` is not the public value of another side: not as long as
   * the prime, not in [2, p - 2] (RFC 7919 §5.1), not of the group, or this side's own.
   */
  sessionKey(other: Uint8Array): Uint8Array | undefined {
    const { prime } = this.#parameters
    if (other.byteLength !== prime.byteLength || !isInRange(other, prime)) return undefined
    if (Buffer.compare(other, this.publicValue) === 0) return undefined
    const key = publicKeyDer(this.#parameters, other)
    try {
      const publicKey = createPublicKey({ key, format: 'der', type: 'spki' })
      return padded(diffieHellman({ privateKey: this.#private, publicKey }), prime.byteLength)
    } catch (error) {
      // the library looks whether the value is one of the group
      if (isLibraryError(error)) return undefined
      throw error
    }
  }
}

const isLibraryError = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  error.code.startsWith('ERR_OSSL')

/** Whether `value` is in [2, prime - 2]; both are equally long. */
function isInRange(value: Uint8Array, prime: Uint8Array): boolean {
  const last = value.byteLength - 1
  const isSmall = value.subarray(0, last).every((byte) => byte === 0) && (value[last] ?? 0) < 2
  const lessOne = Uint8Array.from(prime)
  assert(prime[last] === 0xff, 'the primes end in ones')
  lessOne[last]!--
  return !isSmall && Buffer.compare(value, lessOne) < 0
}

function padded(value: Uint8Array, lengthBytes: number): Uint8Array {
  const whole = new Uint8Array(lengthBytes)
  whole.set(value, lengthBytes - value.byteLength)
  return whole
}

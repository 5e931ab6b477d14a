/**
 * Where the next operation goes. The device is seen as units of the operation's size, numbered from 0. A source is
 * asked once an operation and allocates nothing.
 */
export const LOADS = ['randread', 'randwrite', 'read', 'write', 'mixed'] as const
export type LoadKind = (typeof LOADS)[number]

export interface AccessSource {
  /** The next unit, after which `isWrite` tells what to do with it; −1 when there is nothing left. */
  next(): number
  readonly isWrite: boolean
}

/** Of a mixed load, in 2^32nds: seven reads to three writes. */
const MIXED_READS = 0.7 * 2 ** 32

export const writes = (kind: LoadKind): boolean => kind !== 'randread' && kind !== 'read'

/** An endless load over `units` units; the same `seed`, a u32, gives the same sequence. */
export class EndlessAccess implements AccessSource {
  readonly #units: number
  readonly #isSequential: boolean
  readonly #isMixed: boolean
  #isWrite: boolean
  #unit = -1
  #state: number

  constructor(kind: LoadKind, units: number, seed: number) {
    this.#units = units
    this.#isSequential = kind === 'read' || kind === 'write'
    this.#isMixed = kind === 'mixed'
    this.#isWrite = writes(kind)
    this.#state = seed | 0 || 1
  }

  get isWrite(): boolean {
    return this.#isWrite
  }

  next(): number {
    if (this.#isSequential) {
      this.#unit = this.#unit + 1 === this.#units ? 0 : this.#unit + 1
      return this.#unit
    }
    if (this.#isMixed) this.#isWrite = this.#random() >= MIXED_READS
    // 53 bits, so that every unit of the largest device can come up.
    const high = this.#random() >>> 11
    return Math.floor(((high * 2 ** 32 + this.#random()) / 2 ** 53) * this.#units)
  }

  /** A u32 of Marsaglia's xorshift generator. */
  #random(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return x >>> 0
  }
}

/**
 * Randomness that follows a seed: sfc32, chosen because it is four additions and shifts a draw and passes
 * PractRand. Every source of chance in the simulator is one of these, so that a seed replays a whole run.
 * `fork(label)` gives an independent stream: a draw added in one place does not shift all the others.
 */
import type { Random } from '../../src/base/ports/random.ts'

export class SeededRandom implements Random {
  readonly #seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, stream = 0) {
    this.#seed = seed >>> 0
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 0x1_0000_0000) >>> 0
    this.#c = stream >>> 0
    for (let i = 0; i < 12; i++) this.u32()
  }

  /** A uniform unsigned 32-bit integer. */
  u32(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }

  bytes(lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes)
    for (let i = 0; i < lengthBytes; i++) bytes[i] = this.u32() >>> 24
    return bytes
  }

  u64(): bigint {
    const value = (BigInt(this.u32()) << 32n) | BigInt(this.u32())
    return value === 0n ? 1n : value
  }

  /** An integer in [0, limit), limit in [1, 2^32]. The bias is below limit / 2^32. */
  integer(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.u32() / 0x1_0000_0000
  }

  /** True with probability `share`; draws nothing when that is 0 or 1. */
  chance(share: number): boolean {
    return share >= 1 || (share > 0 && this.fraction() < share)
  }

  pick<T>(list: readonly T[]): T {
    return list[this.integer(list.length)]!
  }

  /** Picks a key by its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][]
    let draw = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      draw -= weight
      if (draw < 0) return key
    }
    return entries[0]![0]
  }

  /** An independent stream of the same seed. */
  fork(label: string): SeededRandom {
    let hash = 0x811c9dc5
    for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193)
    return new SeededRandom(this.#seed, hash)
  }
}

/** Randomness from the operating system, cryptographically strong. */
import { randomBytes, randomInt } from 'node:crypto'
import type { Random } from '../base/ports/random.ts'

export class RealRandom implements Random {
  bytes(lengthBytes: number): Uint8Array {
    return randomBytes(lengthBytes)
  }

  u64(): bigint {
    for (;;) {
      const value = randomBytes(8).readBigUInt64LE()
      if (value !== 0n) return value
    }
  }

  /** `limit` is at least 1 and below 2^48. */
  integer(limit: number): number {
    return randomInt(limit)
  }
}

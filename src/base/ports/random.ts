/** Randomness. The real one is cryptographically strong; the simulator's follows a seed. */
export interface Random {
  bytes(lengthBytes: number): Uint8Array
  /** A random unsigned 64-bit value, never 0. */
  u64(): bigint
  /** An integer in [0, limit). */
  integer(limit: number): number
}

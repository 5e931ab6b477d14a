/**
 * The newest moment up to which acknowledged writes are safe from a loss that may be forgiven: a flush that was answered, or
 * that all replicas were told to be equal. Kept lazily: a block whose write is older than that moment is safe as it is, and
 * what was safe of it is written down when it is overwritten.
 */
export class SafePoint {
  /** What was safe of a block whose newest acknowledged write is not: the least generation that it may have. */
  #floors = new Uint32Array(0)
  #sequence = 0

  grow(blocks: number): void {
    const floors = new Uint32Array(blocks)
    floors.set(this.#floors)
    this.#floors = floors
  }

  /** Writes with numbers up to `sequence` are safe from now on. */
  reached(sequence: number): void {
    if (sequence > this.#sequence) this.#sequence = sequence
  }

  isSafe(sequence: number): boolean {
    return sequence <= this.#sequence
  }

  /** `block`, whose newest write had this number and which has `low` at least, is about to get a newer one. */
  overwritten(block: number, sequence: number, low: number): void {
    if (this.isSafe(sequence)) this.#floors[block] = low
  }

  /** The least generation of `block` that a loss leaves, of which the newest write had this number. */
  floorOf(block: number, sequence: number, low: number): number {
    return this.isSafe(sequence) ? low : Math.min(low, this.#floors[block]!)
  }
}

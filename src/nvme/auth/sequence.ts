/** Sequence numbers of challenges: the first is random, the next count on, and 0 is left out. One source per process. */
import type { Random } from '../../base/ports/random.ts'

export class SequenceNumbers {
  readonly #random: Random
  #last = 0

  constructor(random: Random) {
    this.#random = random
  }

  next(): number {
    if (this.#last === 0) {
      const [a = 0, b = 0, c = 0, d = 0] = this.#random.bytes(4)
      this.#last = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    }
    this.#last = this.#last === 0xffffffff ? 1 : this.#last + 1
    return this.#last
  }
}

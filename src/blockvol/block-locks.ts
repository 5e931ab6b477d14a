/**
 * Locks on ranges of blocks, for operations that read before they write (sub-block writes, COMPARE AND WRITE,
 * repairs). A plain write that finds its blocks free takes no lock; one that does not waits its turn like the
 * others. First come, first served.
 */
interface Held {
  readonly start: number
  readonly end: number
}

interface Waiting extends Held {
  readonly resolve: () => void
}

const overlaps = (a: Held, b: Held): boolean => a.start < b.end && b.start < a.end

export class BlockLocks {
  #held: Held[] = []
  #waiting: Waiting[] = []

  /** Whether a write to [start, end) may go at once. */
  isFree(start: number, end: number): boolean {
    if (this.#held.length === 0) return true
    return !this.#held.some((held) => overlaps(held, { start, end }))
  }

  /** Takes [start, end); resolves with the call that gives it back. */
  async acquire(start: number, end: number): Promise<() => void> {
    const range = { start, end }
    const isBlocked =
      this.#held.some((held) => overlaps(held, range)) ||
      this.#waiting.some((waiting) => overlaps(waiting, range))
    if (isBlocked) await this.#wait(start, end)
    else this.#held.push(range)
    const mine = this.#held.find((held) => held.start === start && held.end === end)
    let isReleased = false
    return () => {
      if (isReleased || mine === undefined) return
      isReleased = true
      this.#held.splice(this.#held.indexOf(mine), 1)
      this.#wake()
    }
  }

  #wait(start: number, end: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ start, end, resolve })
    })
  }

  /** Grants what has become free, in order of arrival. */
  #wake(): void {
    const still: Waiting[] = []
    for (const waiting of this.#waiting) {
      const isBlocked =
        this.#held.some((held) => overlaps(held, waiting)) ||
        still.some((earlier) => overlaps(earlier, waiting))
      if (isBlocked) still.push(waiting)
      else {
        this.#held.push({ start: waiting.start, end: waiting.end })
        waiting.resolve()
      }
    }
    this.#waiting = still
  }
}

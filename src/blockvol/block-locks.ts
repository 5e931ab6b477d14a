/**
 * Locks on ranges of blocks, for operations that read before they write (sub-block writes, COMPARE AND WRITE,
 * repairs). A plain write takes no lock; it waits only while one overlaps. First come, first served.
 */
interface Held {
  readonly start: number
  readonly end: number
}

interface Waiting extends Held {
  /** A plain write waits for its turn without taking the lock. */
  readonly takes: boolean
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

  /** Resolves when no lock overlaps [start, end); look again afterwards. */
  whenFree(start: number, end: number): Promise<void> {
    return this.#wait(start, end, false)
  }

  /** Takes [start, end); resolves with the call that gives it back. */
  async acquire(start: number, end: number): Promise<() => void> {
    const range = { start, end }
    const isBlocked =
      this.#held.some((held) => overlaps(held, range)) ||
      this.#waiting.some((waiting) => waiting.takes && overlaps(waiting, range))
    if (isBlocked) await this.#wait(start, end, true)
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

  #wait(start: number, end: number, takes: boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ start, end, takes, resolve })
    })
  }

  /** Grants what has become free, in order of arrival. */
  #wake(): void {
    const still: Waiting[] = []
    for (const waiting of this.#waiting) {
      const isBlocked =
        this.#held.some((held) => overlaps(held, waiting)) ||
        still.some((earlier) => earlier.takes && overlaps(earlier, waiting))
      if (isBlocked) still.push(waiting)
      else {
        if (waiting.takes) this.#held.push({ start: waiting.start, end: waiting.end })
        waiting.resolve()
      }
    }
    this.#waiting = still
  }
}

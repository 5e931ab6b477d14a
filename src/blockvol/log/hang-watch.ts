/**
 * Notices an I/O that does not come back: a disk that hangs is a disk that is gone. One timer for all, armed while
 * something is on its way, so that an I/O costs none.
 */
import type { Clock, Timer } from '../../base/ports/clock.ts'

export interface HangWatchOptions {
  readonly clock: Clock
  readonly hungMs: number
  /** Since when the oldest I/O is on its way, in monotonic milliseconds; Infinity when none is. */
  readonly oldestMs: () => number
  readonly onHung: () => void
}

export class HangWatch {
  readonly #o: HangWatchOptions
  #timer: Timer | undefined

  constructor(options: HangWatchOptions) {
    this.#o = options
  }

  /** To be called when an I/O begins. */
  arm(): void {
    if (this.#timer !== undefined) return
    const { clock, hungMs, oldestMs, onHung } = this.#o
    this.#timer = clock.after(hungMs, () => {
      this.#timer = undefined
      const oldest = oldestMs()
      if (oldest === Number.POSITIVE_INFINITY) return
      if (clock.monotonicMs() - oldest >= hungMs) onHung()
      else this.arm()
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}

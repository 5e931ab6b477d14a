/** A wait that can be cut short for good. */
import type { Clock } from '../base/ports/clock.ts'

export class Pause {
  readonly #clock: Clock
  #ended = false
  #wake: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Waits `delayMs`; true when the time has passed, false when the pause was ended. One wait at a time. */
  async wait(delayMs: number): Promise<boolean> {
    if (!this.#ended) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.after(delayMs, resolve)
        this.#wake = () => {
          timer.cancel()
          resolve()
        }
      })
    }
    return !this.#ended
  }

  /** Ends the wait under way and all later ones. */
  end(): void {
    this.#ended = true
    this.#wake?.()
  }
}

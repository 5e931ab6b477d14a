/** The one timer of a replica: a time of the boot clock, which goes on while the machine sleeps. */
import type { Clock, Timer } from '../base/ports/clock.ts'

export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #atMs: number | null = null
  #timer: Timer | undefined

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** Replaces what was set before. Null: none. */
  set(atMs: number | null): void {
    if (atMs === this.#atMs) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#atMs = atMs
    if (atMs === null) return
    this.#timer = this.#clock.after(Math.max(0, atMs - this.#clock.bootMs()), () => {
      this.#atMs = null
      this.#timer = undefined
      this.#ring()
    })
  }
}

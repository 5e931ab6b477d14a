/** Kicks the flusher some time after the last append, so that an idle volume has an empty log. */
import type { Clock, Timer } from '../base/ports/clock.ts'

export class IdleFlush {
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #kick: () => void
  #timer: Timer | undefined
  #lastMs = 0
  #isStopped = false

  constructor(clock: Clock, idleMs: number, kick: () => void) {
    this.#clock = clock
    this.#idleMs = idleMs
    this.#kick = kick
  }

  /** Something was appended. One timer serves all: it looks at the last append when it fires. */
  touch(): void {
    this.#lastMs = this.#clock.monotonicMs()
    if (this.#timer === undefined && !this.#isStopped) this.#arm(this.#idleMs)
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = undefined
      const restMs = this.#lastMs + this.#idleMs - this.#clock.monotonicMs()
      if (restMs > 0) this.#arm(restMs)
      else this.#kick()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#timer = undefined
  }
}

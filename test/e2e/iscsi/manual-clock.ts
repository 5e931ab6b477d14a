/** A clock that stands still until it is moved. */
import type { Clock, Timer } from '../../../src/base/ports/clock.ts'

interface Alarm {
  readonly atMs: number
  readonly callback: () => void
}

export class ManualClock implements Clock {
  #nowMs = 1000
  #timers: Alarm[] = []

  monotonicMs(): number {
    return this.#nowMs
  }

  bootMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return 1_790_000_000_000 + this.#nowMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, callback }
    this.#timers.push(timer)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer)
      },
    }
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  async yield(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Time passes while nothing runs, as for a stopped process: a timer that is due runs once, late. */
  jump(byMs: number): void {
    this.#nowMs += byMs
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs)
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#nowMs)
    for (const { callback } of due) callback()
  }

  /** Moves on, in the order of the timers, also those that are made on the way. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs
    for (;;) {
      let next: Alarm | undefined
      for (const timer of this.#timers) {
        if (timer.atMs <= endMs && (next === undefined || timer.atMs < next.atMs)) next = timer
      }
      if (next === undefined) break
      const due = next
      this.#timers = this.#timers.filter((other) => other !== due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.callback()
    }
    this.#nowMs = endMs
  }
}

/**
 * The clock of one simulated process. Its timers are events of the scheduler and die with the process: after
 * `Life.end` no callback runs and no sleep resolves.
 */
import type { Clock, Timer } from '../../src/base/ports/clock.ts'
import { Scheduler } from './scheduler.ts'

/** One run of a simulated process, from its start to its exit or crash. Every port that it uses knows it. */
export class Life {
  #ended = false
  readonly #onEnd: (() => void)[] = []

  get ended(): boolean {
    return this.#ended
  }

  /** The process is gone: no completion reaches it any more and none of its calls has an effect. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    for (const callback of this.#onEnd) callback()
  }

  onEnd(callback: () => void): void {
    this.#onEnd.push(callback)
  }
}

/** A wall clock that starts at some plausible moment, so that records with dates look like themselves. */
const WALL_START_MS = 1_800_000_000_000

export class SimClock implements Clock {
  readonly #scheduler: Scheduler
  readonly #life: Life

  constructor(scheduler: Scheduler, life: Life) {
    this.#scheduler = scheduler
    this.#life = life
  }

  monotonicMs(): number {
    return this.#scheduler.nowMs
  }

  bootMs(): number {
    return this.#scheduler.nowMs
  }

  wallMs(): number {
    return WALL_START_MS + this.#scheduler.nowMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const event = this.#scheduler.schedule('timer', '', delayMs, () => {
      if (!this.#life.ended) callback()
    })
    return { cancel: () => this.#scheduler.cancel(event) }
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve)
    })
  }

  yield(): Promise<void> {
    return new Promise((resolve) => {
      this.#scheduler.schedule('yield', '', 0, () => {
        if (!this.#life.ended) resolve()
      })
    })
  }
}

/** A clock for code under test that only reads it. */
export const idleClock = (): SimClock => new SimClock(new Scheduler(1), new Life())

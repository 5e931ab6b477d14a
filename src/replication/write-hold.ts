/**
 * New writes of a volume held back for a moment, so that snapshots of several volumes are of one point in time: whoever
 * waits for the answer of a write before it makes the next one finds either both in the snapshots, or not the second alone.
 * A hold lets go by itself after its time, and whoever made it is told so: what was made under it is then of no one point
 * in time.
 */
import { BlockError } from '../base/errors.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'

/** Hosts have commands waiting, and their patience ends at about 30 s. */
const HOLD_MS_MAX = 5000

interface Hold {
  readonly name: string
  readonly endMs: number
  readonly timer: Timer
}

export class WriteHold {
  readonly #clock: Clock
  #hold: Hold | undefined
  #count = 0
  #waiting: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Writes have to wait at this moment. */
  get isHolding(): boolean {
    // the timer may be late, and nobody who asks is
    return this.#hold !== undefined && this.#clock.bootMs() < this.#hold.endMs
  }

  /**
   * Holds writes back for `holdMs`, or until `release`; the name to give there. INVALID_ARGUMENT for more than 5 s; BUSY
   * while they are held already.
   */
  begin(holdMs: number): string {
    if (!(holdMs > 0 && holdMs <= HOLD_MS_MAX)) {
      throw new BlockError('INVALID_ARGUMENT', `writes are held for up to ${HOLD_MS_MAX} ms, not ${holdMs}`)
    }
    if (this.isHolding) throw new BlockError('BUSY', 'writes are held already')
    this.end()
    const name = String(++this.#count)
    const timer = this.#clock.after(holdMs, () => this.release(name))
    this.#hold = { name, endMs: this.#clock.bootMs() + holdMs, timer }
    return name
  }

  /** Lets go. True: no new write was let through since `begin`. False: it had let go before, or is not known. */
  release(name: string): boolean {
    if (this.#hold?.name !== name) return false
    const wasHeld = this.isHolding
    this.end()
    return wasHeld
  }

  /** Resolves when writes may go on; ask `isHolding` again. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Lets go, whoever holds. */
  end(): void {
    this.#hold?.timer.cancel()
    this.#hold = undefined
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) go()
  }
}

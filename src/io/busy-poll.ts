/**
 * Keeps the event loop awake for a moment after a request, when the next one is likely to come within that moment.
 * A host that does one I/O at a time sends the next command some 50 µs after the last answer; a loop that sleeps meanwhile
 * makes the kernel put the core to sleep and wake it again, which on a virtual machine costs as much as the I/O.
 *
 * It looks at how far apart requests came lately, so that a load with longer pauses, or none, costs nothing; and it does
 * not turn while the thread pool works for us, whose threads may need this core. What it costs is at most one core while
 * requests come closer together than the window.
 */
import type { Clock } from '../base/ports/clock.ts'

/** Longest pause between requests that is waited out awake, in milliseconds. */
const WINDOW_MS = 0.1
/** A pause counts for at most this much, so that one of them does not hide a busy time. */
const GAP_MS_MAX = 1
/** Weight of the last pause in the average. */
const WEIGHT = 1 / 8

export class BusyPoll {
  readonly #clock: Clock
  #lastMs = 0
  #gapMs = GAP_MS_MAX
  #untilMs = 0
  #isTurning = false
  #working = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the loop is kept awake now. */
  get isTurning(): boolean {
    return this.#isTurning
  }

  /** A request came in. */
  touch(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#gapMs += (Math.min(nowMs - this.#lastMs, GAP_MS_MAX) - this.#gapMs) * WEIGHT
    this.#lastMs = nowMs
    if (this.#gapMs > WINDOW_MS) return
    this.#untilMs = nowMs + WINDOW_MS
    this.#start()
  }

  /** The thread pool begins to work for us. */
  enter(): void {
    this.#working++
  }

  /** It has done one piece. */
  leave(): void {
    this.#working--
    if (this.#gapMs > WINDOW_MS || this.#working > 0) return
    this.#untilMs = this.#clock.monotonicMs() + WINDOW_MS
    this.#start()
  }

  #start(): void {
    if (this.#isTurning || this.#working > 0) return
    this.#isTurning = true
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    this.#isTurning = this.#working === 0 && this.#clock.monotonicMs() < this.#untilMs
    // an immediate that is due keeps the loop from waiting in the kernel
    if (this.#isTurning) setImmediate(this.#turn)
  }
}

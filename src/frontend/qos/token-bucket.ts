/**
 * A token bucket that takes operations whole. One that costs more than the bucket holds passes when the bucket is full
 * and leaves a debt that is paid before the next: so the rate holds whatever the sizes are, and nothing is split.
 */
import { assert } from '../../base/assert.ts'

/** Against what is lost in sums of fractions. */
const EPSILON = 1e-6
/** Of a second: what may pass at once when nothing else was said. */
const DEFAULT_BURST_SECONDS = 0.1
/** What waits is owed its tokens even if the timer that was to let it go is late, up to so much of a second. */
const LATE_SECONDS = 0.1

export class TokenBucket {
  #perSecond: number
  #burst: number
  #level: number
  #atMs: number

  /** Full at first. `burst` 0: a tenth of a second's worth. */
  constructor(options: { readonly perSecond: number; readonly burst: number; readonly nowMs: number }) {
    assert(options.perSecond > 0, 'a bucket fills')
    this.#perSecond = options.perSecond
    this.#burst = burstOf(options)
    this.#level = this.#burst
    this.#atMs = options.nowMs
  }

  /** The rest of a burst goes on; a debt is of time and takes as long as it would have. */
  change(options: { readonly perSecond: number; readonly burst: number; readonly nowMs: number }): void {
    assert(options.perSecond > 0, 'a bucket fills')
    this.#fill(options.nowMs, false)
    const debtSeconds = Math.max(0, -this.#level) / this.#perSecond
    this.#perSecond = options.perSecond
    this.#burst = burstOf(options)
    this.#level = debtSeconds > 0 ? -debtSeconds * this.#perSecond : Math.min(this.#level, this.#burst)
  }

  /**
   * Milliseconds until an operation of this cost may pass; 0: now. `isAwaited`: somebody waited since the last call, and
   * what came in for him is not lost.
   */
  waitMs(cost: number, nowMs: number, isAwaited: boolean): number {
    this.#fill(nowMs, isAwaited)
    const missing = Math.min(cost, this.#burst) - this.#level
    return missing <= EPSILON ? 0 : (missing / this.#perSecond) * 1000
  }

  take(cost: number): void {
    this.#level -= cost
  }

  #fill(nowMs: number, isAwaited: boolean): void {
    const max = isAwaited ? Math.max(this.#burst, this.#perSecond * LATE_SECONDS) : this.#burst
    const came = ((nowMs - this.#atMs) / 1000) * this.#perSecond
    this.#atMs = nowMs
    this.#level = Math.max(Math.min(this.#level, this.#burst), Math.min(max, this.#level + came))
  }
}

const burstOf = ({ perSecond, burst }: { perSecond: number; burst: number }): number =>
  burst > 0 ? burst : Math.max(1, perSecond * DEFAULT_BURST_SECONDS)

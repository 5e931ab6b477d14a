/**
 * How fast the base of a resync may be sent: a budget in bytes a second that yields to hosts. When commands take clearly
 * longer than they do without a resync, it is halved, down to a floor that always remains; as long as they do not, it
 * grows. Pure: the caller brings the time and the latencies.
 */
import { MIB } from '../../base/units.ts'

/** A resync gets this much whatever the hosts do, or it would never end. */
export const FLOOR_BYTES_PER_SECOND = 4 * MIB
const START_BYTES_PER_SECOND = 64 * MIB
const MOST_BYTES_PER_SECOND = 4096 * MIB
/** Latencies are judged over so long. */
const WINDOW_MS = 500
/** What was not used may be sent at once later, up to so much of a second. */
const BURST_SECONDS = 0.1
const GROWTH = 1.25
/** Weight of the latest window in the quiet value. */
const QUIET_WEIGHT = 0.2
/** Latency above this many times the quiet one, and this much more, is the resync's doing. */
const DISTURBED_TIMES = 2
const DISTURBED_MS = 2

export class ResyncPacer {
  #bytesPerSecond = START_BYTES_PER_SECOND
  #credit = 0
  #creditMs: number
  #windowMs: number
  #sumMs = 0
  #samples = 0
  /** Whether something was sent in this window. */
  #isBusy = false
  #quietMs: number | undefined

  constructor(nowMs: number) {
    this.#creditMs = nowMs
    this.#windowMs = nowMs
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond
  }

  /** A host's command took so long. */
  latency(ms: number, nowMs: number): void {
    this.#roll(nowMs)
    this.#sumMs += ms
    this.#samples++
  }

  /** Asks for `bytes`. 0: send them now; else ask again after so many ms. */
  take(bytes: number, nowMs: number): number {
    this.#roll(nowMs)
    const most = this.#bytesPerSecond * BURST_SECONDS
    const earned = ((nowMs - this.#creditMs) / 1000) * this.#bytesPerSecond
    this.#credit = Math.min(most, this.#credit + earned)
    this.#creditMs = nowMs
    // what is more than a burst is lent, and paid back by waiting
    if (this.#credit < Math.min(bytes, most)) {
      return Math.max(1, Math.ceil(((Math.min(bytes, most) - this.#credit) / this.#bytesPerSecond) * 1000))
    }
    this.#credit -= bytes
    this.#isBusy = true
    return 0
  }

  #roll(nowMs: number): void {
    if (nowMs - this.#windowMs < WINDOW_MS) return
    const meanMs = this.#samples === 0 ? undefined : this.#sumMs / this.#samples
    if (this.#isBusy) this.#adapt(meanMs)
    else if (meanMs !== undefined) {
      this.#quietMs =
        this.#quietMs === undefined ? meanMs : this.#quietMs + QUIET_WEIGHT * (meanMs - this.#quietMs)
    }
    this.#windowMs = nowMs
    this.#sumMs = 0
    this.#samples = 0
    this.#isBusy = false
  }

  #adapt(meanMs: number | undefined): void {
    if (meanMs !== undefined && (this.#quietMs === undefined || meanMs < this.#quietMs))
      this.#quietMs = meanMs
    const isDisturbed =
      meanMs !== undefined && meanMs > DISTURBED_TIMES * (this.#quietMs ?? meanMs) + DISTURBED_MS
    this.#bytesPerSecond = isDisturbed
      ? Math.max(FLOOR_BYTES_PER_SECOND, this.#bytesPerSecond / 2)
      : Math.min(MOST_BYTES_PER_SECOND, this.#bytesPerSecond * GROWTH)
  }
}

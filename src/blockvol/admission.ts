/**
 * Admission of writes: backpressure before anything is queued. Between the soft and the hard watermark a write is
 * delayed, more the fuller; above the bound of bytes on their way it waits its turn. What waits too long fails
 * with BUSY; a full log is never an I/O error. (The hard watermark itself is the log writer's.)
 */
import { BlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Tuning } from './tuning.ts'

export interface Gauges {
  /** 0 to 1: the fuller of log and dirty map. */
  fullness(): number
  pendingBytes(): number
}

interface Waiting {
  readonly bytes: number
  readonly sinceMs: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class Admission {
  readonly #clock: Clock
  readonly #tuning: Tuning
  readonly #gauges: Gauges
  #waiting: Waiting[] = []
  #isArmed = false
  softWaits = 0
  hardWaits = 0
  /** Writes that were refused because they waited too long. */
  refusals = 0

  constructor(clock: Clock, tuning: Tuning, gauges: Gauges) {
    this.#clock = clock
    this.#tuning = tuning
    this.#gauges = gauges
  }

  get pressure(): 'normal' | 'soft' | 'hard' {
    const fullness = this.#gauges.fullness()
    if (fullness >= this.#tuning.hardWatermark) return 'hard'
    return fullness >= this.#tuning.softWatermark ? 'soft' : 'normal'
  }

  /** Undefined when a write of `bytes` may go at once; else a promise for when it may. */
  enter(bytes: number): Promise<void> | undefined {
    const fullness = this.#gauges.fullness()
    const { softWatermark, hardWatermark, softDelayMsMax, pendingBytesMax } = this.#tuning
    const pendingBytes = this.#gauges.pendingBytes()
    if (this.#waiting.length > 0 || (pendingBytes > 0 && pendingBytes + bytes > pendingBytesMax)) {
      this.hardWaits++
      return new Promise((resolve, reject) => {
        this.#waiting.push({ bytes, sinceMs: this.#clock.monotonicMs(), resolve, reject })
        this.#arm()
      })
    }
    if (fullness < softWatermark) return undefined
    this.softWaits++
    const share = Math.min(1, (fullness - softWatermark) / (hardWatermark - softWatermark))
    return this.#clock.sleep(share * softDelayMsMax)
  }

  /** Lets in what fits now; called when writes settled. */
  wake(): void {
    let grantedBytes = 0
    while (this.#waiting.length > 0) {
      const next = this.#waiting[0]!
      const pendingBytes = this.#gauges.pendingBytes() + grantedBytes
      if (pendingBytes > 0 && pendingBytes + next.bytes > this.#tuning.pendingBytesMax) return
      this.#waiting.shift()
      grantedBytes += next.bytes
      next.resolve()
    }
  }

  /** Fails everything that waits. */
  fail(error: unknown): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject } of waiting) reject(error)
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#clock.after(this.#tuning.admissionTimeoutMs, () => {
      this.#isArmed = false
      const now = this.#clock.monotonicMs()
      const late = this.#waiting.filter((w) => now - w.sinceMs >= this.#tuning.admissionTimeoutMs)
      this.#waiting = this.#waiting.filter((w) => now - w.sinceMs < this.#tuning.admissionTimeoutMs)
      this.refusals += late.length
      for (const { reject } of late)
        reject(new BlockError('BUSY', 'too many bytes are on their way to the log'))
      if (this.#waiting.length > 0) this.#arm()
    })
  }
}

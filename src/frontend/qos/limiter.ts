/**
 * Lets the operations of one volume through at the rates that were set for it, in the order in which they came. What
 * finds no tokens waits in a bounded queue and for a bounded time, both ending in BUSY, which hosts repeat: the wait and
 * the one for commitment together are below the timeout of any host.
 */
import { BlockError } from '../../base/errors.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import { TokenBucket } from './token-bucket.ts'

/** 0 is no limit. A burst is what may pass at once after an idle time; 0: a tenth of a second's worth. */
export interface QosLimits {
  readonly iops: number
  readonly iopsBurst: number
  readonly bytesPerSecond: number
  readonly bytesBurst: number
}

export const NO_QOS_LIMITS: QosLimits = { iops: 0, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 }

/** Since the limiter was made; `waiting` is of now. */
export interface QosCounters {
  /** Operations that had to wait. */
  readonly throttledOperations: number
  /** How long they waited, all together. */
  readonly waitedMs: number
  /** Answered BUSY: the queue was full, or the wait too long. */
  readonly refusedOperations: number
  readonly waiting: number
}

interface Waiter {
  readonly bytes: number
  readonly sinceMs: number
  readonly resolve: () => void
  readonly reject: (error: BlockError) => void
}

/** Linux gives a command 30 s; the engine's wait for commitment is 10 s. */
const WAIT_MS_MAX = 5000
/** More than the command windows of many sessions. */
const QUEUE_MAX = 4096
/** Shorter timers cost more than they give. */
const TIMER_MS_MIN = 0.5

export class OperationLimiter {
  readonly #clock: Clock
  readonly #waitMsMax: number
  readonly #queueMax: number
  #operations: TokenBucket | undefined
  #bytes: TokenBucket | undefined
  #isUnlimited = true
  #queue: Waiter[] = []
  #timer: Timer | undefined
  #throttled = 0
  #refused = 0
  #waitedMs = 0
  #closed = false

  constructor(options: { readonly clock: Clock; readonly waitMsMax?: number; readonly queueMax?: number }) {
    this.#clock = options.clock
    this.#waitMsMax = options.waitMsMax ?? WAIT_MS_MAX
    this.#queueMax = options.queueMax ?? QUEUE_MAX
  }

  /** Nothing needs to ask. */
  get isUnlimited(): boolean {
    return this.#isUnlimited
  }

  get counters(): QosCounters {
    return {
      throttledOperations: this.#throttled,
      waitedMs: this.#waitedMs,
      refusedOperations: this.#refused,
      waiting: this.#queue.length,
    }
  }

  /** In force at once, for what waits too. */
  setLimits(limits: QosLimits): void {
    const nowMs = this.#clock.monotonicMs()
    const { iops, iopsBurst, bytesPerSecond, bytesBurst } = limits
    this.#operations = changed(this.#operations, { perSecond: iops, burst: iopsBurst, nowMs })
    this.#bytes = changed(this.#bytes, { perSecond: bytesPerSecond, burst: bytesBurst, nowMs })
    this.#isUnlimited = this.#operations === undefined && this.#bytes === undefined
    this.#letGo()
  }

  /** Whether an operation may pass now; never before one that waits. Takes nothing. */
  hasTokens(bytes: number): boolean {
    return this.#queue.length === 0 && this.#waitMs(bytes, false) === 0
  }

  /** After `hasTokens`, in the same turn. */
  take(bytes: number): void {
    this.#operations?.take(1)
    this.#bytes?.take(bytes)
  }

  /** Resolves when the operation may pass; BUSY when it waited too long or too many wait, CLOSED after `close`. */
  wait(bytes: number): Promise<void> {
    if (this.#closed) return Promise.reject(closedError())
    if (this.#queue.length >= this.#queueMax) {
      this.#refused++
      return Promise.reject(
        new BlockError('BUSY', `${this.#queueMax} operations wait for the volume's limits`),
      )
    }
    this.#throttled++
    return new Promise((resolve, reject) => {
      this.#queue.push({ bytes, sinceMs: this.#clock.monotonicMs(), resolve, reject })
      if (this.#queue.length === 1) this.#letGo()
    })
  }

  /** What waits fails with CLOSED, and so does what comes. Idempotent. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = undefined
    for (const { reject } of this.#queue.splice(0)) reject(closedError())
  }

  #waitMs(bytes: number, isAwaited: boolean): number {
    const nowMs = this.#clock.monotonicMs()
    return Math.max(
      this.#operations?.waitMs(1, nowMs, isAwaited) ?? 0,
      this.#bytes?.waitMs(bytes, nowMs, isAwaited) ?? 0,
    )
  }

  /** All that may go, in order; then a timer for the first that may not. */
  #letGo(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const nowMs = this.#clock.monotonicMs()
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const { bytes, sinceMs, resolve, reject } = first
      const waitMs = this.#waitMs(bytes, true)
      const leftMs = sinceMs + this.#waitMsMax - nowMs
      if (waitMs > 0 && leftMs > 0) {
        const delayMs = Math.max(TIMER_MS_MIN, Math.min(waitMs, leftMs))
        this.#timer = this.#clock.after(delayMs, () => this.#letGo())
        return
      }
      this.#queue.shift()
      this.#waitedMs += nowMs - sinceMs
      if (waitMs === 0) {
        this.take(bytes)
        resolve()
      } else {
        this.#refused++
        reject(new BlockError('BUSY', `it waited ${this.#waitMsMax} ms for the volume's limits`))
      }
    }
  }
}

const closedError = (): BlockError => new BlockError('CLOSED', 'the volume is not served here any more')

function changed(
  bucket: TokenBucket | undefined,
  options: { readonly perSecond: number; readonly burst: number; readonly nowMs: number },
): TokenBucket | undefined {
  if (options.perSecond === 0) return undefined
  if (bucket === undefined) return new TokenBucket(options)
  bucket.change(options)
  return bucket
}

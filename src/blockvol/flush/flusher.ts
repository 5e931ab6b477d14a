/**
 * The flusher: moves the oldest generation of the dirty map out of the log, each step durable before the next:
 *
 *   freeze ─► log synced ─► extents ─► maxima ─► map ─► state ─► checkpoint ─► generation dropped, log space freed
 *
 * A step that fails leaves everything as it was for readers: the generation stays and is flushed again, from the
 * start, which is idempotent. A full disk or a damaged log entry stops it with a reason and is tried again later;
 * an error of the disk ends the volume (invariant 10).
 */
import { isBlockError } from '../../base/errors.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import { LsnWaiters } from '../lsn-waiters.ts'
import type { Cut } from './cut.ts'

export interface FlusherOptions<C extends Cut> {
  readonly clock: Clock
  /** How long to wait before trying again after a step that failed for want of something. */
  readonly retryMs: number
  /** Whether anything was appended since the last checkpoint. */
  readonly isNeeded: () => boolean
  /** Freezes the active generation. */
  readonly freeze: () => C
  /** The oldest of the cuts that were made before their time, by snapshots and restores. */
  readonly takeWaiting: () => C | undefined
  /** All steps for one cut. */
  readonly flush: (cut: C) => Promise<void>
  /** The disk failed. */
  readonly onFailed: (error: unknown) => void
  readonly onStalled: (error: unknown) => void
}

/** What passes, or may: no space, a damaged entry or page, a base that is on its way. */
const STALLS = ['NO_SPACE', 'MEDIUM', 'BUSY'] as const

export class Flusher<C extends Cut> {
  readonly #o: FlusherOptions<C>
  #cut: C | undefined
  #running: Promise<void> | undefined
  #isWanted = false
  #retry: Timer | undefined
  readonly #waiters = new LsnWaiters()
  #flushedLsn = 0
  #stall: unknown
  #isClosed = false
  cycles = 0

  constructor(options: FlusherOptions<C>) {
    this.#o = options
  }

  /** Why the last attempt did not get through, until one does. */
  get stall(): unknown {
    return this.#stall
  }

  /** Starts a flush of everything appended so far, unless one runs; then another follows. */
  kick(): void {
    this.#isWanted = true
    if (this.#running === undefined && this.#retry === undefined && !this.#isClosed) this.#start()
  }

  /** Resolves when the checkpoint has reached `lsn`; rejects when the attempt under way fails. */
  through(lsn: number): Promise<void> {
    if (lsn <= this.#flushedLsn || !this.#o.isNeeded()) return Promise.resolve()
    const reached = this.#waiters.wait(lsn)
    this.#retry?.cancel()
    this.#retry = undefined
    this.kick()
    return reached
  }

  /** No further cycles; resolves when the running one has ended. */
  async close(error: unknown): Promise<void> {
    this.#isClosed = true
    this.#retry?.cancel()
    this.#retry = undefined
    this.#waiters.reject(error)
    await this.#running
  }

  #start(): void {
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      if (this.#isWanted && this.#retry === undefined && !this.#isClosed) this.#start()
    })
  }

  async #run(): Promise<void> {
    while (!this.#isClosed && (this.#isWanted || this.#cut !== undefined)) {
      this.#cut ??= this.#o.takeWaiting()
      if (this.#cut === undefined) {
        this.#isWanted = false
        if (!this.#o.isNeeded()) break
        this.#cut = this.#o.freeze()
      }
      const cut = this.#cut
      try {
        await this.#o.flush(cut)
      } catch (error) {
        this.#stopped(error)
        return
      }
      this.#cut = undefined
      this.#stall = undefined
      this.#flushedLsn = cut.lsn
      this.cycles++
      const tell = this.#waiters.take(cut.lsn)
      if (!this.#waiters.isEmpty) this.#isWanted = true
      tell()
    }
  }

  #stopped(error: unknown): void {
    this.#waiters.reject(error)
    if (this.#isClosed) return
    if (!STALLS.some((code) => isBlockError(error, code))) {
      this.#o.onFailed(error)
      return
    }
    if (this.#stall === undefined) this.#o.onStalled(error)
    this.#stall = error
    this.#retry = this.#o.clock.after(this.#o.retryMs, () => {
      this.#retry = undefined
      this.kick()
    })
  }
}

/** Writes and reads of random blocks that go on until they are stopped; each read is checked, each write remembered. */
import { isBlockError } from '../../src/base/errors.ts'
import type { Clock } from '../../src/base/ports/clock.ts'
import { LatencyHistogram } from '../../src/bench/histogram.ts'
import type { Disk } from '../hosts/disk.ts'
import { StepFailure } from '../model/failure.ts'
import type { BlockWork } from './block-work.ts'
import type { Load, LoadOptions, LoadTotals } from './oracle.ts'

/** After an error that a file system would have seen, of that worker. */
const ERROR_PAUSE_MS = 50
/** Every block is in use by others. */
const TAKEN_PAUSE_MS = 1

interface Waiter {
  readonly writes: number
  readonly done: PromiseWithResolvers<void>
}

export class RunningLoad implements Load {
  readonly #work: BlockWork
  readonly #disk: Disk
  readonly #options: LoadOptions
  readonly #blocks: number
  readonly #clock: Clock
  readonly #random: (limit: number) => number
  readonly #histogram = new LatencyHistogram()
  readonly #given = new AbortController()
  readonly #waiters = new Set<Waiter>()
  readonly #workers: Promise<unknown>
  #isStopping = false
  #failure: StepFailure | undefined
  #counts = { writes: 0, reads: 0, flushes: 0, errors: 0 }
  #unflushed = 0
  #answeredMs: number
  #longestGapMs = 0

  /** `blocks`: the first ones of the disk that it uses. `random`: an integer in [0, limit). */
  constructor(
    work: BlockWork,
    parts: {
      readonly disk: Disk
      readonly options: LoadOptions
      readonly blocks: number
      readonly clock: Clock
      readonly random: (limit: number) => number
    },
  ) {
    this.#work = work
    this.#disk = parts.disk
    this.#options = parts.options
    this.#blocks = parts.blocks
    this.#clock = parts.clock
    this.#random = parts.random
    this.#answeredMs = parts.clock.monotonicMs()
    this.#workers = Promise.all(Array.from({ length: parts.options.depth }, () => this.#worker()))
  }

  get failure(): StepFailure | undefined {
    return this.#failure
  }

  get totals(): LoadTotals {
    const gapMs = this.#isStopping ? 0 : this.#clock.monotonicMs() - this.#answeredMs
    return {
      ...this.#counts,
      longestGapMs: Math.max(this.#longestGapMs, gapMs),
      p50Ms: this.#histogram.quantileUs(0.5) / 1000,
      p99Ms: this.#histogram.quantileUs(0.99) / 1000,
    }
  }

  async progress(writes: number, signal: AbortSignal): Promise<void> {
    this.#refuseEnded()
    signal.throwIfAborted()
    const waiter: Waiter = { writes: this.#counts.writes + writes, done: Promise.withResolvers() }
    const abort = (): void => waiter.done.reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    this.#waiters.add(waiter)
    try {
      this.#tellWaiters()
      await waiter.done.promise
    } finally {
      this.#waiters.delete(waiter)
      signal.removeEventListener('abort', abort)
    }
  }

  async stop(signal: AbortSignal): Promise<LoadTotals> {
    this.#halt()
    const abort = (): void => this.#given.abort(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    try {
      await this.#workers
    } finally {
      signal.removeEventListener('abort', abort)
    }
    if (this.#failure !== undefined) throw this.#failure
    signal.throwIfAborted()
    return this.totals
  }

  /** What is under way is given up. Never rejects. */
  async abandon(): Promise<void> {
    this.#halt()
    this.#given.abort()
    await this.#workers
  }

  async #worker(): Promise<void> {
    const { readPercent, paceMs } = this.#options
    while (!this.#isStopping) {
      const isWrite = this.#random(100) >= readPercent
      const block = this.#work.states.take(this.#random(this.#blocks), this.#blocks, isWrite)
      if (block < 0) {
        await this.#clock.sleep(TAKEN_PAUSE_MS)
        continue
      }
      await this.#command(block, isWrite)
      if (paceMs > 0 && !this.#isStopping) await this.#clock.sleep(paceMs)
    }
  }

  /** Of a block that was taken. */
  async #command(block: number, isWrite: boolean): Promise<void> {
    const beganMs = this.#clock.monotonicMs()
    const { signal } = this.#given
    try {
      if (isWrite) await this.#work.write(this.#disk, block, 1, signal)
      else await this.#work.read(this.#disk, block, 1, signal)
      this.#histogram.record((this.#clock.monotonicMs() - beganMs) * 1000)
      this.#answered(isWrite ? 'writes' : 'reads')
    } catch (error) {
      await this.#failed(error)
    } finally {
      this.#work.states.release(block)
    }
    if (isWrite) await this.#flushWhenDue()
  }

  async #flushWhenDue(): Promise<void> {
    const { flushEvery } = this.#options
    if (flushEvery === 0 || this.#unflushed < flushEvery) return
    this.#unflushed = 0
    try {
      await this.#work.flush(this.#disk, this.#given.signal)
      this.#answered('flushes')
    } catch (error) {
      await this.#failed(error)
    }
  }

  #answered(kind: 'writes' | 'reads' | 'flushes'): void {
    const nowMs = this.#clock.monotonicMs()
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#answeredMs)
    this.#answeredMs = nowMs
    this.#counts[kind]++
    if (kind !== 'writes') return
    this.#unflushed++
    this.#tellWaiters()
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#given.signal.aborted) return
    if (error instanceof StepFailure) {
      this.#failure ??= error
      this.#halt()
      return
    }
    if (!isBlockError(error)) {
      this.#failure ??= new StepFailure('ACTION', `the load on ${this.#disk.volume} broke`, null, {
        cause: error,
      })
      this.#halt()
      return
    }
    this.#counts.errors++
    await this.#clock.sleep(ERROR_PAUSE_MS)
  }

  #halt(): void {
    if (this.#isStopping) return
    const gapMs = this.#clock.monotonicMs() - this.#answeredMs
    this.#longestGapMs = Math.max(this.#longestGapMs, gapMs)
    this.#isStopping = true
    for (const { done } of this.#waiters) done.reject(this.#ended())
  }

  #refuseEnded(): void {
    if (this.#isStopping) throw this.#ended()
  }

  #ended(): StepFailure {
    return this.#failure ?? new StepFailure('ACTION', `the load on ${this.#disk.volume} was stopped`)
  }

  #tellWaiters(): void {
    for (const { writes, done } of this.#waiters) if (this.#counts.writes >= writes) done.resolve()
  }
}

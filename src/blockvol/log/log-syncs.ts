/**
 * fdatasyncs of the log: one is on its way at a time and serves everyone who waited when it began. The durable LSN
 * rises only here (invariant 6).
 */
import { assert } from '../../base/assert.ts'
import { type LatencySink, US_PER_MS } from '../../base/latency-sink.ts'
import type { Clock } from '../../base/ports/clock.ts'
import { LsnWaiters } from '../lsn-waiters.ts'
import type { LogFile } from './log-file.ts'

export interface LogSyncsOptions {
  readonly file: LogFile
  readonly clock: Clock
  readonly durableLsn: number
  /** Position up to which the log is on the disk. */
  readonly syncedTo: number
  /** What a sync that begins now covers: everything that is appended. */
  readonly covered: () => { readonly lsn: number; readonly head: number }
  readonly onStart: (head: number, nowMs: number) => void
  readonly onSynced: () => void
  readonly onFailed: (error: unknown) => void
  /** Of those that succeed. */
  readonly took: LatencySink | undefined
}

export class LogSyncs {
  readonly #o: LogSyncsOptions
  readonly #waiters = new LsnWaiters()
  #durableLsn: number
  #isRunning = false
  #hasFailed = false
  #running: Promise<void> = Promise.resolve()
  /** Where the head was when the last sync began: the next group does not share a page with what lies before. */
  syncedTo: number
  startedMs = Number.POSITIVE_INFINITY
  count = 0

  constructor(options: LogSyncsOptions) {
    this.#o = options
    this.#durableLsn = options.durableLsn
    this.syncedTo = options.syncedTo
  }

  get durableLsn(): number {
    return this.#durableLsn
  }

  /** Resolves when everything up to `lsn`, which is appended, is durable. */
  through(lsn: number): Promise<void> {
    const synced = this.#waiters.wait(lsn)
    if (!this.#isRunning) this.#start()
    return synced
  }

  /** Resolves when none is on its way, also after `fail`. */
  async quiesced(): Promise<void> {
    do await this.#running
    while (this.#isRunning && !this.#hasFailed)
  }

  /** Entries above `lsn` are void. Only when none is on its way. */
  lower(lsn: number): void {
    assert(!this.#isRunning, 'what a sync covers is not voided under it')
    this.#durableLsn = Math.min(this.#durableLsn, lsn)
  }

  /** Ends it: everyone who waits gets `error`. */
  fail(error: unknown): void {
    this.#hasFailed = true
    this.#waiters.reject(error)
  }

  #start(): void {
    const { file, clock, covered, onStart, onFailed } = this.#o
    this.#isRunning = true
    const { lsn, head } = covered()
    this.syncedTo = head
    this.count++
    this.startedMs = clock.monotonicMs()
    onStart(head, this.startedMs)
    this.#running = file.datasync().then(() => this.#synced(lsn), onFailed)
  }

  #synced(covers: number): void {
    if (this.#hasFailed) return // a late completion of what was given up
    const { clock, took } = this.#o
    took?.record((clock.monotonicMs() - this.startedMs) * US_PER_MS)
    this.#isRunning = false
    this.startedMs = Number.POSITIVE_INFINITY
    assert(covers >= this.#durableLsn, 'the durable LSN never goes back')
    this.#durableLsn = covers
    const tell = this.#waiters.take(covers)
    if (!this.#waiters.isEmpty) this.#start()
    this.#o.onSynced()
    tell()
  }
}

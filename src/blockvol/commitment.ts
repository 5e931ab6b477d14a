/**
 * When an entry counts. A volume alone commits what it appends, and a flush is its own fdatasync. A replicated one is
 * told by v2engine which LSN its mode's replicas have: until then nothing of the entry is acknowledged, shown to
 * a reader, or flushed to extents (invariants 1, 3 and 7). What hosts are told may come later than what is flushed: a
 * set below `minInSync` commits, and acknowledges nothing.
 */
import { type Lsn, lsn as toLsn } from '../base/units.ts'
import type { LogWriter } from './log/log-writer.ts'
import { LsnWaiters } from './lsn-waiters.ts'

export interface Commitment {
  /** Everything up to here is committed. */
  readonly lsn: Lsn
  /** Resolves when everything up to `lsn` is committed; undefined when it is. */
  committed(lsn: number): Promise<void> | undefined
  /** Everything up to here may be flushed to extents. */
  readonly flushableLsn: Lsn
  /** Resolves when everything up to `lsn` may be flushed to extents; undefined when it may. */
  flushable(lsn: number): Promise<void> | undefined
  /** Resolves when everything up to `lsn`, which is appended, is as durable as the mode promises. */
  flushed(lsn: number): Promise<void>
  /** Nothing more is committed: everyone who waits gets `error`. */
  fail(error: unknown): void
}

/** A volume without replicas. */
export class CommittedAlone implements Commitment {
  readonly #writer: LogWriter

  constructor(writer: LogWriter) {
    this.#writer = writer
  }

  get lsn(): Lsn {
    return this.#writer.appendedLsn
  }

  get flushableLsn(): Lsn {
    return this.#writer.appendedLsn
  }

  committed(): undefined {
    return undefined
  }

  flushable(): undefined {
    return undefined
  }

  flushed(lsn: number): Promise<void> {
    return this.#writer.sync(lsn)
  }

  fail(): void {
    // those who wait for the writer are told by it
  }
}

export interface ReplicatedOptions {
  /** What is known to be committed when the volume is opened: its checkpoint. */
  readonly lsn: Lsn
  /** A host asks for a flush of everything up to `lsn`. */
  readonly onFlushAsked: (lsn: Lsn) => void
}

/** A volume with replicas: an engine decides, and calls `commit`, `acknowledge`, `flush`, `refuse`. */
export class CommittedByReplicas implements Commitment {
  readonly #onFlushAsked: (lsn: Lsn) => void
  #lsn: Lsn
  #flushedLsn: Lsn
  #flushableLsn: Lsn
  readonly #commits = new LsnWaiters()
  readonly #flushes = new LsnWaiters()
  readonly #flushables = new LsnWaiters()
  #failure: { readonly error: unknown } | undefined

  constructor(options: ReplicatedOptions) {
    this.#lsn = options.lsn
    this.#flushedLsn = options.lsn
    this.#flushableLsn = options.lsn
    this.#onFlushAsked = options.onFlushAsked
  }

  get lsn(): Lsn {
    return this.#lsn
  }

  get flushableLsn(): Lsn {
    return this.#flushableLsn
  }

  committed(lsn: number): Promise<void> | undefined {
    if (lsn <= this.#lsn) return undefined
    return this.#failure === undefined ? this.#commits.wait(lsn) : Promise.reject(this.#failure.error)
  }

  flushable(lsn: number): Promise<void> | undefined {
    if (lsn <= this.#flushableLsn) return undefined
    return this.#failure === undefined ? this.#flushables.wait(lsn) : Promise.reject(this.#failure.error)
  }

  flushed(lsn: number): Promise<void> {
    if (lsn <= this.#flushedLsn) return Promise.resolve()
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error)
    const flushed = this.#flushes.wait(lsn)
    this.#onFlushAsked(toLsn(lsn))
    return flushed
  }

  /** Everything up to `lsn` is committed. Hosts are told by `acknowledge`, which may ask for more. */
  commit(lsn: Lsn): void {
    if (lsn <= this.#flushableLsn) return
    this.#flushableLsn = lsn
    this.#flushables.take(lsn)()
  }

  /** Everything up to `lsn` may be acknowledged to hosts and shown to them. */
  acknowledge(lsn: Lsn): void {
    if (lsn <= this.#lsn) return
    this.#lsn = lsn
    this.#commits.take(lsn)()
  }

  /** Every flush up to `lsn` has succeeded. */
  flush(lsn: Lsn): void {
    if (lsn <= this.#flushedLsn) return
    this.#flushedLsn = lsn
    this.#flushes.take(lsn)()
  }

  /** Whoever waits for something up to `lsn` gets `error` and may try again; the entries may yet be committed. */
  refuse(lsn: Lsn, error: unknown): void {
    this.#commits.rejectUpTo(lsn, error)
    this.#flushes.rejectUpTo(lsn, error)
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#commits.reject(error)
    this.#flushes.reject(error)
    this.#flushables.reject(error)
  }
}

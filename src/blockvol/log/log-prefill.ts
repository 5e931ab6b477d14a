/**
 * Writes zeros ahead of the head on the log's first lap. The file's space is reserved but was never written, and
 * the first write to such space makes every fdatasync commit file-system metadata: three times the cost. So while
 * flushes come in, a window ahead of the head is kept written; a load that never flushes pays nothing.
 *
 * Zeros never meet an append: a step begins well ahead of the head, and an append that reaches one that is still
 * on its way waits for it.
 */
import { alignUp, MIB } from '../../base/units.ts'
import type { LogFile } from './log-file.ts'

/** Written when the volume is made. */
export const PREFILLED_BYTES = 4 * MIB
const STEP_BYTES = MIB
/** Wanted ahead of the head. */
const AHEAD_BYTES = 16 * MIB
/** A step begins at least this far ahead; more than any group is long. */
const CLEARANCE_BYTES = 4 * MIB
const ZEROS = new Uint8Array(STEP_BYTES)

export class LogPrefill {
  readonly #file: LogFile
  readonly #onDone: () => void
  readonly #onFailed: (error: unknown) => void
  /** The ring is written up to here. */
  #next: number
  /** Start of the step on its way. */
  #running: number | undefined
  /** Since when, in the caller's milliseconds; Infinity when none is. */
  startedMs = Number.POSITIVE_INFINITY
  #last: Promise<void> = Promise.resolve()

  constructor(file: LogFile, head: number, onDone: () => void, onFailed: (error: unknown) => void) {
    this.#file = file
    this.#onDone = onDone
    this.#onFailed = onFailed
    this.#next = Math.max(PREFILLED_BYTES, alignUp(head, STEP_BYTES))
  }

  /** Starts the next step if the window ahead of `head` is not written yet. */
  advance(head: number, nowMs: number): void {
    const { ringBytes } = this.#file
    if (this.#running !== undefined || this.#next >= ringBytes || this.#next >= head + AHEAD_BYTES) return
    this.#next = Math.max(this.#next, alignUp(head + CLEARANCE_BYTES, STEP_BYTES))
    if (this.#next + STEP_BYTES > ringBytes) return
    this.#running = this.#next
    this.startedMs = nowMs
    this.#next += STEP_BYTES
    this.#last = this.#file.write([ZEROS], this.#running, STEP_BYTES).then(
      () => {
        this.#running = undefined
        this.startedMs = Number.POSITIVE_INFINITY
        this.#onDone()
      },
      (error: unknown) => this.#onFailed(error),
    )
  }

  /** Whether zeros are on their way into [start, end), log positions. */
  isIn(start: number, end: number): boolean {
    return this.#running !== undefined && this.#running < end && start < this.#running + STEP_BYTES
  }

  quiesced(): Promise<void> {
    return this.#last
  }
}

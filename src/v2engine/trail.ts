/**
 * When entries were appended at the primary, coarsely: marks of (LSN, time), at most 128 and at least 50 ms apart. From
 * it follow how long a member owes an acknowledgement, how old the oldest unacknowledged write is, and the lag in time.
 * Old marks fall off: whoever is behind all of them has been late for long enough to be treated the same.
 */
import type { Lsn } from '../base/units.ts'

const MARKS_MAX = 128
const APART_MS = 50

export class Trail {
  /** LSNs and times both rise. `atMs` is when the first entry of the mark was appended. */
  readonly #marks: { lsn: Lsn; readonly atMs: number }[] = []

  record(lsn: Lsn, nowMs: number): void {
    const last = this.#marks.at(-1)
    if (last !== undefined && lsn <= last.lsn) return
    if (last !== undefined && nowMs - last.atMs < APART_MS) last.lsn = lsn
    else this.#marks.push({ lsn, atMs: nowMs })
    if (this.#marks.length > MARKS_MAX) this.#marks.shift()
  }

  /** When the first entry after `lsn` was appended; undefined when there is none. */
  firstAfterMs(lsn: Lsn): number | undefined {
    return this.#marks.find((mark) => mark.lsn > lsn)?.atMs
  }

  /** The last LSN that was appended at or before `atMs`; undefined when there is none. */
  lastBefore(atMs: number): Lsn | undefined {
    return this.#marks.findLast((mark) => mark.atMs <= atMs)?.lsn
  }
}

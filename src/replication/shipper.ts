/**
 * Sends a replica the log's entries, in order, from an LSN on and for as long as its session lives. It reads them back
 * from the log, where the page cache still has what was just appended, so the write path does nothing for a replica and
 * a slow one holds up only its own window: so many bytes may be sent and not yet acknowledged.
 */
import { assert } from '../base/assert.ts'
import { isBlockError } from '../base/errors.ts'
import { type LatencySink, US_PER_MS } from '../base/latency-sink.ts'
import { type Lsn, lsn as toLsn } from '../base/units.ts'
import type { ReadGroup } from '../blockvol/log/log-reader.ts'
import type { SessionFailure } from '../v2engine/events.ts'
import type { SessionRef } from '../v2engine/identity.ts'
import { encodeEntries } from './wire/entries.ts'
import type { FrameKind } from './wire/frame.ts'
import { encodeMessage } from './wire/messages.ts'

export interface ShipperOptions {
  readonly session: SessionRef
  /** The first entry that the replica lacks. */
  readonly from: Lsn
  /** Bytes sent and not acknowledged, from which on the next entries wait. */
  readonly windowBytes: number
  readonly log: {
    readonly appendedLsn: Lsn
    /** See `LogReader.read`. */
    read(from: number, through: number): Promise<ReadGroup | undefined>
  }
  readonly commitLsn: () => Lsn
  /** Of the replica's link; false: wait for `drained`. The payload is lent until `written`. */
  readonly send: (kind: FrameKind, payload: readonly Uint8Array[], written: () => void) => boolean
  /** The session cannot go on. Called at most once, and nothing is sent after it. */
  readonly onFailed: (why: SessionFailure) => void
  /** Of each group of entries, from when it is sent until the replica has it. */
  readonly acknowledged: LatencySink | undefined
  readonly nowMs: () => number
}

interface Sent {
  readonly last: number
  readonly bytes: number
  readonly sentMs: number
}

export class Shipper {
  readonly #o: ShipperOptions
  #next: number
  #sent: Sent[] = []
  #unacknowledgedBytes = 0
  #isReading = false
  #isCongested = false
  #isEnded = false
  /** Bytes of frames handed to the link so far. */
  sentBytes = 0

  constructor(options: ShipperOptions) {
    this.#o = options
    this.#next = options.from
  }

  /** LSN of the last entry that was sent; one below `from` before the first. */
  get sentLsn(): Lsn {
    return toLsn(this.#next - 1)
  }

  /** There may be something to send: to be called at first, and when entries were appended. */
  pump(): void {
    if (this.#isReading || !this.#mayGoOn()) return
    this.#isReading = true
    void this.#run().finally(() => {
      this.#isReading = false
      // what was appended, acknowledged or drained after the last look
      if (this.#mayGoOn()) this.pump()
    })
  }

  /** The replica has everything up to `appended`. */
  acknowledged(appended: Lsn): void {
    assert(appended < this.#next, 'a replica acknowledges what it was sent')
    const { nowMs, acknowledged } = this.#o
    const atMs = nowMs()
    while (this.#sent.length > 0 && this.#sent[0]!.last <= appended) {
      const { bytes, sentMs } = this.#sent.shift()!
      this.#unacknowledgedBytes -= bytes
      acknowledged?.record(Math.max(0, atMs - sentMs) * US_PER_MS)
    }
    this.pump()
  }

  /** The link takes more again. */
  drained(): void {
    this.#isCongested = false
    this.pump()
  }

  /** Nothing more is sent. */
  end(): void {
    this.#isEnded = true
  }

  #mayGoOn(): boolean {
    if (this.#isEnded || this.#isCongested || this.#next > this.#o.log.appendedLsn) return false
    return this.#sent.length === 0 || this.#unacknowledgedBytes < this.#o.windowBytes
  }

  async #run(): Promise<void> {
    while (this.#mayGoOn()) {
      const group = await this.#read()
      if (group === undefined) return
      if (this.#isEnded) group.release()
      else this.#ship(group)
    }
  }

  /** The next entries; undefined when the session has failed. */
  async #read(): Promise<ReadGroup | undefined> {
    const { log } = this.#o
    try {
      const group = await log.read(this.#next, log.appendedLsn)
      if (group === undefined) this.#fail('log no longer retained')
      return group
    } catch (error) {
      // of a session that is over nobody wants to know
      if (this.#isEnded) return undefined
      if (!isBlockError(error, 'MEDIUM') && !isBlockError(error, 'DISK')) throw error
      this.#fail('source damaged')
      return undefined
    }
  }

  #ship({ epoch, entries, release }: ReadGroup): void {
    const { session, commitLsn, send, nowMs } = this.#o
    const first = entries[0]?.lsn
    const last = entries.at(-1)?.lsn
    assert(first === this.#next && last !== undefined, 'entries are sent without a gap')
    const { kind, payload } = encodeMessage({
      kind: 'entries',
      session,
      first: toLsn(first),
      last: toLsn(last),
      commit: commitLsn(),
    })
    const pieces = [payload, ...encodeEntries(epoch, entries)]
    const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
    this.#next = last + 1
    this.#sent.push({ last, bytes, sentMs: nowMs() })
    this.#unacknowledgedBytes += bytes
    this.sentBytes += bytes
    if (!send(kind, pieces, release)) this.#isCongested = true
  }

  #fail(why: SessionFailure): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#o.onFailed(why)
  }
}

/**
 * Writes the log. Owns the head of the ring, LSNs, group append and group flush. Always true:
 *
 * - An LSN exists only with its appended entry: numbers are given when a group is composed, and a failed append
 *   ends the writer (invariants 10 and 11).
 * - One append is on its way at a time; all that arrives meanwhile goes into the next group. Entries settle in
 *   LSN order. One fdatasync is on its way at a time and serves everyone who waited when it began.
 * - `durableLsn` rises only after fdatasync (invariant 6).
 * - A group composed after an fdatasync began starts on a fresh 4 KiB page, so writing it cannot harm what that
 *   fdatasync covers; the rest of a group's last page is written as zeros, so that the kernel need not read it.
 *
 * What stops for want of room waits here, bounded in time, and then fails with BUSY: nothing of it was appended.
 */
import { assert } from '../../base/assert.ts'
import { viewOf } from '../../base/binary.ts'
import { BlockError } from '../../base/errors.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import {
  alignDown,
  alignUp,
  BLOCK_BYTES,
  type Epoch,
  KIB,
  type LogPosition,
  type Lsn,
  logPosition,
  lsn as toLsn,
} from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'
import {
  ENTRY_BYTES,
  type EntryKind,
  GROUP_ENTRIES_MAX,
  GROUP_FLAG_PAD,
  GROUP_HEADER_BYTES,
  groupHeaderBytes,
  headerBytesMax,
  sealGroup,
  writeEntry,
} from '../format/log-group.ts'
import type { LogFile } from './log-file.ts'
import { LogPrefill } from './log-prefill.ts'

/**
 * How far into the ring an entry may go: content up to the hard watermark, trims (which free space and are tiny)
 * almost to the end, and the volume's own bookkeeping to the very end, so that an opening always has room.
 */
export type LogReach = 'content' | 'trim' | 'bookkeeping'

/** Kept free of trims, for bookkeeping: some openings in a row that each crash. */
export const BOOKKEEPING_BYTES = 32 * KIB

/** An entry on its way into the log. `data` is lent until `settled`. */
export interface LogRequest {
  readonly kind: EntryKind
  readonly block: number
  readonly blocks: number
  /** Whole blocks. */
  readonly data: Uint8Array | undefined
  readonly argument: number
  readonly reach: LogReach
  /** Called where the entry gets its LSN; throws to refuse it. */
  readonly admit: (() => void) | undefined
  settled(error: unknown, lsn: Lsn): void
}

/** One entry as it was appended. */
export interface AppendedEntry {
  readonly request: LogRequest
  readonly lsn: number
  /** Log position of its first data block. */
  readonly dataPosition: number
  /** Checksum of its data block `i`. */
  checksum(i: number): number
}

export interface LogWriterOptions {
  readonly file: LogFile
  readonly clock: Clock
  readonly logTag: bigint
  readonly epoch: Epoch
  /** End of the last valid group; appending goes on at the next page. */
  readonly head: LogPosition
  readonly lastLsn: Lsn
  readonly checkpoint: LogPosition
  readonly hardWatermark: number
  readonly timeoutMs: number
  /** An append or fdatasync that takes longer has failed: a disk that hangs is a disk that is gone. */
  readonly hungMs: number
  /** An entry was appended; called in LSN order before anyone is told. */
  readonly onAppended: (entry: AppendedEntry) => void
  /** All entries of a group were told: LSN and position stand at a boundary again. */
  readonly onGroup: () => void
  /** Some entries have settled, one way or the other. */
  readonly onSettled: () => void
  /** Something waits for room. */
  readonly onFull: () => void
  /** An append or fdatasync failed. Called once. */
  readonly onFailed: (error: unknown) => void
}

const GROUP_BLOCKS_MAX = 512
const GROUP_BYTES_MAX = headerBytesMax(GROUP_BLOCKS_MAX) + GROUP_BLOCKS_MAX * BLOCK_BYTES
const ENTRY_BLOCKS_MAX = 256
const ZEROS = new Uint8Array(BLOCK_BYTES)

interface Waiter {
  readonly lsn: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class LogWriter {
  readonly #o: LogWriterOptions
  readonly #groupBlocksMax: number
  readonly #entryBlocksMax: number
  readonly #header: Uint8Array
  readonly #view: DataView
  readonly #prefill: LogPrefill
  #queue: LogRequest[] = []
  #inFlight: LogRequest[] = []
  #queuedBytes = 0
  #submitted = 0
  #settledCount = 0
  #settleWaiters: Waiter[] = []
  #appending = false
  /** A group is in the log and its entries are being told one by one. */
  #isRecording = false
  #head: number
  /** Where the head was when the last fdatasync began: the next group does not share a page with what lies before. */
  #syncedTo: number
  #tail: number
  #appendedLsn: number
  #appendedEnd: number
  #durableLsn: number
  #syncing = false
  #syncWaiters: Waiter[] = []
  #stallTimer: Timer | undefined
  /** Watches the oldest I/O; armed at most once, so that an I/O costs no timer. */
  #watch: Timer | undefined
  #appendStartedMs = Number.POSITIVE_INFINITY
  #syncStartedMs = Number.POSITIVE_INFINITY
  #failure: { error: unknown } | undefined
  /** What is physically on its way, also after the writer failed. */
  #writing: Promise<void> = Promise.resolve()
  #syncingNow: Promise<void> = Promise.resolve()
  appends = 0
  appendedBytes = 0
  syncs = 0
  stalls = 0

  constructor(options: LogWriterOptions) {
    this.#o = options
    const { ringBytes } = options.file
    this.#groupBlocksMax = Math.max(1, Math.min(GROUP_BLOCKS_MAX, Math.floor(ringBytes / 4 / BLOCK_BYTES)))
    this.#entryBlocksMax = Math.max(1, Math.min(ENTRY_BLOCKS_MAX, Math.floor(ringBytes / 8 / BLOCK_BYTES)))
    this.#header = new Uint8Array(headerBytesMax(this.#groupBlocksMax))
    this.#view = viewOf(this.#header)
    this.#head = alignUp(options.head, BLOCK_BYTES)
    this.#prefill = new LogPrefill(
      options.file,
      this.#head,
      () => this.#pump(),
      (error) => this.#failed(error),
    )
    this.#syncedTo = this.#head
    this.#appendedEnd = options.head
    this.#tail = alignDown(options.checkpoint, BLOCK_BYTES)
    this.#appendedLsn = options.lastLsn
    this.#durableLsn = options.lastLsn
    assert(this.#head - this.#tail <= ringBytes, 'the live log fits the ring')
  }

  /** Greatest number of data blocks of one entry. */
  get entryBlocksMax(): number {
    return this.#entryBlocksMax
  }
  get appendedLsn(): Lsn {
    return toLsn(this.#appendedLsn)
  }
  get durableLsn(): Lsn {
    return toLsn(this.#durableLsn)
  }
  /** The last entry and the end of its group: where a checkpoint may stand. */
  get boundary(): { readonly lsn: Lsn; readonly position: LogPosition } {
    assert(!this.#isRecording, 'a checkpoint does not stand inside a group')
    return { lsn: toLsn(this.#appendedLsn), position: logPosition(this.#appendedEnd) }
  }
  get usedBytes(): number {
    return this.#head - this.#tail
  }
  /** Data bytes taken and not yet appended. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Nothing waits and nothing is on its way to the log. */
  get isQuiet(): boolean {
    return this.#settledCount === this.#submitted && !this.#appending
  }

  submit(request: LogRequest): void {
    if (this.#failure !== undefined) {
      request.settled(this.#failure.error, toLsn(0))
      return
    }
    this.#submitted++
    this.#queuedBytes += request.data?.byteLength ?? 0
    this.#queue.push(request)
    if (!this.#appending) this.#pump()
  }

  /** Whether an entry on its way touches [block, block + blocks). */
  overlapsPending(block: number, blocks: number): boolean {
    const overlaps = (r: LogRequest): boolean => r.block < block + blocks && block < r.block + r.blocks
    return this.#inFlight.some(overlaps) || this.#queue.some(overlaps)
  }

  /** Resolves when everything submitted so far has settled. */
  settledSoFar(): Promise<void> {
    if (this.#settledCount === this.#submitted) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#settleWaiters.push({ lsn: this.#submitted, resolve, reject })
    })
  }

  /** Resolves when everything appended up to `lsn` is durable. */
  sync(lsn: number = this.#appendedLsn): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error)
    if (lsn <= this.#durableLsn) return Promise.resolve()
    assert(lsn <= this.#appendedLsn, 'only what is appended can be made durable')
    return new Promise((resolve, reject) => {
      this.#syncWaiters.push({ lsn, resolve, reject })
      if (!this.#syncing) this.#startSync()
    })
  }

  /** Gives back the ring up to `checkpoint`. */
  advanceTail(checkpoint: LogPosition): void {
    const tail = alignDown(checkpoint, BLOCK_BYTES)
    assert(tail >= this.#tail, 'the tail never goes back')
    assert(checkpoint <= this.#appendedEnd, 'the tail does not pass the head')
    this.#tail = tail
    if (!this.#appending) this.#pump()
  }

  /** Ends the writer: everything waiting fails with `error`, later calls too. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#stallTimer?.cancel()
    this.#stallTimer = undefined
    this.#watch?.cancel()
    this.#watch = undefined
    const waiters = [...this.#syncWaiters, ...this.#settleWaiters]
    this.#syncWaiters = []
    this.#settleWaiters = []
    // what is on its way settles when the disk is done with its buffers
    this.#rejectQueue(error)
    for (const waiter of waiters) waiter.reject(error)
  }

  /** Resolves when no system call of this writer is on its way: only then may the log be opened again. */
  async quiesced(): Promise<void> {
    await Promise.all([this.#writing, this.#syncingNow, this.#prefill.quiesced()])
  }

  #rejectQueue(error: unknown): void {
    const queue = this.#queue
    this.#queue = []
    for (const request of queue) this.#settle(request, error, 0)
    this.#wakeSettled()
  }

  #settle(request: LogRequest, error: unknown, lsn: number): void {
    this.#settledCount++
    this.#queuedBytes -= request.data?.byteLength ?? 0
    request.settled(error, toLsn(lsn))
  }

  #wakeSettled(): void {
    this.#o.onSettled()
    if (this.#settleWaiters.length === 0) return
    const ready = this.#settleWaiters.filter((waiter) => waiter.lsn <= this.#settledCount)
    this.#settleWaiters = this.#settleWaiters.filter((waiter) => waiter.lsn > this.#settledCount)
    for (const waiter of ready) waiter.resolve()
  }

  /** Starts the next append if there is something to append and room for it. */
  #pump(): void {
    if (this.#failure !== undefined || this.#appending || this.#queue.length === 0) return
    const isShared = alignDown(this.#head, BLOCK_BYTES) < this.#syncedTo
    const start = isShared ? alignUp(this.#head, BLOCK_BYTES) : this.#head
    const { ringBytes } = this.#o.file
    const freeBytes = this.#tail + ringBytes - start
    const toRingEndBytes = ringBytes - (start % ringBytes)
    const first = this.#queue[0]!
    const neededBytes = groupBytes(start, 1, (first.data?.byteLength ?? 0) / BLOCK_BYTES)
    const isOver = start + neededBytes - this.#tail > this.#reachBytes(first.reach)
    if (isOver || neededBytes > freeBytes || (neededBytes > toRingEndBytes && toRingEndBytes >= freeBytes)) {
      this.#stall()
      return
    }
    const limitBytes = Math.min(freeBytes, toRingEndBytes)
    if (this.#prefill.isIn(start, start + Math.min(limitBytes, GROUP_BYTES_MAX))) return
    this.#stallTimer?.cancel()
    this.#stallTimer = undefined
    if (neededBytes > toRingEndBytes) this.#appendPad(start, toRingEndBytes)
    else this.#appendGroup(start, limitBytes)
  }

  #reachBytes(reach: LogReach): number {
    const { ringBytes } = this.#o.file
    switch (reach) {
      case 'content':
        return Math.min(ringBytes * this.#o.hardWatermark, ringBytes - BOOKKEEPING_BYTES)
      case 'trim':
        return ringBytes - BOOKKEEPING_BYTES
      case 'bookkeeping':
        return ringBytes
    }
  }

  #stall(): void {
    this.#o.onFull()
    if (this.#stallTimer !== undefined) return
    this.stalls++
    this.#stallTimer = this.#o.clock.after(this.#o.timeoutMs, () => {
      this.#stallTimer = undefined
      this.#rejectQueue(
        new BlockError('BUSY', 'the log stayed full for the whole time that a write may wait'),
      )
    })
  }

  #appendPad(start: number, lengthBytes: number): void {
    sealGroup(this.#header, this.#view, GROUP_HEADER_BYTES, this.#o.logTag, {
      flags: GROUP_FLAG_PAD,
      lengthBytes,
      entryCount: 0,
      firstLsn: this.#appendedLsn + 1,
      position: start,
      epoch: this.#o.epoch,
      durableLsn: this.#durableLsn,
    })
    const headerBytes = groupHeaderBytes(0, 0)
    this.#write(start, lengthBytes, headerBytes, [this.#header.subarray(0, headerBytes)], [])
  }

  /** Composes and writes one group of the queue's first entries within `limitBytes`. */
  #appendGroup(start: number, limitBytes: number): void {
    const view = this.#view
    const batch: LogRequest[] = []
    let taken = 0
    let dataBlocks = 0
    let tableAt = GROUP_HEADER_BYTES
    const buffers: Uint8Array[] = [this.#header]
    for (; taken < this.#queue.length && batch.length < GROUP_ENTRIES_MAX; taken++) {
      const request = this.#queue[taken]!
      const blocks = (request.data?.byteLength ?? 0) / BLOCK_BYTES
      if (dataBlocks + blocks > this.#groupBlocksMax) break
      const neededBytes = groupBytes(start, batch.length + 1, dataBlocks + blocks)
      if (neededBytes > limitBytes || start + neededBytes - this.#tail > this.#reachBytes(request.reach))
        break
      try {
        request.admit?.()
      } catch (error) {
        this.#settle(request, error, 0)
        continue
      }
      const lsn = this.#appendedLsn + 1 + batch.length
      const { kind, block } = request
      let at = writeEntry(view, tableAt, {
        kind,
        block,
        blocks: request.blocks,
        argument: request.argument,
        dataBlocks: blocks,
      })
      for (let i = 0; i < blocks; i++, at += 4) {
        const content = request.data!.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
        view.setUint32(at, blockChecksum(content, block + i, lsn), true)
      }
      tableAt = at
      dataBlocks += blocks
      batch.push(request)
      if (request.data !== undefined) buffers.push(request.data)
    }
    assert(taken > 0, 'a group takes at least the entry that was checked to fit')
    this.#queue.splice(0, taken)
    if (batch.length === 0) {
      this.#wakeSettled()
      this.#pump()
      return
    }
    const headerBytes = groupHeaderBytes(batch.length, dataBlocks)
    const lengthBytes = headerBytes + dataBlocks * BLOCK_BYTES
    sealGroup(this.#header, view, tableAt, this.#o.logTag, {
      flags: 0,
      lengthBytes,
      entryCount: batch.length,
      firstLsn: this.#appendedLsn + 1,
      position: start,
      epoch: this.#o.epoch,
      durableLsn: this.#durableLsn,
    })
    buffers[0] = this.#header.subarray(0, headerBytes)
    this.#write(start, lengthBytes, lengthBytes, buffers, batch)
  }

  #write(
    start: number,
    lengthBytes: number,
    usedBytes: number,
    buffers: Uint8Array[],
    batch: LogRequest[],
  ): void {
    const fillBytes = alignUp(start + usedBytes, BLOCK_BYTES) - (start + usedBytes)
    if (fillBytes > 0) buffers.push(ZEROS.subarray(0, fillBytes))
    this.#appending = true
    this.#inFlight = batch
    this.#appendStartedMs = this.#o.clock.monotonicMs()
    this.#armWatch()
    this.#writing = this.#o.file.write(buffers, start, usedBytes + fillBytes).then(
      () => this.#appended(start, lengthBytes, batch),
      (error: unknown) => {
        this.#failed(error)
        this.#failBatch()
      },
    )
  }

  #appended(start: number, lengthBytes: number, batch: LogRequest[]): void {
    if (this.#failure !== undefined) {
      this.#failBatch() // a late completion of what was given up
      return
    }
    this.#appendStartedMs = Number.POSITIVE_INFINITY
    // the fill of the last page does not count: the next group overwrites it before the kernel writes it out
    this.appendedBytes += start + lengthBytes - this.#head
    this.#head = start + lengthBytes
    this.#appendedEnd = this.#head
    this.appends++
    let tableAt = GROUP_HEADER_BYTES
    let dataPosition = start + groupHeaderBytes(batch.length, dataBlocksOf(batch))
    const firstLsn = this.#appendedLsn + 1
    this.#isRecording = true
    for (let i = 0; i < batch.length; i++) {
      const request = batch[i]!
      const blocks = (request.data?.byteLength ?? 0) / BLOCK_BYTES
      const sumsAt = tableAt + ENTRY_BYTES
      this.#appendedLsn = firstLsn + i
      this.#o.onAppended({
        request,
        lsn: firstLsn + i,
        dataPosition,
        checksum: (c) => this.#view.getUint32(sumsAt + c * 4, true),
      })
      dataPosition += blocks * BLOCK_BYTES
      tableAt = sumsAt + blocks * 4
    }
    this.#inFlight = []
    this.#isRecording = false
    this.#o.onGroup()
    this.#appending = false
    // the next group is composed before the callers run, so that the disk does not wait for them
    const before = this.#queue.length
    if (before > 0) this.#pump()
    for (let i = 0; i < batch.length; i++) this.#settle(batch[i]!, undefined, firstLsn + i)
    this.#wakeSettled()
    if (!this.#appending) this.#pump()
  }

  #startSync(): void {
    this.#syncing = true
    const covers = this.#appendedLsn
    this.#syncedTo = this.#head
    this.syncs++
    this.#syncStartedMs = this.#o.clock.monotonicMs()
    this.#prefill.advance(this.#head, this.#syncStartedMs)
    this.#armWatch()
    this.#syncingNow = this.#o.file.datasync().then(
      () => this.#synced(covers),
      (error: unknown) => this.#failed(error),
    )
  }

  #synced(covers: number): void {
    if (this.#failure !== undefined) return // a late completion of what was given up
    this.#syncing = false
    this.#syncStartedMs = Number.POSITIVE_INFINITY
    assert(covers >= this.#durableLsn, 'the durable LSN never goes back')
    this.#durableLsn = covers
    const ready = this.#syncWaiters.filter((waiter) => waiter.lsn <= covers)
    this.#syncWaiters = this.#syncWaiters.filter((waiter) => waiter.lsn > covers)
    if (this.#syncWaiters.length > 0) this.#startSync()
    for (const waiter of ready) waiter.resolve()
  }

  #failed(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#o.onFailed(error)
    assert(this.#failure !== undefined, 'the owner of a failed log ends it')
  }

  #armWatch(): void {
    if (this.#watch !== undefined) return
    this.#watch = this.#o.clock.after(this.#o.hungMs, () => {
      this.#watch = undefined
      const oldestMs = Math.min(this.#appendStartedMs, this.#syncStartedMs, this.#prefill.startedMs)
      if (oldestMs === Number.POSITIVE_INFINITY) return
      if (this.#o.clock.monotonicMs() - oldestMs >= this.#o.hungMs) {
        this.#failed(
          new BlockError('DISK', `${this.#o.file.path}: the disk did not answer for ${this.#o.hungMs} ms`),
        )
      } else this.#armWatch()
    })
  }

  /** Settles what was on its way when the writer failed. */
  #failBatch(): void {
    const error = this.#failure?.error
    assert(error !== undefined, 'only a failed writer gives up what is on its way')
    const batch = this.#inFlight
    this.#inFlight = []
    this.#appending = false
    for (const request of batch) this.#settle(request, error, 0)
  }
}

const dataBlocksOf = (batch: readonly LogRequest[]): number =>
  batch.reduce((sum, request) => sum + (request.data?.byteLength ?? 0) / BLOCK_BYTES, 0)

/** Bytes of the ring that such a group takes from `start`, with the fill of its last page. */
const groupBytes = (start: number, entries: number, dataBlocks: number): number =>
  alignUp(start + groupHeaderBytes(entries, dataBlocks) + dataBlocks * BLOCK_BYTES, BLOCK_BYTES) - start

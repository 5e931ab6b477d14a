/**
 * Writes the log. Owns the head of the ring, LSNs, group append and group flush. Always true:
 *
 * - An LSN exists only with its appended entry: numbers are given when a group is composed, and a failed append
 *   ends the writer (invariants 10 and 11).
 * - One append is on its way at a time; all that arrives meanwhile goes into the next group. Entries settle in
 *   LSN order. `LogSyncs` makes them durable.
 * - A group composed after an fdatasync began starts on a fresh 4 KiB page, so writing it cannot harm what that
 *   fdatasync covers; the rest of a group's last page is written as zeros, so that the kernel need not read it.
 *
 * What stops for want of room waits here, bounded in time, and then fails with BUSY: nothing of it was appended.
 */
import { assert } from '../../base/assert.ts'
import { BlockError } from '../../base/errors.ts'
import type { Timer } from '../../base/ports/clock.ts'
import {
  alignDown,
  alignUp,
  BLOCK_BYTES,
  type Epoch,
  type LogPosition,
  type Lsn,
  logPosition,
  lsn as toLsn,
} from '../../base/units.ts'
import { LsnWaiters } from '../lsn-waiters.ts'
import {
  type ComposedGroup,
  dataBlocksOf,
  GROUP_BYTES_MAX,
  GroupComposer,
  type GroupPlace,
  groupBytes,
  type LogRequest,
} from './group-composer.ts'
import { HangWatch } from './hang-watch.ts'
import { LogPrefill } from './log-prefill.ts'
import { LogRoom } from './log-room.ts'
import { LogSyncs } from './log-syncs.ts'
import type { LogWriterOptions } from './log-writer-options.ts'

const ENTRY_BLOCKS_MAX = 256

export class LogWriter {
  readonly #o: LogWriterOptions
  readonly #entryBlocksMax: number
  readonly #room: LogRoom
  readonly #composer: GroupComposer
  readonly #watch: HangWatch
  readonly #prefill: LogPrefill
  #queue: LogRequest[] = []
  #inFlight: readonly LogRequest[] = []
  #queuedBytes = 0
  #submitted = 0
  #settledCount = 0
  readonly #settleWaiters = new LsnWaiters()
  #appending = false
  /** A group is in the log and its entries are being told one by one. */
  #isRecording = false
  #head: number
  /** Of the checkpoint. */
  #tail: number
  /** The ring is kept from here on, also behind the tail; Infinity when nothing is kept. */
  #keptFrom = Number.POSITIVE_INFINITY
  #appendedLsn: number
  #appendedEnd: number
  /** Of the last entry. */
  #epoch: Epoch
  readonly #syncs: LogSyncs
  #stallTimer: Timer | undefined
  #appendStartedMs = Number.POSITIVE_INFINITY
  /** Since when entries wait for a checkpoint; Infinity while none does. */
  #unflushedSinceMs = Number.POSITIVE_INFINITY
  #failure: { error: unknown } | undefined
  /** What is physically on its way, also after the writer failed. */
  #writing: Promise<void> = Promise.resolve()
  appends = 0
  appendedBytes = 0
  stalls = 0
  /** Entries that were refused because the log stayed full. */
  refusals = 0

  constructor(options: LogWriterOptions) {
    this.#o = options
    const { ringBytes, path } = options.file
    this.#entryBlocksMax = Math.max(1, Math.min(ENTRY_BLOCKS_MAX, Math.floor(ringBytes / 8 / BLOCK_BYTES)))
    this.#room = new LogRoom(ringBytes, options.hardWatermark)
    this.#composer = new GroupComposer(ringBytes, options.logTag)
    const hung = `${path}: the disk did not answer for ${options.hungMs} ms`
    this.#watch = new HangWatch({
      clock: options.clock,
      hungMs: options.hungMs,
      oldestMs: () => Math.min(this.#appendStartedMs, this.#syncs.startedMs, this.#prefill.startedMs),
      onHung: () => this.#failed(new BlockError('DISK', hung)),
    })
    this.#head = alignUp(options.head, BLOCK_BYTES)
    this.#prefill = new LogPrefill(
      options.file,
      this.#head,
      () => this.#pump(),
      (error) => this.#failed(error),
    )
    this.#syncs = new LogSyncs({
      file: options.file,
      clock: options.clock,
      durableLsn: options.lastLsn,
      syncedTo: this.#head,
      covered: () => ({ lsn: this.#appendedLsn, head: this.#head }),
      onStart: (head, nowMs) => {
        this.#prefill.advance(head, nowMs)
        this.#watch.arm()
      },
      onSynced: options.onSynced,
      onFailed: (error) => this.#failed(error),
      took: options.syncTook,
    })
    this.#appendedEnd = options.head
    this.#tail = alignDown(options.checkpoint, BLOCK_BYTES)
    if (options.head > options.checkpoint) this.#unflushedSinceMs = options.clock.monotonicMs()
    this.#appendedLsn = options.lastLsn
    this.#epoch = options.epoch
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
    return toLsn(this.#syncs.durableLsn)
  }
  get syncs(): number {
    return this.#syncs.count
  }
  /** Of the last entry. */
  get epoch(): Epoch {
    return this.#epoch
  }
  /** The last entry and the end of its group: where a checkpoint may stand. */
  get boundary(): { readonly lsn: Lsn; readonly position: LogPosition } {
    assert(!this.#isRecording, 'a checkpoint does not stand inside a group')
    return { lsn: toLsn(this.#appendedLsn), position: logPosition(this.#appendedEnd) }
  }
  /** Bytes of the ring that may not be written over. */
  get usedBytes(): number {
    return this.#head - Math.min(this.#tail, this.#keptFrom)
  }
  /** Of these, what no checkpoint covers. */
  get unflushedBytes(): number {
    return this.#head - this.#tail
  }
  /** Since the last checkpoint, or since the first entry behind it; 0 while a checkpoint covers everything. */
  get unflushedMs(): number {
    return Math.max(0, this.#o.clock.monotonicMs() - this.#unflushedSinceMs)
  }
  /** Data bytes taken and not yet appended. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Less is left than some openings in a row may need that each crash. */
  get isNearlyFull(): boolean {
    const wantedBytes = Math.max(this.#room.reserveBytes / 2, 2 * BLOCK_BYTES)
    return this.#o.file.ringBytes - this.usedBytes < wantedBytes
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
    return this.#settleWaiters.wait(this.#submitted)
  }

  /** Resolves when everything appended up to `lsn` is durable. */
  sync(lsn: number = this.#appendedLsn): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error)
    if (lsn <= this.#syncs.durableLsn) return Promise.resolve()
    assert(lsn <= this.#appendedLsn, 'only what is appended can be made durable')
    return this.#syncs.through(lsn)
  }

  /** Gives back the ring up to `checkpoint`. */
  advanceTail(checkpoint: LogPosition): void {
    const tail = alignDown(checkpoint, BLOCK_BYTES)
    assert(tail >= this.#tail, 'the tail never goes back')
    assert(checkpoint <= this.#appendedEnd, 'the tail does not pass the head')
    this.#tail = tail
    const isAll = checkpoint >= this.#appendedEnd
    this.#unflushedSinceMs = isAll ? Number.POSITIVE_INFINITY : this.#o.clock.monotonicMs()
    if (!this.#appending) this.#pump()
  }

  /** Keeps the ring from `position` on, also behind the checkpoint, until the next call; nothing when undefined. */
  keepFrom(position: LogPosition | undefined): void {
    this.#keptFrom = position === undefined ? Number.POSITIVE_INFINITY : alignDown(position, BLOCK_BYTES)
    assert(this.usedBytes <= this.#o.file.ringBytes, 'what is kept is in the ring')
    if (!this.#appending) this.#pump()
  }

  /** Ends the writer: everything waiting fails with `error`, later calls too. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#stallTimer?.cancel()
    this.#stallTimer = undefined
    this.#watch.stop()
    // what is on its way settles when the disk is done with its buffers
    this.#rejectQueue(error)
    this.#syncs.fail(error)
    this.#settleWaiters.reject(error)
  }

  /** Resolves when no system call of this writer is on its way: only then may the log be opened again. */
  async quiesced(): Promise<void> {
    await Promise.all([this.#writing, this.#syncs.quiesced(), this.#prefill.quiesced()])
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
    this.#settleWaiters.take(this.#settledCount)()
  }

  /** Starts the next append if there is something to append and room for it. */
  #pump(): void {
    if (this.#failure !== undefined || this.#appending || this.#queue.length === 0) return
    const isShared = alignDown(this.#head, BLOCK_BYTES) < this.#syncs.syncedTo
    const start = isShared ? alignUp(this.#head, BLOCK_BYTES) : this.#head
    const { ringBytes } = this.#o.file
    const tail = this.#head - this.usedBytes
    const freeBytes = tail + ringBytes - start
    const toRingEndBytes = ringBytes - (start % ringBytes)
    const first = this.#queue[0]!
    const neededBytes = groupBytes(start, 1, dataBlocksOf(first))
    const isOver = start + neededBytes - tail > this.#room.limitBytes(first.reach)
    if (isOver || neededBytes > freeBytes || (neededBytes > toRingEndBytes && toRingEndBytes >= freeBytes)) {
      this.#stall()
      return
    }
    const limitBytes = Math.min(freeBytes, toRingEndBytes)
    if (this.#prefill.isIn(start, start + Math.min(limitBytes, GROUP_BYTES_MAX))) return
    this.#stallTimer?.cancel()
    this.#stallTimer = undefined
    if (neededBytes > toRingEndBytes) {
      this.#write(this.#composer.pad(this.#place(start, this.#epoch), toRingEndBytes))
      return
    }
    const fits = (bytes: number, { reach }: LogRequest): boolean =>
      bytes <= limitBytes && start + bytes - tail <= this.#room.limitBytes(reach)
    const waiting = this.#queue.length
    const place = this.#place(start, first.epoch ?? this.#epoch)
    const group = this.#composer.take(this.#queue, place, fits, (request, error) =>
      this.#settle(request, error, 0),
    )
    assert(this.#queue.length < waiting, 'a group takes at least the entry that was checked to fit')
    if (group !== undefined) this.#write(group)
    else {
      this.#wakeSettled()
      this.#pump()
    }
  }

  #place(start: number, epoch: Epoch): GroupPlace {
    return { start, firstLsn: this.#appendedLsn + 1, epoch, durableLsn: this.#syncs.durableLsn }
  }

  /**
   * Voids every entry above `above`, durably; the log goes on with the next LSN. `epoch` is that of the entry `above`.
   * Only for what nobody was promised, and when nothing is on its way; the dirty map has to be built anew afterwards.
   */
  async cut(above: Lsn, epoch: Epoch): Promise<void> {
    assert(this.isQuiet, 'a log is cut when nothing is on its way to it')
    assert(above <= this.#appendedLsn, 'a log is cut at an entry that it has')
    // a sync on its way covers what is voided; zeros may be on their way to where the mark goes
    await this.#syncs.quiesced()
    await this.#prefill.quiesced()
    this.#ensureWorking()
    const start = alignUp(this.#head, BLOCK_BYTES)
    if (start + BLOCK_BYTES - this.#head + this.usedBytes > this.#o.file.ringBytes) {
      throw new BlockError('BUSY', 'the log has no room for the mark that voids its last entries')
    }
    this.#o.index?.cut(above)
    this.#appendedLsn = above
    this.#syncs.lower(above)
    this.#write(this.#composer.cut(this.#place(start, epoch)))
    await this.#writing
    this.#ensureWorking()
    await this.#syncs.through(above)
  }

  #ensureWorking(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #stall(): void {
    this.#o.onFull()
    if (this.#stallTimer !== undefined) return
    this.stalls++
    this.#stallTimer = this.#o.clock.after(this.#o.timeoutMs, () => {
      this.#stallTimer = undefined
      this.refusals += this.#queue.length
      this.#rejectQueue(
        new BlockError('BUSY', 'the log stayed full for the whole time that a write may wait'),
      )
    })
  }

  #write(group: ComposedGroup): void {
    this.#o.index?.reclaim(group.start + group.writtenBytes)
    this.#appending = true
    this.#inFlight = group.batch
    this.#appendStartedMs = this.#o.clock.monotonicMs()
    this.#watch.arm()
    this.#writing = this.#o.file.write(group.buffers, group.start, group.writtenBytes).then(
      () => this.#appended(group),
      (error: unknown) => {
        this.#failed(error)
        this.#failBatch()
      },
    )
  }

  #appended(group: ComposedGroup): void {
    if (this.#failure !== undefined) {
      this.#failBatch() // a late completion of what was given up
      return
    }
    const { start, lengthBytes, firstLsn, batch } = group
    this.#epoch = group.epoch
    if (this.#unflushedSinceMs === Number.POSITIVE_INFINITY) this.#unflushedSinceMs = this.#appendStartedMs
    this.#appendStartedMs = Number.POSITIVE_INFINITY
    // the fill of the last page does not count: the next group overwrites it before the kernel writes it out
    this.appendedBytes += start + lengthBytes - this.#head
    this.#head = start + lengthBytes
    this.#appendedEnd = this.#head
    this.appends++
    if (batch.length > 0) this.#o.index?.add(firstLsn, start)
    this.#isRecording = true
    this.#composer.tell(group, (entry) => {
      this.#appendedLsn = entry.lsn
      this.#o.onAppended(entry)
    })
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

  #failed(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#o.onFailed(error)
    assert(this.#failure !== undefined, 'the owner of a failed log ends it')
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

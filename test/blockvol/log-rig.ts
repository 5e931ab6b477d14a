/**
 * A log alone: a ring in a real file, a writer on it, and the scan that reads it back. Records what was appended and
 * each group as it went to the file; a hook may hold or fail the file's writes and syncs.
 */
import type { Clock } from '../../src/base/ports/clock.ts'
import type { DiskFile } from '../../src/base/ports/disk.ts'
import { type Epoch, epochNumber, logPosition, lsn as toLsn } from '../../src/base/units.ts'
import {
  ENTRY_KIND,
  type EntryKind,
  type GroupHeader,
  parseHeader,
} from '../../src/blockvol/format/log-group.ts'
import { LogFile } from '../../src/blockvol/log/log-file.ts'
import { LogIndex } from '../../src/blockvol/log/log-index.ts'
import type { LogReach } from '../../src/blockvol/log/log-room.ts'
import { type LogCut, type LogScanResult, scanLog } from '../../src/blockvol/log/log-scan.ts'
import { LogWriter } from '../../src/blockvol/log/log-writer.ts'
import { realDisk } from './scratch.ts'

export const LOG_TAG = 0x0123_4567_89ab_cdefn

export interface EntryToAppend {
  readonly kind?: EntryKind
  readonly block?: number
  readonly blocks?: number
  readonly data?: Uint8Array
  readonly argument?: number
  readonly reach?: LogReach
  readonly admit?: () => void
  readonly epoch?: Epoch
}

/** An entry as it was appended, or as a scan found it. */
export interface KnownEntry {
  readonly lsn: number
  readonly kind: EntryKind
  readonly block: number
  readonly blocks: number
  readonly argument: number
  readonly dataPosition: number
  readonly checksums: readonly number[]
  readonly data: Uint8Array
}

/** Where a scan begins. */
export interface LogStart {
  readonly position: number
  readonly lastLsn: number
  readonly epoch: Epoch
}

const EPOCH_0: Epoch = { number: epochNumber(0), id: 0n }

export class LogRig {
  readonly ringBytes: number
  readonly file: LogFile
  readonly index: LogIndex
  readonly #raw: DiskFile
  readonly #clock: Clock
  writer: LogWriter
  /** What the log has from here on is live. */
  start: LogStart = { position: 0, lastLsn: 0, epoch: EPOCH_0 }
  epoch: Epoch = { number: epochNumber(1), id: 11n }
  appended: KnownEntry[] = []
  /** Headers in the order in which they were written; pads too. */
  groups: GroupHeader[] = []
  failures: unknown[] = []
  fullCount = 0
  /** How long fdatasyncs took. */
  readonly syncTookUs: number[] = []
  /** Whether a full log is given back at once, as a quick flusher would. */
  makesRoom = false
  syncs = 0
  /** Asked before each write and sync of the file; may throw or wait. */
  hook: (what: 'write' | 'datasync') => void | Promise<void> = () => undefined

  static async open(path: string, options: { ringBytes: number; clock: Clock }): Promise<LogRig> {
    const raw = await realDisk.open(path, { create: 'new' })
    await raw.write([new Uint8Array(options.ringBytes)], 0)
    return new LogRig(raw, options.ringBytes, options.clock)
  }

  private constructor(raw: DiskFile, ringBytes: number, clock: Clock) {
    this.#raw = raw
    this.ringBytes = ringBytes
    this.#clock = clock
    this.index = new LogIndex(ringBytes)
    this.file = new LogFile(this.#recording(), ringBytes)
    this.writer = this.#write(0, 0)
  }

  #recording(): DiskFile {
    const raw = this.#raw
    return {
      path: raw.path,
      readNow: (target, offsetBytes) => raw.readNow(target, offsetBytes),
      read: (target, offsetBytes) => raw.read(target, offsetBytes),
      readUncached: (target, offsetBytes) => raw.readUncached(target, offsetBytes),
      write: async (buffers, offsetBytes) => {
        const header = parseHeader(buffers[0]!, 0, LOG_TAG)
        if (header !== undefined) this.groups.push(header)
        await this.hook('write')
        await raw.write(buffers, offsetBytes)
      },
      writeMany: (extents) => raw.writeMany(extents),
      datasync: async () => {
        this.syncs++
        await this.hook('datasync')
        await raw.datasync()
      },
      punchHole: (offsetBytes, lengthBytes) => raw.punchHole(offsetBytes, lengthBytes),
      allocate: (offsetBytes, lengthBytes) => raw.allocate(offsetBytes, lengthBytes),
      truncate: (sizeBytes) => raw.truncate(sizeBytes),
      sizeBytes: () => raw.sizeBytes(),
      allocatedBytes: () => raw.allocatedBytes(),
      close: () => raw.close(),
    }
  }

  #write(head: number, lastLsn: number): LogWriter {
    const writer: LogWriter = new LogWriter({
      file: this.file,
      clock: this.#clock,
      logTag: LOG_TAG,
      epoch: this.epoch,
      head: logPosition(head),
      lastLsn: toLsn(lastLsn),
      checkpoint: logPosition(this.start.position),
      hardWatermark: 0.95,
      index: this.index,
      timeoutMs: 5_000,
      hungMs: 30_000,
      onGroup: () => undefined,
      onAppended: ({ request, lsn, dataPosition, checksum }) => {
        const { kind, block, blocks, argument, data } = request
        const copy = Uint8Array.from(data ?? [])
        const checksums = Array.from({ length: copy.byteLength / 4096 }, (_, i) => checksum(i))
        this.appended.push({ lsn, kind, block, blocks, argument, dataPosition, checksums, data: copy })
      },
      onSynced: () => undefined,
      syncTook: { record: (us) => this.syncTookUs.push(us) },
      onSettled: () => undefined,
      onFull: () => {
        this.fullCount++
        if (this.makesRoom) queueMicrotask(() => this.checkpoint())
      },
      onFailed: (error) => {
        this.failures.push(error)
        writer.fail(error)
      },
    })
    return writer
  }

  /** Resolves with the LSN. */
  append(entry: EntryToAppend = {}): Promise<number> {
    const { kind = ENTRY_KIND.trim, block = 0, data, argument = 0, reach = 'content', admit } = entry
    const blocks = entry.blocks ?? (data?.byteLength ?? 4096) / 4096
    return new Promise((resolve, reject) => {
      this.writer.submit({
        kind,
        epoch: entry.epoch,
        block,
        blocks,
        data,
        argument,
        reach,
        admit,
        settled: (error, lsn) => (error === undefined ? resolve(lsn) : reject(error)),
      })
    })
  }

  /** A write of `blocks` blocks that hold `fill`. */
  appendData(block: number, blocks: number, fill: number): Promise<number> {
    const data = new Uint8Array(blocks * 4096).fill(fill)
    return this.append({ kind: ENTRY_KIND.write, block, data })
  }

  /** Gives back everything appended so far. */
  checkpoint(): void {
    const { position, lsn } = this.writer.boundary
    this.start = { position, lastLsn: lsn, epoch: this.epoch }
    this.appended = []
    this.writer.advanceTail(position)
  }

  /** As recovery scans: once more when a cut voids what was given before it. */
  async scan(cuts: readonly LogCut[] = []): Promise<{ entries: KnownEntry[]; result: LogScanResult }> {
    const entries: KnownEntry[] = []
    const { position, lastLsn, epoch } = this.start
    const result = await scanLog({
      file: this.file,
      logTag: LOG_TAG,
      from: position,
      lastLsn,
      epoch,
      cuts,
      onEntry: ({ lsn, kind, block, blocks, argument, dataPosition, checksums, data }) => {
        const copy = Uint8Array.from(data)
        entries.push({ lsn, kind, block, blocks, argument, dataPosition, checksums, data: copy })
      },
    })
    return result.cuts.length > cuts.length ? this.scan(result.cuts) : { entries, result }
  }

  /** The next opening: what a scan finds goes on in a new epoch. */
  async reopen(): Promise<void> {
    await this.writer.quiesced()
    const { result } = await this.scan()
    this.epoch = { number: epochNumber(result.epoch.number + 1), id: BigInt(result.epoch.number + 100) }
    this.writer = this.#write(result.end, result.lastLsn)
  }

  /** Puts bytes into the ring's file behind the writer's back. */
  poke(bytes: Uint8Array, place: number): Promise<void> {
    return this.#raw.write([bytes], place)
  }

  async peek(place: number, lengthBytes: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(lengthBytes)
    await this.#raw.read(bytes, place)
    return bytes
  }

  async close(): Promise<void> {
    this.writer.fail(new Error('the rig is closed'))
    await this.writer.quiesced()
    await this.#raw.close()
  }
}

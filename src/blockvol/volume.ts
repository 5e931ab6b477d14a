/**
 * A volume: one replica, open. Owns its files, wires the engine's parts, and is the `BlockDevice` that front ends
 * drive. Opening it takes a new epoch; it serves in that epoch until it is closed or poisoned, never again after.
 *
 *   opening ──recover──► serving ──close──► closing ──► closed
 *                           └──append or fsync failed──► poisoned ──close──► closed
 */
import { assert, InvariantError } from '../base/assert.ts'
import { BlockError } from '../base/errors.ts'
import type {
  AllocationRun,
  BlockDevice,
  CompareResult,
  DeviceEvent,
  WriteOptions,
} from '../base/ports/block-device.ts'
import type { Timer } from '../base/ports/clock.ts'
import type { DiskFile } from '../base/ports/disk.ts'
import { alignUp, BLOCK_BYTES, type Epoch } from '../base/units.ts'
import { Admission } from './admission.ts'
import { findAllocation } from './allocation.ts'
import type {
  CreateVolumeOptions,
  OpenVolumeOptions,
  ScrubStatus,
  SpaceReport,
  VolumePorts,
  VolumeStatus,
} from './api.ts'
import { BlockLocks } from './block-locks.ts'
import { Checkpointer, type StatefulCut } from './checkpointer.ts'
import { blockChecksum } from './checksum.ts'
import { createVolume } from './create.ts'
import { DataPath } from './data-path.ts'
import { DirtyMap } from './dirty/dirty-map.ts'
import { recordEntry } from './dirty/record-entry.ts'
import { Flusher } from './flush/flusher.ts'
import { ENTRY_KIND, type EntryKind } from './format/log-group.ts'
import { FRONTEND_STATE_BYTES_MAX } from './format/state.ts'
import { MARK } from './format/superblock.ts'
import { checkVersionsHeader, VERSIONS_HEADER_BYTES } from './format/versions.ts'
import { checkGeometry, SEGMENT_BLOCKS } from './geometry.ts'
import type { LogFile } from './log/log-file.ts'
import { type AppendedEntry, LogWriter } from './log/log-writer.ts'
import { BlockMap } from './map/block-map.ts'
import { GrainMaxima } from './map/maxima.ts'
import { BlockReader, type BlockSource } from './reader.ts'
import { recover } from './recovery.ts'
import { Scrubber } from './scrub.ts'
import { SegmentFiles } from './segments.ts'
import { SpaceGuard } from './space-guard.ts'
import { encodeEpochStart, type StateKeeper } from './state-keeper.ts'
import { SuperblockStore } from './superblock-store.ts'
import { DEFAULT_TUNING, type Tuning } from './tuning.ts'
import { reportSpace, VolumeTelemetry } from './volume-status.ts'
import { within } from './within.ts'

interface Files {
  readonly log: DiskFile
  readonly state: DiskFile
  readonly maxima: DiskFile
  readonly versions: DiskFile
}

export class Volume implements BlockDevice {
  readonly uuid: Uint8Array
  readonly name: string
  readonly logicalBlockBytes: 512 | 4096
  readonly readOnly: boolean
  readonly epoch: Epoch
  readonly #ports: VolumePorts
  readonly #tuning: Tuning
  readonly #options: OpenVolumeOptions
  readonly #superblocks: SuperblockStore
  readonly #state: StateKeeper
  readonly #files: Files
  readonly #log: LogFile
  readonly #dirty: DirtyMap
  readonly #map: BlockMap
  readonly #extents: SegmentFiles
  readonly #mapFiles: SegmentFiles
  readonly #writer: LogWriter
  readonly #reader: BlockReader
  readonly #admission: Admission
  readonly #locks = new BlockLocks()
  readonly #path: DataPath
  readonly #checkpointer: Checkpointer
  readonly #flusher: Flusher
  readonly #scrubber: Scrubber
  readonly #telemetry = new VolumeTelemetry()
  readonly #listeners = new Set<(event: DeviceEvent) => void>()
  #failure: BlockError | undefined
  #isClosing = false
  #closed: Promise<void> | undefined
  #idleTimer: Timer | undefined
  #lastAppendMs = 0

  /** Makes a volume; see `createVolume`. */
  static create(ports: VolumePorts, options: CreateVolumeOptions): Promise<void> {
    return createVolume(ports, options)
  }

  /**
   * Opens a volume: recovers it and takes a new epoch. NOT_FOUND when there is none; CORRUPT, UNKNOWN_FORMAT and
   * LOG_DAMAGED when it cannot be opened safely, each naming the file; nothing is changed then.
   */
  static async open(ports: VolumePorts, options: OpenVolumeOptions): Promise<Volume> {
    const { disk } = ports
    const { directory } = options
    const tuning = { ...DEFAULT_TUNING, ...options.tuning }
    await using opened = new AsyncDisposableStack()
    const superblocks = await SuperblockStore.open(disk, directory, { repair: true })
    opened.defer(() => superblocks.close())
    const open = async (path: string): Promise<DiskFile> => {
      const file = await disk.open(path, { create: 'never' })
      opened.defer(() => file.close())
      return file
    }
    const files = {
      log: await open(`${options.logDirectory ?? directory}/log`),
      state: await open(`${directory}/state`),
      maxima: await open(`${directory}/maxima`),
      versions: await open(`${directory}/versions`),
    }
    const header = new Uint8Array(VERSIONS_HEADER_BYTES)
    await files.versions.read(header, 0)
    checkVersionsHeader(header, superblocks.current.uuid, files.versions.path)
    const dirty = new DirtyMap()
    const recovered = await recover(ports, options, superblocks, files, dirty.active)
    const extents = await SegmentFiles.load(disk, `${directory}/extents`, '')
    opened.defer(() => extents.close())
    const mapFiles = await SegmentFiles.load(disk, `${directory}/extents`, '.map')
    opened.defer(() => mapFiles.close())
    let ceiling = (): number => recovered.lastLsn
    const maxima = await GrainMaxima.open(files.maxima, superblocks.current.grainBlocks, () => ceiling())
    const volume = new Volume(ports, options, tuning, {
      superblocks,
      files,
      dirty,
      extents,
      mapFiles,
      maxima,
      ...recovered,
    })
    ceiling = () => volume.#writer.appendedLsn
    await volume.#begin()
    opened.move()
    ports.logger.info('volume.opened', {
      volume: volume.name,
      epoch: volume.epoch.number,
      lsn: recovered.lastLsn,
      replayedEntries: recovered.replayedEntries,
    })
    return volume
  }

  private constructor(
    ports: VolumePorts,
    options: OpenVolumeOptions,
    tuning: Tuning,
    parts: {
      superblocks: SuperblockStore
      files: Files
      dirty: DirtyMap
      extents: SegmentFiles
      mapFiles: SegmentFiles
      maxima: GrainMaxima
    } & Awaited<ReturnType<typeof recover>>,
  ) {
    const { clock, pool, disk } = ports
    const { superblocks, files, dirty, extents, mapFiles, maxima, log, state, epoch } = parts
    const superblock = superblocks.current
    const { repairSource } = options
    this.#ports = ports
    this.#options = options
    this.#tuning = tuning
    this.uuid = superblock.uuid
    this.name = superblock.name
    this.logicalBlockBytes = superblock.logicalBlockBytes
    this.readOnly = options.readOnly ?? false
    this.epoch = epoch
    this.#superblocks = superblocks
    this.#state = state
    this.#files = files
    this.#log = log
    this.#dirty = dirty
    this.#extents = extents
    this.#mapFiles = mapFiles
    this.#map = new BlockMap(mapFiles, tuning.mapCacheBytes, (sector) =>
      this.#telemetry.mapSectorDamaged(sector),
    )
    this.#writer = new LogWriter({
      file: log,
      clock,
      logTag: superblock.logTag,
      epoch,
      head: parts.end,
      lastLsn: parts.lastLsn,
      checkpoint: superblock.checkpoint.position,
      hardWatermark: tuning.hardWatermark,
      timeoutMs: tuning.admissionTimeoutMs,
      hungMs: tuning.hungDiskMs,
      onAppended: (entry) => this.#appended(entry),
      onFull: () => this.#flusher.kick(),
      onFailed: (error) => this.#poison(error),
    })
    this.#reader = new BlockReader({
      dirty,
      map: this.#map,
      log,
      extents,
      repairSource,
      onVerdict: (block, verdict) => this.#telemetry.verdict(block, verdict),
      onRepair: (block, source, content) => void this.#putBack(block, source, content),
    })
    this.#admission = new Admission(clock, tuning, {
      fullness: () =>
        Math.max(this.#writer.usedBytes / log.ringBytes, dirty.rangeCount / tuning.dirtyRangesMax),
      pendingBytes: () => this.#writer.queuedBytes,
    })
    this.#path = new DataPath({
      pool,
      clock,
      reader: this.#reader,
      writer: this.#writer,
      admission: this.#admission,
      locks: this.#locks,
      space: new SpaceGuard({
        disk,
        clock,
        path: options.directory,
        reserveBytes: tuning.reserveBytes,
        unflushedBytes: () => this.#dirty.blockCount * BLOCK_BYTES,
      }),
      isAllocated: async (block, blocks) => {
        const end = block + blocks
        const runs = await findAllocation({ dirty, map: this.#map }, block, end, 2)
        return runs.length === 1 && runs[0]!.mapped && runs[0]!.end === end
      },
      rangeRoom: () => {
        if (dirty.rangeCount < tuning.dirtyRangesMax) return undefined
        const room = this.#flusher.through(this.#writer.appendedLsn)
        return within(clock, tuning.admissionTimeoutMs, room, 'too many trimmed ranges wait to be flushed')
      },
      ensureServing: () => this.#ensureServing(),
    })
    this.#checkpointer = new Checkpointer({
      ports,
      dirty,
      log,
      writer: this.#writer,
      map: this.#map,
      maxima,
      extents,
      state,
      superblocks,
      repairSource,
      onMapped: (block) => this.#telemetry.mapped(block),
    })
    this.#flusher = new Flusher({
      clock,
      retryMs: tuning.flushRetryMs,
      isNeeded: () => this.#writer.appendedLsn > superblocks.current.checkpoint.lsn,
      freeze: () => this.#cut(),
      flush: (cut) => this.#checkpointer.flush(cut as StatefulCut),
      onFailed: (error) => this.#poison(error),
      onStalled: (error) => ports.logger.error('volume.flush-stalled', { volume: this.name }, error),
    })
    this.#scrubber = new Scrubber({
      clock,
      pool,
      reader: this.#reader,
      map: this.#map,
      maxima,
      bytesPerSecond: tuning.scrubBytesPerSecond,
      intervalMs: tuning.scrubIntervalMs,
      sizeBlocks: () => this.sizeBytes / BLOCK_BYTES,
      isServing: () => this.#failure === undefined && !this.#isClosing,
    })
  }

  /** The first entry of the epoch; durable before anyone is served. */
  async #begin(): Promise<void> {
    // a crash may have left a log without room for it
    if (this.#log.ringBytes - this.#writer.usedBytes < this.#log.ringBytes / 16) {
      await this.#flusher.through(this.#writer.appendedLsn)
    }
    await this.#appendState(ENTRY_KIND.epochStart, {
      argument: 0,
      blocks: 0,
      data: encodeEpochStart(this.epoch),
    })
    this.#scrubber.start()
  }

  get sizeBytes(): number {
    return this.#state.current.sizeBytes
  }

  #ensureServing(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#isClosing) throw new BlockError('CLOSED', `volume ${this.name} is closing`)
  }

  #check(offsetBytes: number, lengthBytes: number, isWrite: boolean): void {
    this.#ensureServing()
    const unit = this.logicalBlockBytes
    const isAligned = offsetBytes % unit === 0 && lengthBytes % unit === 0
    if (!isAligned || offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > this.sizeBytes) {
      throw new BlockError(
        'OUT_OF_RANGE',
        `${lengthBytes} bytes at ${offsetBytes} are not whole blocks of the volume`,
        {
          facts: { offsetBytes, lengthBytes, sizeBytes: this.sizeBytes },
        },
      )
    }
    if (isWrite && this.readOnly) throw new BlockError('READ_ONLY', `volume ${this.name} is read-only`)
  }

  readNow(offsetBytes: number, target: Uint8Array): boolean {
    this.#check(offsetBytes, target.byteLength, false)
    if (!this.#path.readNow(offsetBytes, target)) return false
    this.#telemetry.read(target.byteLength)
    return true
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    this.#check(offsetBytes, target.byteLength, false)
    this.#telemetry.read(target.byteLength)
    if (target.byteLength > 0) await this.#path.read(offsetBytes, target)
  }

  async write(offsetBytes: number, data: Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.#check(offsetBytes, data.byteLength, true)
    this.#telemetry.write(data.byteLength)
    if (data.byteLength > 0) await this.#path.write(offsetBytes, data, options)
  }

  async flush(): Promise<void> {
    this.#ensureServing()
    this.#telemetry.flushes++
    await this.#writer.sync()
  }

  async trim(offsetBytes: number, lengthBytes: number, options: WriteOptions = {}): Promise<void> {
    this.#check(offsetBytes, lengthBytes, true)
    this.#telemetry.trim(lengthBytes)
    if (lengthBytes > 0) await this.#path.zero(ENTRY_KIND.trim, offsetBytes, lengthBytes, options)
  }

  async writeZeroes(offsetBytes: number, lengthBytes: number, options: WriteOptions = {}): Promise<void> {
    this.#check(offsetBytes, lengthBytes, true)
    this.#telemetry.trim(lengthBytes)
    if (lengthBytes > 0) await this.#path.zero(ENTRY_KIND.writeZeroes, offsetBytes, lengthBytes, options)
  }

  async writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options: WriteOptions = {},
  ): Promise<void> {
    this.#check(offsetBytes, lengthBytes, true)
    if (pattern.byteLength !== this.logicalBlockBytes) {
      throw new BlockError('INVALID_ARGUMENT', `a pattern has ${this.logicalBlockBytes} bytes`)
    }
    this.#telemetry.write(lengthBytes)
    if (lengthBytes > 0) await this.#path.writeSame(offsetBytes, lengthBytes, pattern, options)
  }

  async compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options: WriteOptions = {},
  ): Promise<CompareResult> {
    this.#check(offsetBytes, data.byteLength, true)
    assert(expected.byteLength === data.byteLength, 'what is compared is as long as what is written')
    this.#telemetry.write(data.byteLength)
    if (data.byteLength === 0) return { equal: true }
    return this.#path.compareAndWrite(offsetBytes, expected, data, options)
  }

  async readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options: WriteOptions = {},
  ): Promise<void> {
    this.#check(offsetBytes, lengthBytes, true)
    this.#telemetry.write(lengthBytes)
    if (lengthBytes > 0) await this.#path.modify(offsetBytes, lengthBytes, combine, options)
  }

  async allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    this.#check(offsetBytes, lengthBytes, false)
    const end = offsetBytes + lengthBytes
    const first = Math.floor(offsetBytes / BLOCK_BYTES)
    const runs = await findAllocation(
      { dirty: this.#dirty, map: this.#map },
      first,
      Math.ceil(end / BLOCK_BYTES),
      runsMax,
    )
    return runs.map((run) => {
      const start = Math.max(offsetBytes, run.start * BLOCK_BYTES)
      return {
        offsetBytes: start,
        lengthBytes: Math.min(end, run.end * BLOCK_BYTES) - start,
        mapped: run.mapped,
      }
    })
  }

  frontendState(): Uint8Array {
    return this.#state.current.frontendState
  }

  async setFrontendState(state: Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.#ensureServing()
    const bytesMax = Math.min(FRONTEND_STATE_BYTES_MAX, this.#writer.entryBlocksMax * BLOCK_BYTES)
    if (state.byteLength > bytesMax) {
      throw new BlockError(
        'INVALID_ARGUMENT',
        `front-end state of ${state.byteLength} bytes is above ${bytesMax}`,
      )
    }
    const data = new Uint8Array(alignUp(Math.max(1, state.byteLength), BLOCK_BYTES))
    data.set(state)
    const entry = { argument: state.byteLength, blocks: 0, data }
    await this.#appendState(ENTRY_KIND.frontendState, entry, options.admit)
  }

  /** Grows the volume through the log; durable when the promise resolves. Shrinking is refused. */
  async resize(sizeBytes: number): Promise<void> {
    this.#ensureServing()
    checkGeometry(sizeBytes, this.logicalBlockBytes, this.#log.ringBytes)
    if (sizeBytes < this.sizeBytes) {
      throw new BlockError(
        'INVALID_ARGUMENT',
        `volume ${this.name} cannot shrink from ${this.sizeBytes} to ${sizeBytes}`,
      )
    }
    await this.#appendState(ENTRY_KIND.resize, {
      argument: 0,
      blocks: sizeBytes / BLOCK_BYTES,
      data: undefined,
    })
    this.#emit({ kind: 'resized', sizeBytes: this.sizeBytes })
  }

  /** Appends an entry that changes the state, and syncs it. */
  async #appendState(
    kind: EntryKind,
    entry: { argument: number; blocks: number; data: Uint8Array | undefined },
    admit?: () => void,
  ): Promise<void> {
    const lsn = await new Promise<number>((resolve, reject) => {
      this.#writer.submit({
        kind,
        block: 0,
        ...entry,
        urgent: true,
        admit,
        settled: (error, appendedLsn) => (error === undefined ? resolve(appendedLsn) : reject(error)),
      })
    })
    await this.#writer.sync(lsn)
  }

  subscribe(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #emit(event: DeviceEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }

  /** An entry is in the log: from here on readers see it. */
  #appended({ request, lsn, dataPosition, checksum }: AppendedEntry): void {
    recordEntry(this.#dirty.active, request, lsn, dataPosition, checksum)
    if (request.kind >= ENTRY_KIND.epochStart) this.#state.apply({ ...request, lsn })
    this.#lastAppendMs = this.#ports.clock.monotonicMs()
    const isFull =
      this.#writer.usedBytes > this.#log.ringBytes * this.#tuning.flushWatermark ||
      this.#dirty.rangeCount > this.#tuning.dirtyRangesMax / 2
    if (isFull) this.#flusher.kick()
    else if (this.#idleTimer === undefined) this.#armIdleFlush(this.#tuning.idleFlushMs)
  }

  /** One timer, not one per write: it looks at the last write when it fires. */
  #armIdleFlush(delayMs: number): void {
    this.#idleTimer = this.#ports.clock.after(delayMs, () => {
      this.#idleTimer = undefined
      if (this.#failure !== undefined || this.#isClosing) return
      const restMs = this.#lastAppendMs + this.#tuning.idleFlushMs - this.#ports.clock.monotonicMs()
      if (restMs > 0) this.#armIdleFlush(restMs)
      else this.#flusher.kick()
    })
  }

  #cut(): StatefulCut {
    return {
      generation: this.#dirty.freeze(),
      lsn: this.#writer.appendedLsn,
      position: this.#writer.appendedEnd,
      state: this.#state.current,
      epoch: this.epoch,
    }
  }

  /** Moves everything appended so far into extents and map, and the checkpoint past it. */
  async checkpoint(): Promise<void> {
    this.#ensureServing()
    await this.#flusher.through(this.#writer.appendedLsn)
  }

  /** Verifies every block now; the pass under way, if there is one. */
  scrub(): Promise<ScrubStatus> {
    this.#ensureServing()
    return this.#scrubber.run()
  }

  /** Writes a good copy over a bad one, if that is still the block's newest version. */
  async #putBack(block: number, source: BlockSource, content: Uint8Array): Promise<void> {
    const release = await this.#locks.acquire(block, block + 1)
    try {
      const now = this.#reader.locateNow(block)
      if (this.#failure !== undefined || now?.kind !== source.kind || now.lsn !== source.lsn) return
      assert(
        blockChecksum(content, source.seedBlock, source.lsn) === source.checksum,
        'a repair passes its checksum',
      )
      if (source.kind === 'log') await this.#log.write([content], source.position, BLOCK_BYTES)
      else {
        const file = await this.#extents.get(Math.floor(block / SEGMENT_BLOCKS), false)
        await file?.write([content], (block % SEGMENT_BLOCKS) * BLOCK_BYTES)
        await file?.datasync()
      }
    } catch (error) {
      this.#poison(error)
    } finally {
      release()
    }
  }

  /** The disk failed: nothing more is acknowledged; the volume has to be closed and opened from disk. */
  #poison(error: unknown): void {
    if (this.#failure !== undefined) return
    const reason = error instanceof Error ? error.message : String(error)
    this.#failure = new BlockError('POISONED', `volume ${this.name} stopped serving: ${reason}`, {
      cause: error,
    })
    this.#ports.logger.error('volume.poisoned', { volume: this.name, epoch: this.epoch.number }, error)
    this.#writer.fail(this.#failure)
    this.#admission.fail(this.#failure)
    void this.#flusher.close(this.#failure)
    this.#idleTimer?.cancel()
    this.#emit({ kind: 'lost', reason })
    if (error instanceof InvariantError) throw error
  }

  /**
   * Stops taking operations, finishes what is under way, flushes everything and closes. A volume that cannot flush
   * (full disk, damaged log entry) is closed with its log as it is, durable. Idempotent.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#isClosing = true
    this.#idleTimer?.cancel()
    await this.#scrubber.stop()
    if (this.#failure === undefined) {
      try {
        await this.#writer.settledSoFar()
        await this.#flusher.through(this.#writer.appendedLsn)
        await this.#superblocks.update({ marks: this.#superblocks.current.marks | MARK.clean })
      } catch (error) {
        this.#ports.logger.warn('volume.closed-unclean', { volume: this.name }, error)
        if (this.#failure === undefined) await this.#writer.sync()
      }
    }
    const closed = new BlockError('CLOSED', `volume ${this.name} is closed`)
    this.#writer.fail(this.#failure ?? closed)
    this.#admission.fail(this.#failure ?? closed)
    await this.#flusher.close(this.#failure ?? closed)
    await this.#writer.quiesced()
    if (this.#failure !== undefined) {
      const { marks } = this.#superblocks.current
      await this.#superblocks.update({ marks: marks | MARK.poisoned }).catch((error: unknown) => {
        this.#ports.logger.warn('volume.poison-mark-failed', { volume: this.name }, error)
      })
    }
    const files = [this.#extents, this.#mapFiles, this.#superblocks, ...Object.values(this.#files)]
    await Promise.allSettled(files.map((file) => file.close()))
  }

  status(): VolumeStatus {
    const { checkpoint } = this.#superblocks.current
    return this.#telemetry.status({
      volume: this,
      failure: this.#failure,
      isClosed: this.#isClosing,
      stall: this.#flusher.stall,
      writer: this.#writer,
      checkpointLsn: checkpoint.lsn,
      logBytes: this.#log.ringBytes,
      dirtyBlocks: this.#dirty.blockCount,
      admission: this.#admission,
      checkpointer: this.#checkpointer,
      checkpoints: this.#flusher.cycles,
      scrub: this.#scrubber.status(),
    })
  }

  space(): Promise<SpaceReport> {
    const { disk } = this.#ports
    return reportSpace({
      extents: this.#extents,
      maps: this.#mapFiles,
      files: this.#files,
      freeBytes: async () => (await disk.space(this.#options.directory)).freeBytes,
    })
  }
}

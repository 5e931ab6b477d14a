/**
 * A volume: one replica, open. Owns its files, wires the engine's parts, and is the `BlockDevice` that front ends
 * drive. Opening it takes a new epoch; it serves in that epoch until it is closed or poisoned, never again after.
 *
 *   opening ──recover──► serving ──close──► closing ──► closed
 *                           └──append or fsync failed──► poisoned ──close──► closed
 */
import { assert, InvariantError } from '../base/assert.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import type {
  AllocationRun,
  BlockDevice,
  CompareResult,
  DeviceEvent,
  WriteOptions,
} from '../base/ports/block-device.ts'
import type { VolumeImage } from '../base/ports/image.ts'
import type { Origin } from '../base/ports/origin.ts'
import type { SnapshotDevice, SnapshotInfo, SnapshotUsage } from '../base/ports/snapshots.ts'
import { BLOCK_BYTES, type Epoch } from '../base/units.ts'
import { formatUuid } from '../base/uuid.ts'
import { allocationOf } from './allocation.ts'
import type {
  CreateVolumeOptions,
  OpenVolumeOptions,
  ScrubStatus,
  SpaceReport,
  VolumePorts,
  VolumeStatus,
} from './api.ts'
import { assemble, type ReplicaHooks, type VolumeParts } from './assembly.ts'
import { createVolume } from './create.ts'
import { DirtyMap } from './dirty/dirty-map.ts'
import { recordEntry } from './dirty/record-entry.ts'
import { ENTRY_KIND } from './format/log-group.ts'
import { MARK } from './format/superblock.ts'
import { checkRange } from './geometry.ts'
import { IdleFlush } from './idle-flush.ts'
import type { AppendedEntry } from './log/group-composer.ts'
import type { LogIndex } from './log/log-index.ts'
import { refuseReplica } from './marks-file.ts'
import { type PutBackParts, putBack } from './put-back.ts'
import type { BlockSource } from './reader.ts'
import { type Recovered, type RecoveredReplica, recover, recoverReplica } from './recovery.ts'
import { DEFAULT_TUNING, type Tuning } from './tuning.ts'
import { Underway } from './underway.ts'
import { beginEpoch } from './volume-beginning.ts'
import { closingMark, endParts, failParts, finishParts } from './volume-ending.ts'
import { VolumeFiles } from './volume-files.ts'
import { VolumeTelemetry } from './volume-status.ts'

/** A volume that is one of several replicas, and what looks after it. */
export interface OpenReplica {
  readonly volume: Volume
  readonly parts: VolumeParts
  readonly files: VolumeFiles
  readonly recovered: RecoveredReplica
  readonly telemetry: VolumeTelemetry
}

const notYet = (): BlockError => new BlockError('CONFLICT', 'there are no snapshots yet')

export class Volume implements BlockDevice, SnapshotDevice {
  readonly uuid: Uint8Array
  readonly name: string
  readonly logicalBlockBytes: 512 | 4096
  readonly readOnly: boolean
  readonly #ports: VolumePorts
  readonly #tuning: Tuning
  readonly #files: VolumeFiles
  readonly #telemetry = new VolumeTelemetry()
  readonly #listeners = new Set<(event: DeviceEvent) => void>()
  /** Undefined only until recovery has run. */
  #assembled: VolumeParts | undefined
  #failure: BlockError | undefined
  readonly #repairs = new Underway()
  #poisonMark: Promise<void> = Promise.resolve()
  #isClosing = false
  #closed: Promise<void> | undefined
  readonly #idleFlush: IdleFlush

  /** Makes a volume; see `createVolume`. */
  static create(ports: VolumePorts, options: CreateVolumeOptions): Promise<void> {
    return createVolume(ports, options)
  }

  /**
   * Opens a volume: recovers it and takes a new epoch. NOT_FOUND when there is none; CORRUPT, UNKNOWN_FORMAT and
   * LOG_DAMAGED when it cannot be opened safely, each naming the file; nothing is changed then. CONFLICT when it is one
   * of several replicas, which must not go on alone.
   */
  static async open(ports: VolumePorts, options: OpenVolumeOptions): Promise<Volume> {
    await refuseReplica(ports.disk, options.directory)
    const volume = new Volume(ports, options, await VolumeFiles.open(ports, options))
    return volume.#opened(async () => {
      const recovered = await recover(ports, options, volume.#files)
      const parts = await volume.#assemble(options, recovered, undefined)
      await beginEpoch(parts, volume.#files, recovered.isLossAccepted)
      parts.scrubber.start()
      return volume
    })
  }

  /**
   * Opens a replica: in no epoch of its own, its log to be led by somebody else. Log damage does not keep it closed, else as
   * `open`. For `ReplicaVolume`, which is what others see.
   */
  static async openReplica(
    ports: VolumePorts,
    options: OpenVolumeOptions,
    hooks: ReplicaHooks,
  ): Promise<OpenReplica> {
    const files = await VolumeFiles.open(ports, options)
    const volume = new Volume(ports, options, files)
    return volume.#opened(async () => {
      const recovered = await recoverReplica(ports, files)
      const parts = await volume.#assemble(options, recovered, { hooks, index: recovered.index })
      parts.scrubber.start()
      return { volume, parts, files, recovered, telemetry: volume.#telemetry }
    })
  }

  /** What `open` makes; when it throws, the files are closed again. */
  async #opened<T>(open: () => Promise<T>): Promise<T> {
    try {
      return await open()
    } catch (error) {
      await this.detach(error)
      throw error
    }
  }

  private constructor(ports: VolumePorts, options: OpenVolumeOptions, files: VolumeFiles) {
    const { uuid, name, logicalBlockBytes } = files.superblocks.current
    this.#ports = ports
    this.#tuning = { ...DEFAULT_TUNING, ...options.tuning }
    this.#files = files
    this.uuid = uuid
    this.name = name
    this.logicalBlockBytes = logicalBlockBytes
    this.readOnly = options.readOnly ?? false
    this.#idleFlush = new IdleFlush(ports.clock, this.#tuning.idleFlushMs, () => this.#parts.flusher.kick())
  }

  async #assemble(
    options: OpenVolumeOptions,
    recovered: Recovered,
    replication: { readonly hooks: ReplicaHooks; readonly index: LogIndex } | undefined,
  ): Promise<VolumeParts> {
    const dirty = new DirtyMap(recovered.generation)
    const hooks = {
      appended: (entry: AppendedEntry) => this.#appended(entry),
      groupAppended: () => this.#groupAppended(),
      failed: (error: unknown) => this.#poison(error),
      repaired: (block: number, source: BlockSource, content: Uint8Array) => {
        const { map, checkpointer } = this.#parts
        const alone: PutBackParts['alone'] = (run) => checkpointer.alone(run)
        const parts = { map, alone, extents: this.#files.extents, isServing: hooks.isServing }
        const failed = (error: unknown): void => {
          // the bad copy stays, and is found again
          if (!isBlockError(error, 'MEDIUM') && !isBlockError(error, 'NO_SPACE')) hooks.failed(error)
        }
        this.#repairs.add(putBack(parts, block, source, content).catch(failed))
      },
      ensureServing: () => this.#ensureServing(),
      isServing: () =>
        this.#failure === undefined && !this.#isClosing && replication?.hooks.isFilling() !== true,
    }
    const parts = await assemble(
      this.#ports,
      options,
      this.#tuning,
      this.#files,
      { ...recovered, dirty },
      this.#telemetry,
      hooks,
      replication,
    )
    this.#assembled = parts
    this.#ports.logger.info('volume.opened', {
      volume: this.name,
      epoch: this.epoch.number,
      lsn: recovered.lastLsn,
      replayedEntries: recovered.replayedEntries,
    })
    return parts
  }

  /** Ends an opening as it is, nothing flushed; whoever waits for something gets `error`. */
  async detach(error: unknown): Promise<void> {
    this.#isClosing = true
    this.#idleFlush.stop()
    await this.#assembled?.scrubber.stop()
    await this.#repairs.ended()
    await endParts(this.#assembled, error)
    await this.#files.close()
  }

  get #parts(): VolumeParts {
    assert(this.#assembled !== undefined, 'a volume is used after it was opened')
    return this.#assembled
  }

  /** Of the last entry. */
  get epoch(): Epoch {
    return this.#parts.writer.epoch
  }

  get sizeBytes(): number {
    return this.#parts.state.current.sizeBytes
  }

  get atomicWriteBytesMax(): number {
    // one entry of the log; a range that begins and ends inside blocks touches one block more than it fills
    const partBlocks = this.logicalBlockBytes < BLOCK_BYTES ? 1 : 0
    return (this.#parts.writer.entryBlocksMax - partBlocks) * BLOCK_BYTES
  }

  #ensureServing(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#isClosing) throw new BlockError('CLOSED', `volume ${this.name} is closing`)
  }

  #check(offsetBytes: number, lengthBytes: number, isWrite: boolean): void {
    this.#ensureServing()
    checkRange(this, offsetBytes, lengthBytes)
    if (isWrite && this.readOnly) throw new BlockError('READ_ONLY', `volume ${this.name} is read-only`)
  }

  readNow(offsetBytes: number, target: Uint8Array): boolean {
    this.#check(offsetBytes, target.byteLength, false)
    if (!this.#parts.path.readNow(offsetBytes, target)) return false
    this.#telemetry.read(target.byteLength)
    return true
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    this.#check(offsetBytes, target.byteLength, false)
    this.#telemetry.read(target.byteLength)
    if (target.byteLength > 0) await this.#parts.path.read(offsetBytes, target)
  }

  async write(offsetBytes: number, data: Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.#check(offsetBytes, data.byteLength, true)
    this.#telemetry.write(data.byteLength)
    if (data.byteLength > 0) await this.#parts.path.write(offsetBytes, data, options)
  }

  async flush(): Promise<void> {
    this.#ensureServing()
    this.#telemetry.flushes++
    const { commitment, writer } = this.#parts
    await commitment.flushed(writer.appendedLsn)
  }

  async trim(offsetBytes: number, lengthBytes: number, options: WriteOptions = {}): Promise<void> {
    this.#check(offsetBytes, lengthBytes, true)
    this.#telemetry.trim(lengthBytes)
    if (lengthBytes > 0) await this.#parts.path.zero(ENTRY_KIND.trim, offsetBytes, lengthBytes, options)
  }

  async writeZeroes(offsetBytes: number, lengthBytes: number, options: WriteOptions = {}): Promise<void> {
    this.#check(offsetBytes, lengthBytes, true)
    this.#telemetry.trim(lengthBytes)
    if (lengthBytes > 0)
      await this.#parts.path.zero(ENTRY_KIND.writeZeroes, offsetBytes, lengthBytes, options)
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
    if (lengthBytes > 0) await this.#parts.path.writeSame(offsetBytes, lengthBytes, pattern, options)
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
    return this.#parts.path.compareAndWrite(offsetBytes, expected, data, options)
  }

  async readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options: WriteOptions = {},
  ): Promise<void> {
    this.#check(offsetBytes, lengthBytes, true)
    this.#telemetry.write(lengthBytes)
    if (lengthBytes > 0) await this.#parts.path.modify(offsetBytes, lengthBytes, combine, options)
  }

  async allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    this.#check(offsetBytes, lengthBytes, false)
    return allocationOf(this.#parts, offsetBytes, lengthBytes, runsMax)
  }

  frontendState(): Uint8Array {
    return this.#parts.state.current.frontendState
  }

  async setFrontendState(state: Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.#ensureServing()
    await this.#parts.changes.setFrontendState(state, options.admit)
  }

  /** Grows the volume through the log; durable when the promise resolves. Shrinking is refused. */
  async resize(sizeBytes: number, options: WriteOptions = {}): Promise<void> {
    this.#ensureServing()
    await this.#parts.changes.resize(sizeBytes, this.logicalBlockBytes, options.admit)
    this.#emit({ kind: 'resized', sizeBytes: this.sizeBytes })
  }

  snapshots(): readonly SnapshotInfo[] {
    return this.#parts.state.current.snapshots
  }

  async snapshotUsage(): Promise<SnapshotUsage> {
    throw notYet()
  }

  async createSnapshot(
    _request: { readonly id: bigint; readonly name: string },
    _options: WriteOptions = {},
  ): Promise<SnapshotInfo> {
    throw notYet()
  }

  async deleteSnapshot(_id: bigint, _options: WriteOptions = {}): Promise<void> {
    throw notYet()
  }

  async restoreSnapshot(_id: bigint, _options: WriteOptions = {}): Promise<void> {
    throw notYet()
  }

  async openSnapshot(_id: bigint): Promise<VolumeImage> {
    throw notYet()
  }

  /** Of a clone until it is filled; null of every other volume. */
  get origin(): Origin | null {
    const { origin } = this.#parts.state.current
    return origin === undefined ? null : { ...origin, volume: formatUuid(origin.volume) }
  }

  /**
   * Makes the volume a clone, before anything was written to it; durable when the promise resolves. The same again is right.
   * CONFLICT when something was written, or it is a clone of something else.
   */
  async setOrigin(_origin: Origin, _options: WriteOptions = {}): Promise<void> {
    throw notYet()
  }

  /** Blocks from `fromBlock` on, below the origin's size, that are as the origin has them still. May find few or none and go on. */
  async untouched(
    _fromBlock: number,
    _limit: number,
  ): Promise<{ readonly blocks: readonly number[]; readonly nextBlock: number | null }> {
    throw notYet()
  }

  /**
   * Writes those of the blocks from `fromBlock` on that nobody touched, as an ordinary write does; `data`, whole blocks, is what
   * the origin has. Returns how many it wrote.
   */
  async hydrate(_fromBlock: number, _data: Uint8Array, _options: WriteOptions = {}): Promise<number> {
    throw notYet()
  }

  /** Every block that the origin has content for was filled: from now on untouched blocks are zeros. Durable. */
  async finishOrigin(_options: WriteOptions = {}): Promise<void> {
    throw notYet()
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
    recordEntry(this.#parts.dirty.active, request, lsn, dataPosition, checksum)
    if (request.kind >= ENTRY_KIND.epochStart) this.#parts.state.apply({ ...request, lsn })
  }

  /** A group is recorded whole: only here may a flush begin, which takes everything up to the group's end. */
  #groupAppended(): void {
    const isFull =
      this.#parts.writer.unflushedBytes > this.#parts.log.ringBytes * this.#tuning.flushWatermark ||
      this.#parts.dirty.rangeCount > this.#tuning.dirtyRangesMax / 2
    if (isFull) this.#parts.flusher.kick()
    this.#idleFlush.touch()
  }

  /** Moves everything appended so far into extents and map, and the checkpoint past it. */
  async checkpoint(): Promise<void> {
    this.#ensureServing()
    await this.#parts.flusher.through(this.#parts.writer.appendedLsn)
  }

  /** Verifies every block now; the pass under way, if there is one. */
  async scrub(): Promise<ScrubStatus> {
    this.#ensureServing()
    return await this.#parts.scrubber.run()
  }

  /** The disk failed: nothing more is acknowledged; the volume has to be closed and opened from disk. */
  #poison(error: unknown): void {
    if (this.#failure !== undefined) return
    const reason = error instanceof Error ? error.message : String(error)
    this.#failure = new BlockError('POISONED', `volume ${this.name} stopped serving: ${reason}`, {
      cause: error,
    })
    this.#ports.logger.error('volume.poisoned', { volume: this.name, epoch: this.epoch.number }, error)
    failParts(this.#parts, this.#failure)
    this.#idleFlush.stop()
    const { superblocks } = this.#files
    this.#poisonMark = superblocks
      .update({ marks: superblocks.current.marks | MARK.poisoned })
      .catch((cause: unknown) => {
        this.#ports.logger.warn('volume.poison-mark-failed', { volume: this.name }, cause)
      })
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
    const { superblocks } = this.#files
    this.#isClosing = true
    this.#idleFlush.stop()
    await this.#parts.scrubber.stop()
    await this.#repairs.ended()
    if (this.#failure === undefined) await finishParts(this.#parts, this.#ports.logger, this.name)
    const error = this.#failure ?? new BlockError('CLOSED', `volume ${this.name} is closed`)
    const mark = closingMark(this.#parts, superblocks.current.checkpoint.lsn)
    await endParts(this.#parts, error)
    await this.#poisonMark
    try {
      if (mark !== 0 && this.#failure === undefined) {
        await superblocks.update({ marks: superblocks.current.marks | mark })
      }
    } catch (cause) {
      // everything is in extents and map; the next opening scans an empty log
      this.#ports.logger.warn('volume.clean-mark-failed', { volume: this.name }, cause)
    } finally {
      await this.#files.close()
    }
  }

  status(): VolumeStatus {
    return this.#telemetry.status({
      volume: this,
      failure: this.#failure,
      isClosed: this.#isClosing,
      parts: this.#parts,
      checkpointLsn: this.#files.superblocks.current.checkpoint.lsn,
    })
  }

  space(): Promise<SpaceReport> {
    return this.#files.space()
  }
}

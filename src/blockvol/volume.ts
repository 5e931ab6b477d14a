/**
 * A volume: one replica, open. Owns its files, wires the engine's parts, and is the `BlockDevice` that front ends
 * drive. Opening it takes a new epoch; it serves in that epoch until it is closed or poisoned, never again after.
 *
 *   opening ──recover──► serving ──close──► closing ──► closed
 *                           └──append or fsync failed──► poisoned ──close──► closed
 */
import { assert, InvariantError } from '../base/assert.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Epoch } from '../base/units.ts'
import type {
  CreateVolumeOptions,
  OpenVolumeOptions,
  ScrubRequest,
  ScrubStatus,
  SpaceReport,
  VolumePorts,
  VolumeStatus,
} from './api.ts'
import { assemble, type ReplicaHooks, type VolumeParts } from './assembly.ts'
import { createVolume } from './create.ts'
import { MARK } from './format/superblock.ts'
import { IdleFlush } from './idle-flush.ts'
import type { LogIndex } from './log/log-index.ts'
import { refuseReplica } from './marks-file.ts'
import { type PutBackParts, putBack } from './put-back.ts'
import { type Recovered, type RecoveredReplica, recover, recoverReplica } from './recovery.ts'
import type { BlockSource } from './snapshots/located.ts'
import { DEFAULT_TUNING, type Tuning } from './tuning.ts'
import { Underway } from './underway.ts'
import { beginEpoch } from './volume-beginning.ts'
import { VolumeDevice } from './volume-device.ts'
import { closingMark, endParts, failParts, finishParts } from './volume-ending.ts'
import { VolumeFiles } from './volume-files.ts'
import type { VolumeTelemetry } from './volume-status.ts'

/** A volume that is one of several replicas, and what looks after it. */
export interface OpenReplica {
  readonly volume: Volume
  readonly parts: VolumeParts
  readonly files: VolumeFiles
  readonly recovered: RecoveredReplica
  readonly telemetry: VolumeTelemetry
}

export class Volume extends VolumeDevice {
  readonly #ports: VolumePorts
  readonly #tuning: Tuning
  readonly #files: VolumeFiles
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
      return { volume, parts, files, recovered, telemetry: volume.telemetry }
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
    super({ ...files.superblocks.current, readOnly: options.readOnly ?? false })
    this.#ports = ports
    this.#tuning = { ...DEFAULT_TUNING, ...options.tuning }
    this.#files = files
    this.#idleFlush = new IdleFlush(ports.clock, this.#tuning.idleFlushMs, () => this.parts.flusher.kick())
  }

  async #assemble(
    options: OpenVolumeOptions,
    recovered: Recovered,
    replication: { readonly hooks: ReplicaHooks; readonly index: LogIndex } | undefined,
  ): Promise<VolumeParts> {
    const hooks = {
      appended: () => undefined,
      groupAppended: () => this.#groupAppended(),
      failed: (error: unknown) => this.#poison(error),
      repaired: (block: number, source: BlockSource, content: Uint8Array) => {
        const { map, checkpointer, versions } = this.parts
        const alone: PutBackParts['alone'] = (run) => checkpointer.alone(run)
        const parts = { map, versions, alone, extents: this.#files.extents, isServing: hooks.isServing }
        const failed = (error: unknown): void => {
          // the bad copy stays, and is found again
          if (!isBlockError(error, 'MEDIUM') && !isBlockError(error, 'NO_SPACE')) hooks.failed(error)
        }
        this.#repairs.add(putBack(parts, block, source, content).catch(failed))
      },
      ensureServing: () => this.ensureServing(),
      isServing: () =>
        this.#failure === undefined && !this.#isClosing && replication?.hooks.isFilling() !== true,
    }
    const parts = await assemble(
      this.#ports,
      options,
      this.#tuning,
      this.#files,
      recovered,
      this.telemetry,
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

  protected override get parts(): VolumeParts {
    assert(this.#assembled !== undefined, 'a volume is used after it was opened')
    return this.#assembled
  }

  /** Of the last entry. */
  get epoch(): Epoch {
    return this.parts.writer.epoch
  }

  protected override ensureServing(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#isClosing) throw new BlockError('CLOSED', `volume ${this.name} is closing`)
  }

  /** A group is recorded whole: only here may a flush begin, which takes everything up to the group's end. */
  #groupAppended(): void {
    const isFull =
      this.parts.writer.unflushedBytes > this.parts.log.ringBytes * this.#tuning.flushWatermark ||
      this.parts.dirty.rangeCount > this.#tuning.dirtyRangesMax / 2
    if (isFull) this.parts.flusher.kick()
    this.#idleFlush.touch()
  }

  /** Moves everything appended so far into extents and map, and the checkpoint past it. */
  override async checkpoint(): Promise<void> {
    this.ensureServing()
    await this.parts.flusher.through(this.parts.writer.appendedLsn)
  }

  /** Verifies every block now; the pass under way, if there is one. CLOSED when it is cancelled. */
  async scrub(request: ScrubRequest = {}): Promise<ScrubStatus> {
    this.ensureServing()
    return await this.parts.scrubber.run(request)
  }

  /** Runs something that puts bad blocks right: a close waits for it. CLOSED, or why the volume failed. */
  repairing<T>(work: () => Promise<T>): Promise<T> {
    this.ensureServing()
    const done = work()
    const ended = (): void => undefined
    this.#repairs.add(done.then(ended, ended))
    return done
  }

  /** The disk failed: nothing more is acknowledged; the volume has to be closed and opened from disk. */
  #poison(error: unknown): void {
    if (this.#failure !== undefined) return
    const reason = error instanceof Error ? error.message : String(error)
    this.#failure = new BlockError('POISONED', `volume ${this.name} stopped serving: ${reason}`, {
      cause: error,
    })
    this.#ports.logger.error('volume.poisoned', { volume: this.name, epoch: this.epoch.number }, error)
    failParts(this.parts, this.#failure)
    this.#idleFlush.stop()
    const { superblocks } = this.#files
    this.#poisonMark = superblocks
      .update({ marks: superblocks.current.marks | MARK.poisoned })
      .catch((cause: unknown) => {
        this.#ports.logger.warn('volume.poison-mark-failed', { volume: this.name }, cause)
      })
    this.emit({ kind: 'lost', reason })
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
    await this.parts.scrubber.stop()
    await this.#repairs.ended()
    if (this.#failure === undefined) await finishParts(this.parts, this.#ports.logger, this.name)
    const error = this.#failure ?? new BlockError('CLOSED', `volume ${this.name} is closed`)
    const mark = closingMark(this.parts, superblocks.current.checkpoint.lsn)
    await endParts(this.parts, error)
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
    return this.telemetry.status({
      volume: this,
      failure: this.#failure,
      isClosed: this.#isClosing,
      parts: this.parts,
      checkpointLsn: this.#files.superblocks.current.checkpoint.lsn,
    })
  }

  space(): Promise<SpaceReport> {
    return this.#files.space()
  }
}

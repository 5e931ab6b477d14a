/**
 * What a volume does for those that it serves: each operation is checked and counted here, and carried out by the part that it
 * is for. When it serves, and how it begins and ends, is `Volume`'s (volume.ts).
 */
import { assert } from '../base/assert.ts'
import { BlockError } from '../base/errors.ts'
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
import { BLOCK_BYTES } from '../base/units.ts'
import { formatUuid } from '../base/uuid.ts'
import { allocationOf } from './allocation.ts'
import type { VolumeParts } from './assembly.ts'
import { ENTRY_KIND } from './format/log-group.ts'
import { checkRange } from './geometry.ts'
import { snapshotUsageOf } from './snapshots/usage.ts'
import { VolumeTelemetry } from './volume-status.ts'

export abstract class VolumeDevice implements BlockDevice, SnapshotDevice {
  readonly uuid: Uint8Array
  readonly name: string
  readonly logicalBlockBytes: 512 | 4096
  readonly readOnly: boolean
  protected readonly telemetry = new VolumeTelemetry()
  readonly #listeners = new Set<(event: DeviceEvent) => void>()

  protected constructor(options: {
    readonly uuid: Uint8Array
    readonly name: string
    readonly logicalBlockBytes: 512 | 4096
    readonly readOnly: boolean
  }) {
    this.uuid = options.uuid
    this.name = options.name
    this.logicalBlockBytes = options.logicalBlockBytes
    this.readOnly = options.readOnly
  }

  protected abstract get parts(): VolumeParts
  /** Throws what an operation gets when the volume does not serve. */
  protected abstract ensureServing(): void
  abstract checkpoint(): Promise<void>

  get sizeBytes(): number {
    return this.parts.state.current.sizeBytes
  }

  get hasSnapshots(): boolean {
    return this.parts.state.current.snapshots.length > 0
  }

  get atomicWriteBytesMax(): number {
    // one entry of the log; a range that begins and ends inside blocks touches one block more than it fills
    const partBlocks = this.logicalBlockBytes < BLOCK_BYTES ? 1 : 0
    return (this.parts.writer.entryBlocksMax - partBlocks) * BLOCK_BYTES
  }

  #check(offsetBytes: number, lengthBytes: number, isWrite: boolean): void {
    this.ensureServing()
    checkRange(this, offsetBytes, lengthBytes)
    if (isWrite && this.readOnly) throw new BlockError('READ_ONLY', `volume ${this.name} is read-only`)
  }

  readNow(offsetBytes: number, target: Uint8Array): boolean {
    this.#check(offsetBytes, target.byteLength, false)
    if (!this.parts.path.readNow(offsetBytes, target)) return false
    this.telemetry.read(target.byteLength)
    return true
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    this.#check(offsetBytes, target.byteLength, false)
    this.telemetry.read(target.byteLength)
    if (target.byteLength > 0) await this.parts.path.read(offsetBytes, target)
  }

  async write(offsetBytes: number, data: Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.#check(offsetBytes, data.byteLength, true)
    this.telemetry.write(data.byteLength)
    if (data.byteLength > 0) await this.parts.path.write(offsetBytes, data, options)
  }

  async flush(): Promise<void> {
    this.ensureServing()
    this.telemetry.flushes++
    const { commitment, writer } = this.parts
    await commitment.flushed(writer.appendedLsn)
  }

  async trim(offsetBytes: number, lengthBytes: number, options: WriteOptions = {}): Promise<void> {
    this.#check(offsetBytes, lengthBytes, true)
    this.telemetry.trim(lengthBytes)
    if (lengthBytes > 0) await this.parts.path.zero(ENTRY_KIND.trim, offsetBytes, lengthBytes, options)
  }

  async writeZeroes(offsetBytes: number, lengthBytes: number, options: WriteOptions = {}): Promise<void> {
    this.#check(offsetBytes, lengthBytes, true)
    this.telemetry.trim(lengthBytes)
    if (lengthBytes > 0) await this.parts.path.zero(ENTRY_KIND.writeZeroes, offsetBytes, lengthBytes, options)
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
    this.telemetry.write(lengthBytes)
    if (lengthBytes > 0) await this.parts.path.writeSame(offsetBytes, lengthBytes, pattern, options)
  }

  async compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options: WriteOptions = {},
  ): Promise<CompareResult> {
    this.#check(offsetBytes, data.byteLength, true)
    assert(expected.byteLength === data.byteLength, 'what is compared is as long as what is written')
    this.telemetry.write(data.byteLength)
    if (data.byteLength === 0) return { equal: true }
    return this.parts.path.compareAndWrite(offsetBytes, expected, data, options)
  }

  async readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options: WriteOptions = {},
  ): Promise<void> {
    this.#check(offsetBytes, lengthBytes, true)
    this.telemetry.write(lengthBytes)
    if (lengthBytes > 0) await this.parts.path.modify(offsetBytes, lengthBytes, combine, options)
  }

  async allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    this.#check(offsetBytes, lengthBytes, false)
    return allocationOf(this.parts, offsetBytes, lengthBytes, runsMax)
  }

  frontendState(): Uint8Array {
    return this.parts.state.current.frontendState
  }

  async setFrontendState(state: Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.ensureServing()
    await this.parts.changes.setFrontendState(state, options.admit)
  }

  /** Grows the volume through the log; durable when the promise resolves. Shrinking is refused. */
  async resize(sizeBytes: number, options: WriteOptions = {}): Promise<void> {
    this.ensureServing()
    await this.parts.changes.resize(sizeBytes, this.logicalBlockBytes, options.admit)
    this.emit({ kind: 'resized', sizeBytes: this.sizeBytes })
  }

  snapshots(): readonly SnapshotInfo[] {
    return this.parts.state.current.snapshots
  }

  async snapshotUsage(): Promise<SnapshotUsage> {
    this.ensureServing()
    return snapshotUsageOf(this.parts)
  }

  async createSnapshot(
    request: { readonly id: bigint; readonly name: string },
    options: WriteOptions = {},
  ): Promise<SnapshotInfo> {
    this.#ensureWritable()
    return this.parts.snapshots.create(request, options)
  }

  async deleteSnapshot(id: bigint, options: WriteOptions = {}): Promise<void> {
    this.#ensureWritable()
    await this.parts.snapshots.delete(id, options)
  }

  async restoreSnapshot(id: bigint, options: WriteOptions = {}): Promise<void> {
    this.#ensureWritable()
    await this.parts.snapshots.restore(id, options)
    this.emit({ kind: 'restored' })
  }

  async openSnapshot(id: bigint): Promise<VolumeImage> {
    this.ensureServing()
    return this.parts.images.open(this, id, this.parts.snapshots)
  }

  /** Of a clone until it is filled; null of every other volume. */
  get origin(): Origin | null {
    const { origin } = this.parts.state.current
    return origin === undefined ? null : { ...origin, volume: formatUuid(origin.volume) }
  }

  /**
   * Makes the volume a clone, before anything was written to it; durable when the promise resolves. The same again is right.
   * CONFLICT when something was written, or it is a clone of something else.
   */
  async setOrigin(origin: Origin, options: WriteOptions = {}): Promise<void> {
    this.#ensureWritable()
    await this.parts.snapshots.setOrigin(origin, options)
  }

  /** Blocks from `fromBlock` on, below the origin's size, that are as the origin has them still. May find few or none and go on. */
  async untouched(
    fromBlock: number,
    limit: number,
  ): Promise<{ readonly blocks: readonly number[]; readonly nextBlock: number | null }> {
    this.ensureServing()
    return this.parts.filling.untouched(fromBlock, limit)
  }

  /**
   * Writes those of the blocks from `fromBlock` on that nobody touched, as an ordinary write does; `data`, whole blocks, is what
   * the origin has. Returns how many it wrote.
   */
  async hydrate(fromBlock: number, data: Uint8Array, options: WriteOptions = {}): Promise<number> {
    this.#check(fromBlock * BLOCK_BYTES, data.byteLength, true)
    return this.parts.filling.hydrate(fromBlock, data, options)
  }

  /**
   * From now on untouched blocks are zeros. Durable. CONFLICT while a block that the origin has content for is untouched, BUSY
   * while the origin cannot be asked.
   */
  async finishOrigin(options: WriteOptions = {}): Promise<void> {
    this.#ensureWritable()
    await this.parts.filling.ensureFilled()
    await this.parts.snapshots.endOrigin(options)
  }

  #ensureWritable(): void {
    this.#check(0, 0, true)
  }

  subscribe(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  protected emit(event: DeviceEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }
}

/** Snapshots of a served volume as an operator on another machine has them. */
import { BlockError } from '../../../src/base/errors.ts'
import type { WriteOptions } from '../../../src/base/ports/block-device.ts'
import type { VolumeImage } from '../../../src/base/ports/image.ts'
import type { SnapshotDevice, SnapshotInfo, SnapshotUsage } from '../../../src/base/ports/snapshots.ts'
import type { Epoch } from '../../../src/base/units.ts'
import type { LedDevice } from '../../../src/replication/device.ts'
import type { Distance } from './distance.ts'

/** What an operator drives. */
interface OperatedDevice extends SnapshotDevice {
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  resize(sizeBytes: number, options?: WriteOptions): Promise<void>
  /** As `LedDevice`. */
  holdWrites(holdMs: number): Promise<string>
}

export class AttachedSnapshots implements OperatedDevice {
  readonly #device: LedDevice
  readonly #distance: Distance
  readonly #epoch: Epoch
  readonly #appendedLsn: () => number

  /** `appendedLsn`: of the replica's log, for the oracle, which needs no answer to know it. */
  constructor(device: LedDevice, distance: Distance, appendedLsn: () => number) {
    this.#device = device
    this.#distance = distance
    this.#epoch = device.epoch
    this.#appendedLsn = appendedLsn
  }

  status(): { readonly epoch: { readonly id: string }; readonly appendedLsn: number } {
    const id = this.#epoch.id.toString(16).padStart(16, '0')
    return { epoch: { id }, appendedLsn: this.#appendedLsn() }
  }

  get sizeBytes(): number {
    return this.#device.sizeBytes
  }
  get logicalBlockBytes(): 512 | 4096 {
    return this.#device.logicalBlockBytes
  }

  snapshots(): readonly SnapshotInfo[] {
    this.#distance.expectThere()
    if (this.#distance.isStopped) throw new BlockError('BUSY', 'the server does not answer now')
    return this.#device.snapshots()
  }
  snapshotUsage(): Promise<SnapshotUsage> {
    return this.#distance.ask(() => this.#device.snapshotUsage())
  }
  createSnapshot(
    request: { readonly id: bigint; readonly name: string },
    options?: WriteOptions,
  ): Promise<SnapshotInfo> {
    return this.#distance.ask(() => this.#device.createSnapshot(request, options))
  }
  deleteSnapshot(id: bigint, options?: WriteOptions): Promise<void> {
    return this.#distance.ask(() => this.#device.deleteSnapshot(id, options))
  }
  restoreSnapshot(id: bigint, options?: WriteOptions): Promise<void> {
    return this.#distance.ask(() => this.#device.restoreSnapshot(id, options))
  }
  resize(sizeBytes: number, options?: WriteOptions): Promise<void> {
    return this.#distance.ask(() => this.#device.resize(sizeBytes, options))
  }
  holdWrites(holdMs: number): Promise<string> {
    return this.#distance.ask(() => this.#device.holdWrites(holdMs))
  }
  /** `reached` is called at the server, just before it lets go. */
  releaseWrites(hold: string, reached: () => void): Promise<boolean> {
    return this.#distance.ask(async () => {
      reached()
      return this.#device.releaseWrites(hold)
    })
  }
  async openSnapshot(id: bigint): Promise<VolumeImage> {
    const image = await this.#distance.ask(() => this.#device.openSnapshot(id))
    const ask = <T>(run: () => Promise<T>): Promise<T> => this.#distance.ask(run)
    return {
      identity: image.identity,
      name: image.name,
      sizeBytes: image.sizeBytes,
      logicalBlockBytes: image.logicalBlockBytes,
      history: image.history,
      changed: (request) => ask(() => image.changed(request)),
      read: (block, target) => ask(() => image.read(block, target)),
      // what a process held open ends with it
      close: () => ask(() => image.close()).catch(() => undefined),
    }
  }
}

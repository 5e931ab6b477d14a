/** What a volume has to be able to do for the server that leads it. */
import type { BlockDevice, WriteOptions } from '../base/ports/block-device.ts'
import type { Origin } from '../base/ports/origin.ts'
import type { SnapshotDevice } from '../base/ports/snapshots.ts'
import type { ScrubStatus, VolumeStatus } from '../blockvol/api.ts'

/** A volume of this server, which waits until what it answers is committed. */
export interface LedVolume extends BlockDevice, SnapshotDevice, CloneDevice {
  /** Grows it through the log. */
  resize(sizeBytes: number, options?: WriteOptions): Promise<void>
  /** One pass; the one under way, if there is one. */
  scrub(): Promise<ScrubStatus>
  status(): VolumeStatus
}

/** A pass over what this server has of the volume. */
export interface Scrubbed {
  readonly verifiedBytes: number
  /** Blocks found bad, those included that were repaired meanwhile from another replica. */
  readonly errors: number
  readonly repaired: number
  /** Those that stayed bad, 100 at most. */
  readonly badBlocks: readonly number[]
}

/** A volume that may be a clone: it begins as a snapshot of another one, and is filled from it. */
export interface CloneDevice {
  /** Until it is filled; null of every other volume. */
  readonly origin: Origin | null
  /** As those of `Volume`. */
  setOrigin(origin: Origin, options?: WriteOptions): Promise<void>
  untouched(
    fromBlock: number,
    limit: number,
  ): Promise<{ readonly blocks: readonly number[]; readonly nextBlock: number | null }>
  hydrate(fromBlock: number, data: Uint8Array, options?: WriteOptions): Promise<number>
  finishOrigin(options?: WriteOptions): Promise<void>
}

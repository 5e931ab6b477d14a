/** Snapshots of a volume, as those drive them who serve it. The same on every replica, for they are entries of the log. */
import type { WriteOptions } from './block-device.ts'
import type { VolumeImage } from './image.ts'

export interface SnapshotInfo {
  /** Random, never 0; 16 hex digits in text. */
  readonly id: bigint
  /** As volume names; unique within the volume. */
  readonly name: string
  /** It sees every change up to here. */
  readonly lsn: number
  readonly createdWallMs: number
  /** Of the volume, then. */
  readonly sizeBytes: number
}

/** Space that snapshots take. Each preserved block counts once: `heldBytes` of all and `freeingBytes` add up to the disk's. */
export interface SnapshotUsage {
  readonly snapshots: readonly {
    readonly id: bigint
    /** Preserved for it and older ones: of the snapshots that see a preserved block, the newest counts it. */
    readonly heldBytes: number
    /** What its deletion alone would give back. */
    readonly exclusiveBytes: number
  }[]
  /** Of no snapshot any more, and about to be given back. */
  readonly freeingBytes: number
  /** Of the lists of what is preserved. */
  readonly metadataBytes: number
}

/** `options.admit` is called where a change gets its place in the log, as that of a write. */
export interface SnapshotDevice {
  /** Oldest first. */
  snapshots(): readonly SnapshotInfo[]
  snapshotUsage(): Promise<SnapshotUsage>
  /**
   * Of everything acknowledged before the call, and of a whole number of the writes under way; durable on every replica that
   * counts when the promise resolves. The same id again answers alike. CONFLICT when the name is taken, or while a clone is
   * filled; NO_SPACE past `SNAPSHOTS_MAX`; BUSY as a write.
   */
  createSnapshot(
    request: { readonly id: bigint; readonly name: string },
    options?: WriteOptions,
  ): Promise<SnapshotInfo>
  /** Its space comes back soon after. No error when it is not there. CONFLICT while an image of it is open here. */
  deleteSnapshot(id: bigint, options?: WriteOptions): Promise<void>
  /**
   * The volume is as the snapshot from here on, in one change; its size stays, and what is beyond the snapshot's is zeros.
   * Reads see it at once; the disk follows. NOT_FOUND.
   */
  restoreSnapshot(id: bigint, options?: WriteOptions): Promise<void>
  /** NOT_FOUND. */
  openSnapshot(id: bigint): Promise<VolumeImage>
}

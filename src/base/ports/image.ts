/**
 * A volume as of one moment: what backup, clones and read-only attachments read, and what a restore fills. Blocks are of
 * 4 KiB and counted from 0. An image does not change while it is open, and reading it holds nobody up.
 */

/** A block of which somebody ever wrote or trimmed something. */
export interface ImageBlock {
  readonly block: number
  /** Of the change that it has. */
  readonly lsn: number
  /** `hole`: it was trimmed, and reads as zeros. */
  readonly kind: 'data' | 'hole'
}

/** What a history is known by: an increment is taken only of the history that has its base. */
export interface ImageIdentity {
  /** Of the volume, canonical text. */
  readonly volume: string
  /** Id of the epoch in force at `lsn`, as 16 hex digits. */
  readonly epochId: string
  /** The image has every change up to here and none after. */
  readonly lsn: number
}

export interface ChangedBlocks {
  /** Ascending, at most `limit`. */
  readonly blocks: readonly ImageBlock[]
  /** Where to ask on; null: that was all. */
  readonly nextBlock: number | null
}

export interface VolumeImage {
  readonly identity: ImageIdentity
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  /** Epochs of the history that the image is of, oldest first: whether it holds a base is seen here. */
  readonly history: readonly { readonly epochId: string; readonly firstLsn: number }[]
  /**
   * Blocks from `fromBlock` on whose change is above `sinceLsn` (0: all that were ever written). May look a while and come
   * back with few or none and a `nextBlock`.
   */
  changed(request: {
    readonly sinceLsn: number
    readonly fromBlock: number
    readonly limit: number
  }): Promise<ChangedBlocks>
  /** Fills `target`, whole blocks, from `block` on. MEDIUM when a block is bad and no good copy can be had. */
  read(block: number, target: Uint8Array): Promise<void>
  /** Nothing is read after it. Idempotent. */
  close(): Promise<void>
}

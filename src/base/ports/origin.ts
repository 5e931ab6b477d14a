/**
 * Where a clone's blocks come from that it does not have itself: a snapshot of another volume, somewhere. It does not change,
 * and may be out of reach for a while.
 */
import type { ChangedBlocks } from './image.ts'

/** What a clone is made of. */
export interface Origin {
  /** UUID of the volume, canonical text. */
  readonly volume: string
  /** Id of the snapshot. */
  readonly snapshot: bigint
  readonly sizeBytes: number
}

export interface OriginSource {
  /** Fills `target`, whole blocks, from `block` on. BUSY while it cannot be had; MEDIUM when a block is bad there. */
  read(block: number, target: Uint8Array): Promise<void>
  /** Blocks from `fromBlock` on that somebody ever wrote or trimmed, as `VolumeImage.changed`. BUSY while it cannot be had. */
  changed(request: { readonly fromBlock: number; readonly limit: number }): Promise<ChangedBlocks>
}

/** Images that are open: how many of each snapshot, for who would delete it. */
import type { VolumeImage } from '../../base/ports/image.ts'
import { formatUuid } from '../../base/uuid.ts'
import type { Commitment } from '../commitment.ts'
import type { DirtyMap } from '../dirty/dirty-map.ts'
import type { GrainMaxima } from '../map/maxima.ts'
import type { StateKeeper } from '../state-keeper.ts'
import { SnapshotImage } from './image.ts'
import type { VersionLocator } from './located.ts'
import type { SnapshotChanges } from './snapshot-changes.ts'

export interface OpenImagesOptions {
  readonly state: StateKeeper
  readonly commitment: Commitment
  readonly dirty: DirtyMap
  readonly maxima: GrainMaxima
  readonly views: VersionLocator
  readonly ensureServing: () => void
}

export class OpenImages {
  readonly #o: OpenImagesOptions
  readonly #counts = new Map<bigint, number>()

  constructor(options: OpenImagesOptions) {
    this.#o = options
  }

  countOf(id: bigint): number {
    return this.#counts.get(id) ?? 0
  }

  /** An image of the snapshot, once that is committed. NOT_FOUND. */
  async open(
    volume: { readonly uuid: Uint8Array; readonly logicalBlockBytes: 512 | 4096 },
    id: bigint,
    snapshots: SnapshotChanges,
  ): Promise<VolumeImage> {
    const { state, commitment, dirty, maxima, views, ensureServing } = this.#o
    const snapshot = snapshots.get(id)
    this.#count(id, 1)
    try {
      await commitment.committed(snapshot.lsn)
      ensureServing()
      return new SnapshotImage({
        volume: { uuid: formatUuid(volume.uuid), logicalBlockBytes: volume.logicalBlockBytes },
        snapshot,
        state: () => state.current,
        dirty,
        maxima,
        views,
        ensureServing,
        onClosed: () => this.#count(id, -1),
      })
    } catch (error) {
      this.#count(id, -1)
      throw error
    }
  }

  #count(id: bigint, change: 1 | -1): void {
    const count = this.countOf(id) + change
    if (count === 0) this.#counts.delete(id)
    else this.#counts.set(id, count)
  }
}

/** Space that snapshots take, snapshot by snapshot. */
import type { SnapshotUsage } from '../../base/ports/snapshots.ts'
import { PAGE_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'
import type { StateKeeper } from '../state-keeper.ts'
import type { VersionStore } from '../versions/version.ts'

/** Goes over all that is kept, in bounded memory. MEDIUM when a list of it is damaged. */
export async function snapshotUsageOf(parts: {
  readonly state: StateKeeper
  readonly versions: VersionStore
  readonly map: BlockMap
}): Promise<SnapshotUsage> {
  const { state, versions, map } = parts
  const { snapshots } = state.current
  const headLsn = async (block: number): Promise<number> =>
    (await map.get(Math.floor(block / PAGE_BLOCKS))).lsn(block % PAGE_BLOCKS)
  const lsns = snapshots.map(({ lsn }) => lsn)
  const usage = await versions.usageBySnapshot(lsns, headLsn)
  return {
    snapshots: snapshots.map(({ id }, i) => {
      const { heldBytes = 0, exclusiveBytes = 0 } = usage.snapshots[i] ?? {}
      return { id, heldBytes, exclusiveBytes }
    }),
    freeingBytes: usage.freeingBytes,
    metadataBytes: versions.usage().metadataBytes,
  }
}

/** How the bytes of preserved versions belong to snapshots: counted by going over all of them once, in bounded memory. */
import type { Clock } from '../../base/ports/clock.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { Merged } from './merged.ts'
import { forSeers } from './seen.ts'
import type { VersionUsage } from './version.ts'

/** Blocks that pass between two turns in which others are served. */
const TURN_BLOCKS = 256

export async function countUsage(
  merged: Merged,
  options: {
    readonly clock: Clock
    readonly snapshotLsns: readonly number[]
    readonly headLsn: (block: number) => Promise<number>
    /** Of lists that are freed already. */
    readonly freeingBytes: number
  },
): Promise<VersionUsage> {
  const { clock, snapshotLsns, headLsn } = options
  const lsns = Float64Array.from(snapshotLsns).sort()
  const held = new Float64Array(lsns.length)
  const exclusive = new Float64Array(lsns.length)
  let { freeingBytes } = options
  for (let blocks = 1; ; blocks++) {
    const group = await merged.next()
    if (group === undefined) break
    for (const { kind } of group.spare) if (kind === 'data') freeingBytes += BLOCK_BYTES
    await forSeers(lsns, group.versions, headLsn, (index, { from, end }) => {
      if (group.versions[index]!.kind !== 'data') return
      if (from === end) {
        freeingBytes += BLOCK_BYTES
        return
      }
      held[end - 1]! += BLOCK_BYTES
      if (end - from === 1) exclusive[from]! += BLOCK_BYTES
    })
    if (blocks % TURN_BLOCKS === 0) await clock.yield()
  }
  const snapshots = snapshotLsns.map((lsn) => {
    const index = lsns.indexOf(lsn)
    return { lsn, heldBytes: held[index]!, exclusiveBytes: exclusive[index]! }
  })
  return { snapshots, freeingBytes }
}

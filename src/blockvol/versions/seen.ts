/** Which snapshots see a version: those not below it and below its successor. Pure. */
import type { Version } from './version.ts'

/** Index of the first of `lsns`, ascending, that is not below `lsn`; their number when there is none. */
function firstFrom(lsns: ArrayLike<number>, lsn: number): number {
  let low = 0
  let high = lsns.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (lsns[middle]! < lsn) low = middle + 1
    else high = middle
  }
  return low
}

/** The snapshots, by index in `lsns` [from, end), that see a version; none when they are equal. */
export interface Seers {
  readonly from: number
  readonly end: number
}

/**
 * Calls `visit` for each of `versions`, all of one block, ascending, with the snapshots that see it. `headLsn` is asked only when
 * it decides: of the newest version, when a snapshot is not below it. One that is not above the version is no successor.
 */
export async function forSeers(
  lsns: ArrayLike<number>,
  versions: readonly Version[],
  headLsn: (block: number) => Promise<number>,
  visit: (index: number, seers: Seers) => void,
): Promise<void> {
  for (let i = 0; i < versions.length; i++) {
    const { block, lsn } = versions[i]!
    const from = firstFrom(lsns, lsn)
    if (from === lsns.length) {
      visit(i, { from, end: from })
      continue
    }
    const next = versions[i + 1]?.lsn ?? (await headLsn(block))
    visit(i, { from, end: next > lsn ? firstFrom(lsns, next) : lsns.length })
  }
}

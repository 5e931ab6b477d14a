/**
 * Since when a block has been what it is, as of the end of each generation. A restore changes a block only if that changed since
 * the restore's snapshot, which depends on the restores before it; worked out from the oldest on, each is looked at once, where
 * one that asked those before it again would take twice the time of each of them.
 */
import type { Generation } from './dirty-map.ts'

export class PastLsns {
  #lsns = new Float64Array(16)

  /**
   * The LSNs of `block` as of the ends of `generations` before index `end`; index 0 is `mappedLsn`, that of its entry in the map,
   * and index g + 1 that of generation g. Valid until the next call.
   */
  of(generations: readonly Generation[], end: number, block: number, mappedLsn: number): Float64Array {
    if (this.#lsns.length <= end) this.#lsns = new Float64Array(2 * end + 1)
    const lsns = this.#lsns
    lsns[0] = mappedLsn
    for (let g = 0; g < end; g++) {
      const before = lsns[g]!
      const { restore } = generations[g]!
      if (restore !== undefined) lsns[g + 1] = before > restore.snapshotLsn ? restore.lsn : before
      else lsns[g + 1] = generations[g]!.lsnOf(block) ?? before
    }
    return lsns
  }
}

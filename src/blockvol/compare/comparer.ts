/** The side of a comparison that has the storage: what the map says, which pages there are, and what is put right. */

import { PAGE_BLOCKS } from '../geometry.ts'
import { resyncParts } from '../replica/resync-parts.ts'
import type { OpenReplica } from '../volume.ts'
import { type Mend, mend } from './mender.ts'
import { type BlockEntry, entriesOf } from './page-entries.ts'

export class Comparer {
  readonly #inner: OpenReplica
  readonly #isSound: () => boolean

  /** `isSound`: the volume serves, and waits for no base. */
  constructor(inner: OpenReplica, isSound: () => boolean) {
    this.#inner = inner
    this.#isSound = isSound
  }

  get checkpointLsn(): number {
    return this.#inner.files.superblocks.current.checkpoint.lsn
  }

  get sizeBlocks(): number {
    return resyncParts(this.#inner).sizeBlocks()
  }

  /** Whether everything up to `lsn` is in extents and map, after a flush if it has to be. Errors as those of a flush. */
  async flushed(lsn: number): Promise<boolean> {
    if (!this.#isSound()) return false
    if (this.checkpointLsn < lsn) await this.#inner.parts.flusher.through(lsn)
    return this.#isSound() && this.checkpointLsn >= lsn
  }

  /** At most `limit` pages from `page` on that were ever written; none: there are no more. MEDIUM. */
  async pagesFrom(page: number, limit: number): Promise<readonly number[]> {
    const { maxima } = this.#inner.parts
    const pagesPerGrain = maxima.grainBlocks / PAGE_BLOCKS
    const endPage = Math.ceil(this.sizeBlocks / PAGE_BLOCKS)
    const endGrain = Math.ceil(endPage / pagesPerGrain)
    const pages: number[] = []
    for (let at = page; at < endPage && pages.length < limit; ) {
      const grain = Math.floor(at / pagesPerGrain)
      const touched = await maxima.nextTouched(grain, endGrain)
      if (touched > grain) at = touched * pagesPerGrain
      else pages.push(at++)
    }
    return pages.filter((one) => one < endPage)
  }

  /** Errors as of `entriesOf`. */
  entries(page: number, asOfLsn: number): Promise<readonly BlockEntry[]> {
    return entriesOf(this.#inner.parts, page, asOfLsn)
  }

  /** As `mend`. CLOSED when the volume is closing. */
  mend(one: Mend): Promise<boolean> {
    return this.#inner.volume.repairing(() =>
      mend({ ...resyncParts(this.#inner), isSound: this.#isSound }, one),
    )
  }
}

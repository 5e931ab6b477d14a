/**
 * What of a flush a replica already has newer: while its base comes, blocks are put into extents and map beside the log
 * (resync/sink.ts), and a version of the base may be newer than the log's. The newer one stays.
 */
import { PAGE_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'
import type { GrainMaxima } from '../map/maxima.ts'
import type { BlockRange } from './flush-plan.ts'

export class Overtaken {
  readonly #map: BlockMap
  readonly #maxima: GrainMaxima

  constructor(map: BlockMap, maxima: GrainMaxima) {
    this.#map = map
    this.#maxima = maxima
  }

  /** Whether the map has a version of `block` above `lsn`. */
  async has(block: number, lsn: number): Promise<boolean> {
    if (await this.#isOld(block, lsn)) return false
    const index = Math.floor(block / PAGE_BLOCKS)
    const page = this.#map.getNow(index) ?? (await this.#map.get(index))
    return page.lsn(block % PAGE_BLOCKS) > lsn
  }

  /** What of these blocks the map has no version of above `lsn`. */
  async left(parts: Iterable<BlockRange>, lsn: number): Promise<BlockRange[]> {
    const left: BlockRange[] = []
    for (const { start, end } of parts) {
      let from = start
      for (let at = start; at < end; ) {
        const endOfGrain = Math.min(end, (this.#maxima.grainOf(at) + 1) * this.#maxima.grainBlocks)
        if (await this.#isOld(at, lsn)) at = endOfGrain
        for (; at < endOfGrain; at++) {
          if (!(await this.has(at, lsn))) continue
          if (at > from) left.push({ start: from, end: at })
          from = at + 1
        }
      }
      if (end > from) left.push({ start: from, end })
    }
    return left
  }

  /** Whether nothing in the grain of `block` is above `lsn`. */
  async #isOld(block: number, lsn: number): Promise<boolean> {
    const grain = this.#maxima.grainOf(block)
    return (this.#maxima.getNow(grain) ?? (await this.#maxima.get(grain))) <= lsn
  }
}

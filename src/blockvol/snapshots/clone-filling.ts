/**
 * A clone while it is filled: which of its blocks nobody touched, and writing those with what the origin has. That is an
 * ordinary write under the blocks' locks, so a host's own write, before or after, always wins.
 */
import { BlockError } from '../../base/errors.ts'
import type { WriteOptions } from '../../base/ports/block-device.ts'
import type { OriginSource } from '../../base/ports/origin.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { DataPath } from '../data-path.ts'
import type { DirtyMap } from '../dirty/dirty-map.ts'
import { PAGE_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'

/** Blocks that one search looks at. */
const BLOCKS_PER_CALL = 64 * PAGE_BLOCKS
/** Blocks of the origin that one question to it brings. */
const CHANGED_MAX = 4096

export interface CloneFillingOptions {
  readonly dirty: DirtyMap
  readonly map: BlockMap
  readonly path: DataPath
  readonly origin: OriginSource | undefined
  /** Blocks from 0 that the origin has; 0 when the volume is no clone, or filled. */
  readonly originBlocks: () => number
}

export class CloneFilling {
  readonly #o: CloneFillingOptions

  constructor(options: CloneFillingOptions) {
    this.#o = options
  }

  /** Whether the block is as the origin has it. MEDIUM while its map page cannot be read. */
  async isUntouched(block: number): Promise<boolean> {
    const { dirty, map, originBlocks } = this.#o
    const index = Math.floor(block / PAGE_BLOCKS)
    const page = map.getNow(index) ?? (await map.get(index))
    const slot = block % PAGE_BLOCKS
    const isClean = dirty.lookup(block) === 'clean' && page.lsn(slot) === 0 && !page.isUnknown(slot)
    return isClean && block < originBlocks()
  }

  async untouched(
    fromBlock: number,
    limit: number,
  ): Promise<{ readonly blocks: readonly number[]; readonly nextBlock: number | null }> {
    const end = this.#o.originBlocks()
    const stop = Math.min(end, fromBlock + BLOCKS_PER_CALL)
    const blocks: number[] = []
    let block = fromBlock
    for (; block < stop && blocks.length < limit; block++) {
      if (await this.isUntouched(block)) blocks.push(block)
    }
    return { blocks, nextBlock: block < end ? block : null }
  }

  /** Writes those of the blocks that nobody touched. */
  hydrate(fromBlock: number, data: Uint8Array, options: WriteOptions): Promise<number> {
    return this.#o.path.writeWhere(fromBlock, data, (block) => this.isUntouched(block), options)
  }

  /** CONFLICT when the origin has content that was not filled in; BUSY, MEDIUM as of the origin. */
  async ensureFilled(): Promise<void> {
    const { origin, originBlocks } = this.#o
    if (originBlocks() === 0) return
    if (origin === undefined) throw new BlockError('BUSY', 'what the clone is made of is out of reach')
    for (let fromBlock: number | null = 0; fromBlock !== null; ) {
      const { blocks, nextBlock } = await origin.changed({ fromBlock, limit: CHANGED_MAX })
      for (const { block, kind } of blocks) {
        if (kind !== 'data' || !(await this.isUntouched(block))) continue
        throw new BlockError('CONFLICT', `block ${block} of the clone is not filled yet`, {
          facts: { block, offsetBytes: block * BLOCK_BYTES },
        })
      }
      fromBlock = nextBlock
    }
  }
}

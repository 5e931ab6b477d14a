/**
 * Good copies of bad ones: asked of the repair source, held against the checksum, counted and told, with the block's
 * number. Where a copy goes is for those who asked.
 */
import type { Logger } from '../base/log.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { ExactVersion, RepairSource } from './api.ts'
import { isExactly } from './exact-versions.ts'

/** Versions without a good copy that are told once, and not again at each read. */
const TOLD_MAX = 1000

export interface RepairsOptions {
  /** Undefined: there is nobody to ask. */
  readonly source: RepairSource | undefined
  readonly logger: Logger
  readonly volume: string
  readonly onRepaired: () => void
}

export class Repairs {
  readonly #o: RepairsOptions
  readonly #told = new Set<string>()

  constructor(options: RepairsOptions) {
    this.#o = options
  }

  /** The version's content, verified; undefined when no good copy can be had now. */
  async copyOf(wanted: ExactVersion): Promise<Uint8Array | undefined> {
    const { source, logger, volume, onRepaired } = this.#o
    const { block, lsn } = wanted
    const copy = await source?.(wanted)
    const facts = { volume, block, offsetBytes: block * BLOCK_BYTES, lsn }
    const name = `${block} ${lsn}`
    if (copy !== undefined && isExactly(copy, wanted)) {
      this.#told.delete(name)
      onRepaired()
      logger.warn('volume.block-repaired', facts)
      return copy
    }
    if (!this.#told.has(name) && this.#told.size < TOLD_MAX) {
      this.#told.add(name)
      logger.error('volume.block-bad', facts)
    }
    return undefined
  }
}

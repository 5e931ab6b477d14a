/** Blocks as the flusher takes them from the log: verified, from a peer when the log's copy is bad. */
import { BlockError, isBlockError } from '../../base/errors.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { RepairSource } from '../api.ts'
import { blockChecksum } from '../checksum.ts'
import type { DirtyMap } from '../dirty/dirty-map.ts'
import type { LogFile } from '../log/log-file.ts'

export interface WantedBlock {
  readonly block: number
  readonly lsn: number
  readonly position: number
  readonly checksum: number
  /** The block with which the checksum was seeded: another one only for patterns. */
  readonly seedBlock: number
}

const isWanted = (content: Uint8Array, wanted: WantedBlock): boolean =>
  blockChecksum(content, wanted.seedBlock, wanted.lsn) === wanted.checksum

export class LogContent {
  readonly #log: LogFile
  readonly #dirty: DirtyMap
  readonly #repairSource: RepairSource | undefined

  constructor(log: LogFile, dirty: DirtyMap, repairSource: RepairSource | undefined) {
    this.#log = log
    this.#dirty = dirty
    this.#repairSource = repairSource
  }

  /**
   * Fills `target` without waiting with `count` blocks of `wanted` from `first` on, which lie one behind the other
   * in the log; false when that cannot be, or the content of one is bad.
   */
  readRunNow(target: Uint8Array, wanted: readonly WantedBlock[], first: number, count: number): boolean {
    if (!this.#log.readNow(target, wanted[first]!.position)) return false
    for (let i = 0; i < count; i++) {
      const content = target.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
      if (!isWanted(content, wanted[first + i]!)) return false
    }
    return true
  }

  /** Fills `target`; false when the log's copy is bad or unreadable and no peer has it. */
  async read(target: Uint8Array, wanted: WantedBlock): Promise<boolean> {
    if ((await this.#readLog(target, wanted)) && isWanted(target, wanted)) return true
    const { block, lsn, checksum, seedBlock } = wanted
    const copy = await this.#repairSource?.({ block, lsn, crc32c: checksum, seedBlock })
    if (copy === undefined || !isWanted(copy, wanted)) return false
    target.set(copy)
    return true
  }

  async #readLog(target: Uint8Array, wanted: WantedBlock): Promise<boolean> {
    try {
      return await this.#log.read(target, wanted.position)
    } catch (error) {
      // an unreadable sector is what a bad checksum is
      if (isBlockError(error, 'DISK')) return false
      throw error
    }
  }

  /** Whether a newer entry, in a later generation, stands for `block`. */
  isReplaced(block: number, lsn: number): boolean {
    return this.#dirty.lookup(block) !== 'clean' && this.#dirty.lsn > lsn
  }
}

/** What stops the flusher: it goes on when the block has been written again. */
export const damagedEntry = (wanted: { block: number; lsn: number }): BlockError =>
  new BlockError(
    'MEDIUM',
    `the log entry with LSN ${wanted.lsn} of block ${wanted.block} is damaged; it stays in the log until the block is written or trimmed`,
    { facts: { lsn: wanted.lsn, block: wanted.block, offsetBytes: wanted.block * BLOCK_BYTES } },
  )

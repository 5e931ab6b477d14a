/**
 * A version of a block by its exact name (block, LSN, checksum), wherever this volume has it: as the newest one, in log
 * or extents, kept for a snapshot, or behind a newer one in the log. What comes out was verified. For others, whose copy is bad: nothing is
 * asked of anybody else here.
 */
import { isBlockError } from '../base/errors.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { ExactVersion } from './api.ts'
import { blockChecksum } from './checksum.ts'
import { ENTRY_KIND } from './format/log-group.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from './geometry.ts'
import type { LogFile } from './log/log-file.ts'
import type { ReadGroup } from './log/log-reader.ts'
import type { BlockMap } from './map/block-map.ts'
import type { BlockReader } from './reader.ts'
import type { SegmentFiles } from './segments.ts'
import type { VersionStore } from './versions/version.ts'

export interface ExactVersionsParts {
  readonly reader: BlockReader
  readonly map: BlockMap
  readonly versions: Pick<VersionStore, 'isEmpty' | 'of' | 'read'>
  readonly log: LogFile
  readonly extents: SegmentFiles
  /** Entries of the log; undefined when it does not have them any more. */
  readonly readLog: (from: number, through: number) => Promise<ReadGroup | undefined>
  readonly appendedLsn: () => number
}

/** Whether this is the content of that version. */
export const isExactly = (data: Uint8Array, { block, seedBlock, lsn, crc32c }: ExactVersion): boolean =>
  blockChecksum(data, seedBlock ?? block, lsn) === crc32c

export class ExactVersions {
  readonly #o: ExactVersionsParts

  constructor(parts: ExactVersionsParts) {
    this.#o = parts
  }

  /** Fills `target` (4096 bytes); false when there is no good copy here. MEDIUM while its map page cannot be read. */
  async read(wanted: ExactVersion, target: Uint8Array): Promise<boolean> {
    const places = [this.#readMapped, this.#readNewest, this.#readStored, this.#readMapped, this.#readLog]
    // what is flushed meanwhile goes from one place to the next, and from the log to the first
    for (const readPlace of places) {
      if ((await readPlace.call(this, wanted, target)) && isExactly(target, wanted)) return true
    }
    return false
  }

  /** In the extents, whatever the log has on top of it. */
  async #readMapped({ block, lsn }: ExactVersion, target: Uint8Array): Promise<boolean> {
    const { map, extents } = this.#o
    const page = await map.get(Math.floor(block / PAGE_BLOCKS))
    const slot = block % PAGE_BLOCKS
    if (page.lsn(slot) !== lsn || !page.hasContent(slot)) return false
    return unlessUnreadable(async () => {
      const file = await extents.get(Math.floor(block / SEGMENT_BLOCKS), false)
      return (await file?.read(target, (block % SEGMENT_BLOCKS) * BLOCK_BYTES)) === BLOCK_BYTES
    })
  }

  /** In the log, as the newest. */
  async #readNewest({ block, lsn }: ExactVersion, target: Uint8Array): Promise<boolean> {
    const source = this.#o.reader.locateNow(block)
    if (source?.kind !== 'log' || source.lsn !== lsn) return false
    const { position } = source
    return unlessUnreadable(() => this.#o.log.read(target, position))
  }

  /** Of those that are kept for snapshots. */
  async #readStored({ block, lsn }: ExactVersion, target: Uint8Array): Promise<boolean> {
    const { versions } = this.#o
    if (versions.isEmpty) return false
    const stored = (await versions.of(block)).find((version) => version.lsn === lsn)
    return stored?.kind === 'data' && (await versions.read(stored, target))
  }

  async #readLog({ block, lsn }: ExactVersion, target: Uint8Array): Promise<boolean> {
    if (lsn > this.#o.appendedLsn()) return false
    const group = await this.#o.readLog(lsn, lsn).catch((error: unknown) => {
      if (!isBlockError(error, 'MEDIUM') && !isBlockError(error, 'DISK')) throw error
      return undefined
    })
    if (group === undefined) return false
    try {
      const entry = group.entries[0]
      if (entry === undefined || block < entry.block || block >= entry.block + entry.blocks) return false
      const isContent = entry.kind === ENTRY_KIND.write || entry.kind === ENTRY_KIND.writeSame
      if (!isContent) return false
      const at = entry.kind === ENTRY_KIND.write ? (block - entry.block) * BLOCK_BYTES : 0
      target.set(entry.data.subarray(at, at + BLOCK_BYTES))
      return true
    } finally {
      group.release()
    }
  }
}

/** An unreadable sector is what a bad checksum is. */
async function unlessUnreadable(read: () => Promise<boolean>): Promise<boolean> {
  try {
    return await read()
  } catch (error) {
    if (isBlockError(error, 'DISK')) return false
    throw error
  }
}

/**
 * The content of versions: blocks in slots that are numbered upwards for ever, 64 GiB to a file. A slot that was in force is never
 * used again, so giving one back twice harms nothing; a file all of whose slots were given back is removed.
 */
import { isBlockError } from '../../base/errors.ts'
import type { Disk } from '../../base/ports/disk.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'
import { SEGMENT_BLOCKS } from '../geometry.ts'
import { SegmentFiles } from '../segments.ts'
import type { StoredVersion } from './version.ts'

export const fileOf = (slot: number): number => Math.floor(slot / SEGMENT_BLOCKS)
const offsetOf = (slot: number): number => (slot % SEGMENT_BLOCKS) * BLOCK_BYTES

export class DataBlocks {
  readonly #files: SegmentFiles

  private constructor(files: SegmentFiles) {
    this.#files = files
  }

  static async open(disk: Disk, directory: string): Promise<DataBlocks> {
    return new DataBlocks(await SegmentFiles.load(disk, directory, ''))
  }

  /** Fills `target` with what `version` held, verified; false when that cannot be had. */
  async read(version: StoredVersion, target: Uint8Array): Promise<boolean> {
    const file = await this.#files.get(fileOf(version.slot), false)
    if (file === undefined) return false
    for (const isUncached of [false, true]) {
      try {
        const at = offsetOf(version.slot)
        const read = await (isUncached ? file.readUncached(target, at) : file.read(target, at))
        if (read !== BLOCK_BYTES) continue
      } catch (error) {
        if (isBlockError(error, 'DISK')) continue
        throw error
      }
      if (blockChecksum(target, version.block, version.lsn) === version.checksum) return true
    }
    return false
  }

  /** Writes blocks from `slot` on, all in one file; not durable. NO_SPACE, DISK. */
  async write(slot: number, data: Uint8Array): Promise<void> {
    const file = await this.#files.get(fileOf(slot), true)
    await file?.write([data], offsetOf(slot))
  }

  /** Gives the space of `slots` back, which are sorted here; not durable. */
  async punch(slots: Float64Array): Promise<void> {
    slots.sort()
    for (let i = 0; i < slots.length; ) {
      const first = slots[i]!
      let end = i + 1
      while (end < slots.length && slots[end]! - first === end - i && fileOf(slots[end]!) === fileOf(first))
        end++
      const file = await this.#files.get(fileOf(first), false)
      await file?.punchHole(offsetOf(first), (end - i) * BLOCK_BYTES)
      i = end
    }
  }

  /** Makes what was written and given back durable. */
  datasync(files: Iterable<number>): Promise<void> {
    return this.#files.datasync(files)
  }

  /** Removes files before that of `nextSlot` that no used slot is in. */
  async removeUnused(nextSlot: number, usedBlocks: ReadonlyMap<number, number>): Promise<void> {
    for (const index of this.#files.indices()) {
      if (index < fileOf(nextSlot) && !usedBlocks.has(index)) await this.#files.remove(index)
    }
  }

  /** Gives back all from `nextSlot` on: what a batch wrote that was not committed. */
  async cut(nextSlot: number): Promise<void> {
    const current = fileOf(nextSlot)
    for (const index of this.#files.indices()) if (index > current) await this.#files.remove(index)
    const file = await this.#files.get(current, false)
    if (file !== undefined && (await file.sizeBytes()) > offsetOf(nextSlot)) {
      await file.truncate(offsetOf(nextSlot))
    }
  }

  allocatedBytes(): Promise<number> {
    return this.#files.allocatedBytes()
  }

  close(): Promise<void> {
    return this.#files.close()
  }
}

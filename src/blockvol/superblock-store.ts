/**
 * The one owner of a volume's superblock: updates are serialised, so no writer takes another's fields back, and
 * each goes to the slot that the last one did not use.
 */
import type { Disk, DiskFile } from '../base/ports/disk.ts'
import { readSlots, writeSlot } from './format/dual-slot.ts'
import {
  decodeSuperblock,
  encodeSuperblock,
  SUPERBLOCK_FORMAT,
  type Superblock,
} from './format/superblock.ts'

export class SuperblockStore {
  readonly #file: DiskFile
  #current: Superblock
  #generation: number
  #last: Promise<void> = Promise.resolve()
  writes = 0

  private constructor(file: DiskFile, current: Superblock, generation: number) {
    this.#file = file
    this.#current = current
    this.#generation = generation
  }

  /** Reads the superblock under `directory`; a damaged slot beside a good one is written anew. */
  static async open(disk: Disk, directory: string, options: { repair: boolean }): Promise<SuperblockStore> {
    const file = await disk.open(`${directory}/super`, { create: 'never' })
    try {
      const { generation, body, otherDamaged } = await readSlots(SUPERBLOCK_FORMAT, file)
      // the newest slot may be in the page cache only; the next write goes to the slot that would replace it
      if (options.repair) await file.datasync()
      const store = new SuperblockStore(file, decodeSuperblock(body, file.path), generation)
      if (otherDamaged && options.repair) await store.update({})
      return store
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Writes the first superblock, into the second slot. */
  static async create(disk: Disk, directory: string, first: Superblock): Promise<void> {
    const file = await disk.open(`${directory}/super`, { create: 'missing' })
    try {
      await writeSlot(SUPERBLOCK_FORMAT, file, 1, encodeSuperblock(first))
    } finally {
      await file.close()
    }
    await disk.syncDirectory(directory)
  }

  get current(): Superblock {
    return this.#current
  }

  /** Changes fields; durable when the promise resolves. */
  update(changes: Partial<Superblock>): Promise<void> {
    const next = this.#last.then(async () => {
      const superblock = { ...this.#current, ...changes }
      await writeSlot(SUPERBLOCK_FORMAT, this.#file, this.#generation + 1, encodeSuperblock(superblock))
      this.#current = superblock
      this.#generation++
      this.writes++
    })
    // a failed update does not stand in the way of the next one: it goes to the same slot again
    this.#last = next.catch(() => undefined)
    return next
  }

  allocatedBytes(): Promise<number> {
    return this.#file.allocatedBytes()
  }

  async close(): Promise<void> {
    await this.#last
    await this.#file.close()
  }
}

/**
 * The files under `extents/`: content (`NNNNNN`) and map (`NNNNNN.map`), each for 64 GiB of the volume. Files are
 * made when a block of theirs is first written and opened when first needed; what is not there reads as zeros.
 */
import type { Disk, DiskFile } from '../base/ports/disk.ts'

export class SegmentFiles {
  readonly #disk: Disk
  readonly #directory: string
  readonly #suffix: string
  /** Index → open file, for the synchronous path. */
  readonly #open = new Map<number, DiskFile>()
  readonly #opening = new Map<number, Promise<DiskFile>>()
  readonly #present: Set<number>
  /** Files were made whose names are not durable yet; at first by a process that may have died before it could sync. */
  #hasNewNames = true

  private constructor(disk: Disk, directory: string, suffix: string, present: Set<number>) {
    this.#disk = disk
    this.#directory = directory
    this.#suffix = suffix
    this.#present = present
  }

  static async load(disk: Disk, directory: string, suffix: '' | '.map'): Promise<SegmentFiles> {
    const present = new Set<number>()
    for (const name of await disk.list(directory)) {
      const match = /^(\d{6})(\.map)?$/.exec(name)
      if (match && (match[2] ?? '') === suffix) present.add(Number(match[1]))
    }
    return new SegmentFiles(disk, directory, suffix, present)
  }

  has(index: number): boolean {
    return this.#present.has(index)
  }

  /** Indices of the files that exist, ascending. */
  indices(): number[] {
    return [...this.#present].sort((a, b) => a - b)
  }

  /** The file, when it is open already. */
  opened(index: number): DiskFile | undefined {
    return this.#open.get(index)
  }

  /** The file; `create` makes it when it is missing (its name is durable after `datasync`). */
  async get(index: number, create: boolean): Promise<DiskFile | undefined> {
    const open = this.#open.get(index)
    if (open !== undefined) return open
    if (!create && !this.#present.has(index)) return undefined
    let opening = this.#opening.get(index)
    if (opening === undefined) {
      const path = `${this.#directory}/${String(index).padStart(6, '0')}${this.#suffix}`
      opening = this.#disk.open(path, { create: create ? 'missing' : 'never' }).then((file) => {
        this.#open.set(index, file)
        if (!this.#present.has(index)) this.#hasNewNames = true
        this.#present.add(index)
        return file
      })
      this.#opening.set(index, opening)
      opening.then(
        () => this.#opening.delete(index),
        () => this.#opening.delete(index),
      )
    }
    return opening
  }

  /**
   * Makes what was written to these files durable, and the names of files that were made. One after the other: ext4
   * was seen to answer ENOSPC with most of the disk free when many sparse files were synced side by side.
   */
  async datasync(indices: Iterable<number>): Promise<void> {
    for (const index of indices) await (await this.get(index, false))?.datasync()
    if (!this.#hasNewNames) return
    this.#hasNewNames = false
    try {
      await this.#disk.syncDirectory(this.#directory)
    } catch (error) {
      this.#hasNewNames = true
      throw error
    }
  }

  /** Removes a file that nobody uses; its name is gone for good after the next `datasync`. */
  async remove(index: number): Promise<void> {
    const file = await this.get(index, false)
    if (file === undefined) return
    this.#open.delete(index)
    this.#present.delete(index)
    await file.close()
    await this.#disk.remove(file.path)
    this.#hasNewNames = true
  }

  async allocatedBytes(): Promise<number> {
    let total = 0
    for (const index of this.indices()) total += (await (await this.get(index, false))?.allocatedBytes()) ?? 0
    return total
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#opening.values())
    const files = [...this.#open.values()]
    this.#open.clear()
    await Promise.all(files.map((file) => file.close()))
  }
}

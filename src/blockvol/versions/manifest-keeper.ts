/**
 * The one owner of the manifest: changes come one after the other, each durable before it counts. One that failed may or may not
 * be on the disk, so after it nothing is changed any more, and no file that it names is touched, until the next opening.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Disk, DiskFile } from '../../base/ports/disk.ts'
import { readSlots, writeSlot } from '../format/dual-slot.ts'
import { decodeManifest, encodeManifest, MANIFEST_FORMAT, type Manifest } from '../format/version-manifest.ts'

const pathOf = (directory: string): string => `${directory}/manifest`

export class ManifestKeeper {
  readonly #file: DiskFile
  #current: Manifest
  #generation: number
  #last: Promise<unknown> = Promise.resolve()
  #failure: unknown
  /** Both slots say the same. */
  #isMirrored = false

  private constructor(file: DiskFile, current: Manifest, generation: number) {
    this.#file = file
    this.#current = current
    this.#generation = generation
  }

  /** Makes the manifest of an empty store. Its space is taken at once: no later change of it finds the disk full. */
  static async create(disk: Disk, directory: string, uuid: Uint8Array): Promise<void> {
    const file = await disk.open(pathOf(directory), { create: 'missing' })
    try {
      await file.truncate(0)
      await file.allocate(0, 2 * MANIFEST_FORMAT.slotBytes)
      const empty: Manifest = {
        uuid,
        changes: 1,
        nextSlot: 0,
        nextList: 1,
        lists: [],
        freeing: [],
        usedBlocks: new Map(),
      }
      await writeSlot(MANIFEST_FORMAT, file, 1, encodeManifest(empty))
    } finally {
      await file.close()
    }
  }

  /** NOT_FOUND, CORRUPT and UNKNOWN_FORMAT as `openVersionStore` has them. */
  static async open(
    disk: Disk,
    directory: string,
    options: { readonly uuid: Uint8Array; readonly generationMin: number },
  ): Promise<ManifestKeeper> {
    const file = await disk.open(pathOf(directory), { create: 'never' })
    try {
      const { generation, body } = await readSlots(MANIFEST_FORMAT, file)
      // it may be in the page cache only, and what it does not name is about to be removed
      await file.datasync()
      const current = decodeManifest(body, options.uuid, file.path)
      if (current.changes < options.generationMin) {
        throw new BlockError('CORRUPT', `${file.path} is older than the checkpoint: a write of it was lost`, {
          facts: { path: file.path, changes: current.changes, expected: options.generationMin },
        })
      }
      return new ManifestKeeper(file, current, generation)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get current(): Manifest {
    return this.#current
  }

  /** Something failed of which it is not known whether it is on the disk. */
  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  /** Nothing is changed any more. */
  fail(error: unknown): void {
    this.#failure ??= error
  }

  get isMirrored(): boolean {
    return this.#isMirrored
  }

  /** What `next` makes of the manifest; durable, and `apply` called, when the promise resolves. DISK; NO_SPACE when it is full. */
  change(next: (current: Manifest) => Partial<Manifest>, apply: () => void): Promise<void> {
    return this.alone(async () => {
      if (this.#failure !== undefined) {
        throw new BlockError('DISK', `${this.#file.path}: an earlier change failed`, { cause: this.#failure })
      }
      const manifest = { ...this.#current, ...next(this.#current), changes: this.#current.changes + 1 }
      const body = encodeManifest(manifest)
      try {
        await writeSlot(MANIFEST_FORMAT, this.#file, this.#generation + 1, body)
      } catch (error) {
        this.fail(error)
        if (isBlockError(error, 'DISK')) throw error
        throw new BlockError('DISK', `${this.#file.path}: a change failed`, { cause: error })
      }
      this.#generation++
      this.#current = manifest
      this.#isMirrored = false
      apply()
    })
  }

  /** Writes the manifest into the other slot too, so that one that rots is not missed. */
  mirror(): Promise<void> {
    return this.alone(async () => {
      if (this.#failure !== undefined || this.#isMirrored) return
      await writeSlot(MANIFEST_FORMAT, this.#file, this.#generation + 1, encodeManifest(this.#current))
      this.#generation++
      this.#isMirrored = true
    })
  }

  /** Verifies both slots as the medium has them; a bad one is written anew. The number of bad ones. */
  verify(): Promise<number> {
    return this.alone(async () => {
      if (this.#failure !== undefined) return 0
      const isGood = await readSlots(MANIFEST_FORMAT, this.#file).then(
        ({ generation, otherDamaged }) => generation === this.#generation && !otherDamaged,
        (error: unknown) => {
          if (isBlockError(error, 'CORRUPT') || isBlockError(error, 'DISK')) return false
          throw error
        },
      )
      if (isGood) return 0
      const body = encodeManifest(this.#current)
      for (let slots = 0; slots < 2; slots++) {
        await writeSlot(MANIFEST_FORMAT, this.#file, this.#generation + 1, body)
        this.#generation++
      }
      this.#isMirrored = true
      return 1
    })
  }

  /** Runs something while the manifest does not change. */
  alone<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#last.then(run)
    this.#last = done.catch(() => undefined)
    return done
  }

  allocatedBytes(): Promise<number> {
    return this.#file.allocatedBytes()
  }

  async close(): Promise<void> {
    await this.#last
    await this.#file.close()
  }
}

/**
 * What a replica has promised to others, kept beside its superblock: two slots, and both have the newest marks when a save
 * has ended. The newer valid one wins, so one that the disk damages or misreads does not bring back an older promise. What stands in it is the replication's own (src/replication/marks.ts); here it is bytes. A volume that never
 * had replicas has no such file.
 */
import { assert } from '../base/assert.ts'
import { BlockError } from '../base/errors.ts'
import type { Disk, DiskFile } from '../base/ports/disk.ts'
import { KIB } from '../base/units.ts'
import { readSlots, type SlotFormat, writeSlot } from './format/dual-slot.ts'

const MARKS_FORMAT: SlotFormat = {
  name: 'marks',
  magic: 0x314b_4d42, // "BMK1"
  version: 1,
  slotBytes: 128 * KIB,
}
/** Longest marks, in bytes: two long histories of epochs fit. */
export const MARKS_BYTES_MAX = 120 * KIB

export class MarksFile {
  readonly #disk: Disk
  readonly #directory: string
  #file: DiskFile | undefined
  #generation: number
  #last: Promise<void> = Promise.resolve()
  /** As read when the file was opened; undefined in a volume that has none. */
  readonly stored: Uint8Array | undefined

  private constructor(disk: Disk, directory: string, file: DiskFile | undefined, slots?: Stored) {
    this.#disk = disk
    this.#directory = directory
    this.#file = file
    this.#generation = slots?.generation ?? 0
    this.stored = slots?.body
  }

  /** CORRUPT when there is a file and neither of its slots is whole. */
  static async open(disk: Disk, directory: string): Promise<MarksFile> {
    const isThere = (await disk.list(directory)).includes('marks')
    if (!isThere) return new MarksFile(disk, directory, undefined)
    const file = await disk.open(`${directory}/marks`, { create: 'never' })
    try {
      return new MarksFile(disk, directory, file, await readSlots(MARKS_FORMAT, file))
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Durable when the promise resolves; saves are done one after the other. */
  save(body: Uint8Array): Promise<void> {
    assert(body.byteLength <= MARKS_BYTES_MAX, 'marks fit their slot')
    const next = this.#last.then(() => this.#save(body))
    this.#last = next.catch(() => undefined)
    return next
  }

  async #save(body: Uint8Array): Promise<void> {
    if (this.#file === undefined) this.#file = await this.#make(body)
    else await this.#writeBoth(this.#file, body)
    this.#generation += 2
  }

  /** One after the other: there is a valid one at every moment. */
  async #writeBoth(file: DiskFile, body: Uint8Array): Promise<void> {
    await writeSlot(MARKS_FORMAT, file, this.#generation + 1, body)
    await writeSlot(MARKS_FORMAT, file, this.#generation + 2, body)
  }

  /** Under another name first: a file of this name always has a valid slot, also when its making was cut short. */
  async #make(body: Uint8Array): Promise<DiskFile> {
    const path = `${this.#directory}/marks`
    const made = await this.#disk.open(`${path}.new`, { create: 'missing' })
    try {
      await this.#writeBoth(made, body)
    } finally {
      await made.close()
    }
    await this.#disk.rename(`${path}.new`, path)
    await this.#disk.syncDirectory(this.#directory)
    return this.#disk.open(path, { create: 'never' })
  }

  async close(): Promise<void> {
    await this.#last
    await this.#file?.close()
  }
}

/** CONFLICT when `directory` holds one of several replicas: opened alone, it would write what the others do not have. */
export async function refuseReplica(disk: Disk, directory: string): Promise<void> {
  const names = await disk.list(directory).catch((): string[] => [])
  if (!names.includes('marks')) return
  const text = `${directory} is a replica of a replicated volume; only a block server may open it`
  throw new BlockError('CONFLICT', text, { facts: { path: directory } })
}

interface Stored {
  readonly generation: number
  readonly body: Uint8Array
}

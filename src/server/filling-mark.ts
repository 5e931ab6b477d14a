/**
 * Says on disk that a volume is being filled with something else as a whole: half of one thing and half of another, which no
 * host may see, also after a crash in the middle. One small file in the volume's directory, there before the first block
 * is written and gone after the last one is durable.
 */
import type { Disk } from '../base/ports/disk.ts'
import { readSmallFile, replaceSmallFile } from './small-file.ts'

const FILE = 'filling'
const BYTES_MAX = 1024

export class FillingMark {
  readonly #disk: Disk
  readonly #directory: string

  /** `directory`: the volume's. */
  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  /** With what it is filled, for people; undefined when it is whole. */
  async read(): Promise<string | undefined> {
    return readSmallFile(this.#disk, this.#path, BYTES_MAX)
  }

  /** Durable when the promise resolves, as of `clear`. */
  async set(what: string): Promise<void> {
    await replaceSmallFile(this.#disk, this.#directory, FILE, what.slice(0, BYTES_MAX / 4))
  }

  async clear(): Promise<void> {
    if (await this.#disk.exists(this.#path)) await this.#disk.remove(this.#path)
    await this.#disk.syncDirectory(this.#directory)
  }

  get #path(): string {
    return `${this.#directory}/${FILE}`
  }
}

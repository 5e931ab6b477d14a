/**
 * The embedded registry: one SQLite file in a directory, one process at a time. A lock file beside it is held as long as
 * the registry is open; the kernel releases it with the process. Calls are served one after the other, in their order.
 *
 * SQLite's calls are synchronous: the process waits for the disk while a commit is synced. The record store makes one
 * transaction of all that waits, so the wait is per transaction and not per decision.
 */
import { dirname } from 'node:path'
import { BlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Disk, DiskLock } from '../../base/ports/disk.ts'
import type { Random } from '../../base/ports/random.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import type { CommitOutcome, Registry, StoredRecord, Transaction } from './registry.ts'
import { SqliteFile } from './sqlite-file.ts'

const SIZE_BYTES_MAX = 4 * 1024 ** 3

export interface SqliteRegistryOptions {
  /** `…/registry.sqlite`; its directory is made if it is missing. */
  readonly path: string
  readonly disk: Disk
  readonly random: Random
  readonly clock: Clock
  /** What the file may grow to; then NO_SPACE. 4 GiB by default. */
  readonly sizeBytesMax?: number
}

export class SqliteRegistry implements Registry {
  readonly #file: SqliteFile
  readonly #lock: DiskLock

  private constructor(file: SqliteFile, lock: DiskLock) {
    this.#file = file
    this.#lock = lock
  }

  /**
   * Opens the registry, or makes it. IN_USE, naming the path, while another process has it; UNKNOWN_FORMAT for a file of
   * another version or program; CORRUPT for a damaged one; DISK, NO_SPACE.
   */
  static async open(options: SqliteRegistryOptions): Promise<SqliteRegistry> {
    const { path, disk, random, clock } = options
    const directory = dirname(path)
    await disk.makeDirectory(directory)
    const lock = await disk.lock(`${path}.lock`)
    let file: SqliteFile | undefined
    try {
      file = new SqliteFile({
        path,
        sizeBytesMax: options.sizeBytesMax ?? SIZE_BYTES_MAX,
        newId: () => formatUuid(randomUuid(random)),
        nowMs: clock.wallMs(),
      })
      // The names of the file and of its directory: else a power loss could take an acknowledged registry away whole.
      await disk.syncDirectory(directory)
      await disk.syncDirectory(dirname(directory))
      return new SqliteRegistry(file, lock)
    } catch (error) {
      file?.close()
      await lock.release()
      throw error
    }
  }

  get id(): string {
    return this.#file.id
  }

  get seq(): number {
    return this.#file.seq
  }

  async read(prefix: string): Promise<readonly StoredRecord[]> {
    this.#checkOpen()
    return this.#file.read(prefix)
  }

  async commit(transaction: Transaction): Promise<CommitOutcome> {
    this.#checkOpen()
    return this.#file.commit(transaction)
  }

  async close(): Promise<void> {
    this.#file.close()
    await this.#lock.release()
  }

  #checkOpen(): void {
    if (!this.#file.isOpen) throw new BlockError('CLOSED', `${this.#file.path}: the registry is closed`)
  }
}

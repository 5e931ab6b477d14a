/**
 * The embedded registry: one SQLite file in a directory, one process at a time. A lock file beside it is held as long as
 * the registry is open; the kernel releases it with the process. Calls are served one after the other, in their order.
 *
 * SQLite's calls are synchronous, so a thread makes them: while a disk stalls, the process goes on renewing leases.
 */
import { dirname } from 'node:path'
import { BlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Disk, DiskLock } from '../../base/ports/disk.ts'
import type { Random } from '../../base/ports/random.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import type { CommitOutcome, JsonObject, Registry, StoredRecord, Transaction } from './registry.ts'
import { SqliteThread } from './sqlite-thread.ts'
import { prepare } from './transaction-rules.ts'

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
  readonly id: string
  readonly #path: string
  readonly #thread: SqliteThread
  readonly #lock: DiskLock
  #seq: number
  #closing: Promise<void> | undefined

  private constructor(options: {
    path: string
    thread: SqliteThread
    lock: DiskLock
    opened: { id: string; seq: number }
  }) {
    this.id = options.opened.id
    this.#seq = options.opened.seq
    this.#path = options.path
    this.#thread = options.thread
    this.#lock = options.lock
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
    let thread: SqliteThread | undefined
    try {
      // SQLite would let everybody read it.
      await (await disk.open(path, { create: 'missing' })).close()
      const file = await SqliteThread.open({
        path,
        sizeBytesMax: options.sizeBytesMax ?? SIZE_BYTES_MAX,
        newId: formatUuid(randomUuid(random)),
        nowMs: clock.wallMs(),
      })
      thread = file.thread
      // The names of the file and of its directory: else a power loss could take an acknowledged registry away whole.
      await disk.syncDirectory(directory)
      await disk.syncDirectory(dirname(directory))
      return new SqliteRegistry({ path, thread, lock, opened: file.opened })
    } catch (error) {
      await thread?.close()
      await lock.release()
      throw error
    }
  }

  get seq(): number {
    return this.#seq
  }

  async read(prefix: string): Promise<readonly StoredRecord[]> {
    this.#checkOpen()
    const records = await this.#thread.read(prefix)
    return records.map(({ key, revision, text }) => {
      const value: JsonObject = JSON.parse(text)
      return { key, revision, value }
    })
  }

  async commit(transaction: Transaction): Promise<CommitOutcome> {
    this.#checkOpen()
    const { checks, seqAbove = 0 } = transaction
    const outcome = await this.#thread.commit({ checks, writes: prepare(transaction), seqAbove })
    if (outcome.kind === 'committed') this.#seq = outcome.seq
    return outcome
  }

  /** Waits for what was asked before. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#thread.close()
    await this.#lock.release()
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new BlockError('CLOSED', `${this.#path}: the registry is closed`)
  }
}

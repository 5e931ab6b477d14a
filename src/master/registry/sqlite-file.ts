/**
 * The registry's database, by synchronous calls of `node:sqlite`; values are JSON text here. What `commit` returned is durable; what it threw with
 * DISK, NO_SPACE or IN_USE was not written; after TIMED_OUT that is not known, and the file has been closed: it takes a
 * new opening, which reads what is there, to go on.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { crc32c } from '../../base/crc32c.ts'
import { BlockError } from '../../base/errors.ts'
import type { CommitOutcome, Transaction } from './registry.ts'
import { isWithoutSpace, sqliteError } from './sqlite-errors.ts'
import { corrupt, prepareFile } from './sqlite-schema.ts'
import type { PreparedWrite } from './transaction-rules.ts'

/** The smallest page size that SQLite uses by default. */
const PAGE_BYTES = 4096

export interface StoredText {
  readonly key: string
  readonly revision: number
  readonly text: string
}

/** A transaction that `prepare` has checked. */
export interface PreparedTransaction {
  readonly checks: Transaction['checks']
  readonly writes: readonly PreparedWrite[]
  readonly seqAbove: number
}

export interface SqliteFileOptions {
  readonly path: string
  /** What the file may grow to. */
  readonly sizeBytesMax: number
  /** The id of a file that is made now, and the time that is written into it. */
  readonly newId: string
  readonly nowMs: number
}

interface Statements {
  readonly begin: StatementSync
  readonly commit: StatementSync
  readonly rollback: StatementSync
  readonly revision: StatementSync
  readonly put: StatementSync
  readonly remove: StatementSync
  readonly raise: StatementSync
  readonly from: StatementSync
}

export class SqliteFile {
  readonly path: string
  readonly id: string
  readonly #db: DatabaseSync
  readonly #statements: Statements
  #seq: number

  /** Opens or makes the file at `path`. Errors as `prepareFile`; DISK, NO_SPACE, and IN_USE when another program writes. */
  constructor(options: SqliteFileOptions) {
    const { path } = options
    this.path = path
    this.#db = onFile(path, () => new DatabaseSync(path, { timeout: 1000 }))
    try {
      const head = onFile(path, () => prepareFile(this.#db, options))
      this.#db.exec(`PRAGMA max_page_count = ${Math.ceil(options.sizeBytesMax / PAGE_BYTES)}`)
      this.id = head.id
      this.#seq = head.seq
      this.#statements = prepareStatements(this.#db)
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  get seq(): number {
    return this.#seq
  }

  /** The records under a prefix, in the order of their keys; CORRUPT for one that is not as it was written. */
  read(prefix: string): StoredText[] {
    this.#checkOpen()
    return onFile(this.path, () => {
      const records: StoredText[] = []
      for (const row of this.#statements.from.iterate(prefix)) {
        const { key, revision, value, checksum } = row
        if (typeof key !== 'string' || !key.startsWith(prefix)) break
        if (typeof revision !== 'number' || typeof value !== 'string') throw corrupt(this.path, key, key)
        if (checksum !== checksumOf(key, revision, value)) {
          throw corrupt(this.path, `the record ${key} fails its checksum`, key)
        }
        records.push({ key, revision, text: value })
      }
      return records
    })
  }

  commit(transaction: PreparedTransaction): CommitOutcome {
    this.#checkOpen()
    const { begin, commit, raise } = this.#statements
    onFile(this.path, () => begin.run())
    let seq: number
    try {
      const stale = onFile(this.path, () => this.#staleKey(transaction.checks))
      if (stale !== undefined) {
        this.#rollback()
        return { kind: 'conflict', key: stale }
      }
      seq = onFile(this.path, () => {
        const raised = raise.get(transaction.seqAbove)?.seq
        if (typeof raised !== 'number') throw corrupt(this.path, 'its sequence number is gone')
        for (const write of transaction.writes) this.#write(write, raised)
        return raised
      })
    } catch (error) {
      this.#rollback()
      throw error
    }
    try {
      onFile(this.path, () => commit.run())
    } catch (error) {
      this.#afterFailedCommit(error)
    }
    this.#seq = seq
    return { kind: 'committed', seq }
  }

  /** Idempotent. */
  close(): void {
    if (this.#db.isOpen) this.#db.close()
  }

  #checkOpen(): void {
    if (!this.#db.isOpen) throw new BlockError('CLOSED', `${this.path}: the registry is closed`)
  }

  #staleKey(checks: Transaction['checks']): string | undefined {
    for (const { key, revision } of checks) {
      const found = this.#statements.revision.get(key)?.revision ?? 0
      if (found !== revision) return key
    }
    return undefined
  }

  #write({ key, text }: PreparedWrite, revision: number): void {
    if (text === null) this.#statements.remove.run(key)
    else this.#statements.put.run(key, revision, text, checksumOf(key, revision, text))
  }

  /**
   * A sync that failed may have left the whole transaction in the log's file, where the next opening would find it.
   */
  #afterFailedCommit(error: unknown): never {
    if (isWithoutSpace(error)) {
      this.#rollback()
      throw error
    }
    this.close()
    throw new BlockError(
      'TIMED_OUT',
      `${this.path}: a commit failed, and whether it is on the disk is not known; the registry must be opened again`,
      { facts: { path: this.path }, cause: error },
    )
  }

  /** Some errors have ended the transaction already. */
  #rollback(): void {
    if (this.#db.isTransaction) onFile(this.path, () => this.#statements.rollback.run())
  }
}

function prepareStatements(db: DatabaseSync): Statements {
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    revision: db.prepare('SELECT revision FROM records WHERE key = ?'),
    put: db.prepare(
      'INSERT INTO records (key, revision, value, checksum) VALUES (?, ?, ?, ?) ON CONFLICT (key)' +
        ' DO UPDATE SET revision = excluded.revision, value = excluded.value, checksum = excluded.checksum',
    ),
    remove: db.prepare('DELETE FROM records WHERE key = ?'),
    raise: db.prepare('UPDATE registry SET seq = max(seq, ?) + 1 RETURNING seq'),
    from: db.prepare('SELECT key, revision, value, checksum FROM records WHERE key >= ? ORDER BY key'),
  }
}

const checksumOf = (key: string, revision: number, value: string): number =>
  crc32c(Buffer.from(`${revision}\n${key}\n${value}`))

function onFile<Result>(path: string, body: () => Result): Result {
  try {
    return body()
  } catch (error) {
    throw sqliteError(error, path)
  }
}

/**
 * The registry's file: format, creation, and the check that a file is one. Format 1:
 *
 *   registry  one row: format, id (UUID), seq, createdAt (milliseconds since 1970)
 *   records   key, revision, value (JSON text), checksum (CRC-32C of `revision` in decimal, key and value, with
 *             line feeds between): SQLite itself would not see a bit that flipped
 *
 * The format covers the records too: a program that changes their shape gets another number, and this one refuses it.
 */
import type { DatabaseSync } from 'node:sqlite'
import { BlockError, isBlockError } from '../../base/errors.ts'
import { sqliteError } from './sqlite-errors.ts'

const FORMAT = 1
/** `PRAGMA application_id`: "BSLT", for `file(1)` and against other programs' databases. */
const APPLICATION_ID = 0x42_53_4c_54

/** With row ids: a table without would have its larger rows in pages of their own, three times the space. */
const TABLES = `
  CREATE TABLE registry (
    row INTEGER PRIMARY KEY CHECK (row = 1),
    format INTEGER NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    createdAt INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE records (
    key TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    value TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;`

/** How SQLite is to work. With `synchronous=FULL` the write-ahead log is synced at each commit. */
const SETTINGS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA cache_size = -65536;
  PRAGMA journal_size_limit = 16777216;
  PRAGMA trusted_schema = OFF;`

export interface RegistryHead {
  readonly id: string
  readonly seq: number
}

/**
 * Prepares an open file, which gets its tables when it is empty, and returns who it is. UNKNOWN_FORMAT for another
 * format and for somebody else's database, CORRUPT for a damaged one; SQLite's own errors pass through.
 */
export function prepareFile(
  db: DatabaseSync,
  options: { path: string; newId: string; nowMs: number },
): RegistryHead {
  const { path } = options
  const applicationId = numberOf(db, 'PRAGMA application_id')
  const isEmpty = numberOf(db, 'SELECT count(*) FROM sqlite_schema') === 0
  if (applicationId !== APPLICATION_ID && !(applicationId === 0 && isEmpty)) {
    throw new BlockError(
      'UNKNOWN_FORMAT',
      `${path} is a database of another program; name another directory`,
      {
        facts: { path },
      },
    )
  }
  db.exec(SETTINGS)
  // One transaction: a crash leaves an empty file or a whole registry.
  if (isEmpty) {
    db.exec(`BEGIN IMMEDIATE; PRAGMA application_id = ${APPLICATION_ID}; ${TABLES}`)
    db.prepare('INSERT INTO registry (row, format, id, seq, createdAt) VALUES (1, ?, ?, 0, ?)').run(
      FORMAT,
      options.newId,
      Math.trunc(options.nowMs),
    )
    db.exec('COMMIT')
  }
  emptyLog(db, path)
  return readHead(db, path)
}

/**
 * Brings what an earlier process left in the write-ahead log into the database, so that nothing rests on pages that only
 * it had synced. Without space for that the registry can be read all the same, and is.
 */
function emptyLog(db: DatabaseSync, path: string): void {
  try {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    if (!isBlockError(sqliteError(error, path), 'NO_SPACE')) throw error
  }
}

function readHead(db: DatabaseSync, path: string): RegistryHead {
  const damage = db.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (damage !== 'ok') throw corrupt(path, String(damage))
  const tables = numberOf(db, "SELECT count(*) FROM sqlite_schema WHERE name IN ('registry', 'records')")
  if (tables !== 2) throw corrupt(path, 'a table is missing')
  const row = db.prepare('SELECT format, id, seq FROM registry').get()
  if (row === undefined) throw corrupt(path, 'it does not say who it is')
  const { format, id, seq } = row
  if (format !== FORMAT) {
    throw new BlockError(
      'UNKNOWN_FORMAT',
      `${path} has format ${format} and this program knows ${FORMAT}; use the release that wrote it`,
      { facts: { path } },
    )
  }
  if (typeof id !== 'string' || typeof seq !== 'number') throw corrupt(path, 'it does not say who it is')
  return { id, seq }
}

function numberOf(db: DatabaseSync, query: string): number {
  const value = Object.values(db.prepare(query).get() ?? {})[0]
  return typeof value === 'number' ? value : 0
}

/** The error of a file that is damaged; `key` is the record that cannot be read. */
export const corrupt = (path: string, why: string, key?: string): BlockError =>
  new BlockError(
    'CORRUPT',
    `${path} is damaged: ${why}; put a copy back, then run 'basalt cluster recover'`,
    {
      facts: { path, key },
    },
  )

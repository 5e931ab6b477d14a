/**
 * From SQLite's result codes (sqlite.org/rescode.html) to `BlockError`. Node puts the extended code into `errcode`;
 * its low byte is the primary code.
 */
import { BlockError, type BlockErrorCode } from '../../base/errors.ts'

const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_READONLY = 8
const SQLITE_IOERR = 10
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14
const SQLITE_NOTADB = 26

const CODES: ReadonlyMap<number, BlockErrorCode> = new Map([
  [SQLITE_BUSY, 'IN_USE'],
  [SQLITE_LOCKED, 'IN_USE'],
  [SQLITE_READONLY, 'DISK'],
  [SQLITE_IOERR, 'DISK'],
  [SQLITE_CORRUPT, 'CORRUPT'],
  [SQLITE_FULL, 'NO_SPACE'],
  [SQLITE_CANTOPEN, 'DISK'],
  [SQLITE_NOTADB, 'CORRUPT'],
])

/** The `BlockError` for a failed call of SQLite; anything else (a bug) passes through unchanged. */
export function sqliteError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return error
  const code = CODES.get(error.errcode & 0xff)
  if (code === undefined) return error
  return new BlockError(code, `${path}: ${error.message}`, {
    facts: { path, sqliteCode: error.errcode },
    cause: error,
  })
}

/** Whether a failed COMMIT certainly wrote nothing: without space, the frame that would commit it is not there. */
export const isWithoutSpace = (error: unknown): boolean =>
  error instanceof BlockError && error.code === 'NO_SPACE'

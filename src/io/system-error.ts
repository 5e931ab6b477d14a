/**
 * From the operating system's errors to `BlockError`: the one place that knows which errno means what.
 * Anything that is no system error (a bug, a wrong argument) passes through unchanged.
 */
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import { BlockError, type BlockErrorCode } from '../base/errors.ts'

const CODE_OF_ERRNO: Readonly<Record<string, BlockErrorCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  ENOENT: 'NOT_FOUND',
  EEXIST: 'CONFLICT',
}

/** Whether `error` comes from the operating system; with `code`, whether it is that one (`'ENOENT'`). */
export function isSystemError(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return false
  return codes.length === 0 || codes.includes(String(error.code))
}

/** The `code` that Node gives its errors and those of the system; undefined for others. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined

/** What went wrong, in the few words that OpenSSL and the system have for it. */
export function reasonOf(error: Error): string {
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message
  return reason.trim().split('\n')[0] ?? ''
}

/** What Node would have thrown, for a call that Node does not make. `errno` is positive, as in C. */
export function systemError(errno: number, syscall: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno)
  const error = new Error(`${code}: ${getSystemErrorMessage(-errno)}, ${syscall}`)
  return Object.assign(error, { errno: -errno, code, syscall })
}

/** The `BlockError` for a failed operation on a file or directory. */
export function diskError(error: unknown, path: string): unknown {
  if (!isSystemError(error)) return error
  const errno = String(error.code)
  return new BlockError(CODE_OF_ERRNO[errno] ?? 'DISK', `${path}: ${error.message}`, {
    facts: { path, errno },
    cause: error,
  })
}

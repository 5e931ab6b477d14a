/**
 * Exit codes of every command, part of its contract with scripts: one table over all operating errors, total by
 * the compiler's word.
 */
import { type BlockErrorCode, isBlockError } from '../base/errors.ts'

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  unavailable: 5,
  /** It could be done, and would risk data or let strangers in; the message says how to insist. */
  refused: 6,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const EXIT_OF = {
  OUT_OF_RANGE: EXIT.usage,
  BUSY: EXIT.unavailable,
  NO_SPACE: EXIT.failed,
  MEDIUM: EXIT.failed,
  POISONED: EXIT.unavailable,
  CLOSED: EXIT.unavailable,
  READ_ONLY: EXIT.conflict,
  RESERVATION_CONFLICT: EXIT.conflict,
  NOT_FOUND: EXIT.notFound,
  CONFLICT: EXIT.conflict,
  IN_USE: EXIT.conflict,
  UNKNOWN_FORMAT: EXIT.refused,
  CORRUPT: EXIT.refused,
  LOG_DAMAGED: EXIT.refused,
  INVALID_ARGUMENT: EXIT.usage,
  PROTOCOL: EXIT.failed,
  ACCESS_DENIED: EXIT.refused,
  DISCONNECTED: EXIT.unavailable,
  TIMED_OUT: EXIT.unavailable,
  ABORTED: EXIT.failed,
  DISK: EXIT.failed,
} as const satisfies Record<BlockErrorCode, ExitCode>

/** The exit code that tells a script of `error`. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!isBlockError(error)) return EXIT.failed
  return error.facts.unsafe === true ? EXIT.refused : EXIT_OF[error.code]
}

/**
 * What a CSI call ends with when it does not succeed: a gRPC status and a sentence for people, with nothing secret in it.
 * Handlers throw it where the specification names a status; any other operating error gets its status from one table.
 */
import { type BlockErrorCode, isBlockError } from '../../base/errors.ts'

/** Names of gRPC statuses, as the CSI specification uses them. */
export type CsiCode =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'UNAVAILABLE'
  | 'INTERNAL'
  | 'RESOURCE_EXHAUSTED'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'DEADLINE_EXCEEDED'

export class CsiError extends Error {
  override readonly name = 'CsiError'
  readonly code: CsiCode

  constructor(code: CsiCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
  }
}

/**
 * A conflict is ALREADY_EXISTS only where something is made, which its handler knows and says. Damage is INTERNAL: the
 * specification has no status for it, and a retry does not mend it.
 */
const CODE = {
  OUT_OF_RANGE: 'OUT_OF_RANGE',
  BUSY: 'UNAVAILABLE',
  NO_SPACE: 'RESOURCE_EXHAUSTED',
  MEDIUM: 'INTERNAL',
  POISONED: 'INTERNAL',
  CLOSED: 'UNAVAILABLE',
  READ_ONLY: 'FAILED_PRECONDITION',
  RESERVATION_CONFLICT: 'FAILED_PRECONDITION',
  NOT_FOUND: 'NOT_FOUND',
  CONFLICT: 'FAILED_PRECONDITION',
  IN_USE: 'FAILED_PRECONDITION',
  UNKNOWN_FORMAT: 'INTERNAL',
  CORRUPT: 'INTERNAL',
  LOG_DAMAGED: 'INTERNAL',
  INVALID_ARGUMENT: 'INVALID_ARGUMENT',
  PROTOCOL: 'INTERNAL',
  ACCESS_DENIED: 'PERMISSION_DENIED',
  DISCONNECTED: 'UNAVAILABLE',
  TIMED_OUT: 'DEADLINE_EXCEEDED',
  ABORTED: 'ABORTED',
  DISK: 'INTERNAL',
} as const satisfies Record<BlockErrorCode, CsiCode>

/** The answer that `error` is to a caller; what is no operating error is INTERNAL without its sentence, which only the log has. */
export function csiErrorOf(error: unknown): CsiError {
  if (error instanceof CsiError) return error
  if (isBlockError(error)) return new CsiError(CODE[error.code], error.message, { cause: error })
  return new CsiError('INTERNAL', 'internal error; the log of the driver has it', { cause: error })
}

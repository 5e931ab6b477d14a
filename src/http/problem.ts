/**
 * Errors of the HTTP API as problem details (RFC 9457): `type`, `title`, `status`, `detail`, and of our own the
 * error's `code` and the `requestId`. One table maps all operating errors to statuses.
 */
import { type Static, Type } from 'typebox'
import { type BlockErrorCode, isBlockError } from '../base/errors.ts'

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.Optional(Type.String()),
    code: Type.Optional(Type.String()),
    requestId: Type.String(),
  },
  { $id: 'Problem', description: 'Problem details (RFC 9457)' },
)
export type Problem = Static<typeof Problem>

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

const STATUS_OF = {
  OUT_OF_RANGE: 400,
  BUSY: 503,
  NO_SPACE: 507,
  MEDIUM: 500,
  POISONED: 503,
  CLOSED: 503,
  READ_ONLY: 409,
  RESERVATION_CONFLICT: 409,
  NOT_FOUND: 404,
  CONFLICT: 409,
  IN_USE: 409,
  UNKNOWN_FORMAT: 500,
  CORRUPT: 500,
  LOG_DAMAGED: 500,
  INVALID_ARGUMENT: 400,
  PROTOCOL: 502,
  ACCESS_DENIED: 403,
  DISCONNECTED: 503,
  TIMED_OUT: 503,
  ABORTED: 409,
  DISK: 500,
} as const satisfies Record<BlockErrorCode, number>

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Content too large',
  415: 'Unsupported media type',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Unavailable',
  507: 'Insufficient storage',
}

/** A failure of a request that is no operating error of the volume: wrong method, no token, too many requests. */
export class RequestRefusal extends Error {
  override readonly name = 'RequestRefusal'
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

/** The answer to `error`. What is neither ours nor the framework's says nothing of itself: it may hold anything. */
export function problemOf(error: unknown, requestId: string): Problem {
  if (isBlockError(error)) {
    return { ...bare(STATUS_OF[error.code], requestId), detail: error.message, code: error.code }
  }
  if (error instanceof RequestRefusal) return { ...bare(error.status, requestId), detail: error.message }
  const { statusCode, message } = error as { statusCode?: unknown; message?: unknown }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return { ...bare(statusCode, requestId), ...(typeof message === 'string' ? { detail: message } : {}) }
  }
  return bare(500, requestId)
}

const bare = (status: number, requestId: string): Problem => ({
  type: 'about:blank',
  title: TITLES[status] ?? 'Error',
  status,
  requestId,
})

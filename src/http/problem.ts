/**
 * Errors of the HTTP API as problem details (RFC 9457): `type`, `title`, `status`, `detail`, and of our own the
 * error's `code`, a `reason` where one is more precise, and the `requestId`. One table maps all operating errors to
 * statuses.
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
    reason: Type.Optional(Type.String()),
    unsafe: Type.Optional(
      Type.Boolean({ description: 'It was refused because it may lose data; it can be forced' }),
    ),
    node: Type.Optional(Type.String({ description: 'The node that has the volume' })),
    requestId: Type.String(),
  },
  { $id: 'Problem', description: 'Problem details (RFC 9457)' },
)
export type Problem = Static<typeof Problem>

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

const problemAnswer = (description: string): object => ({
  description,
  content: { [PROBLEM_MEDIA_TYPE]: { schema: Problem } },
})
/** For the `response` of every route's schema. */
export const PROBLEM_ANSWERS = {
  '4xx': problemAnswer('Refused: `detail` says why and what to do'),
  '5xx': problemAnswer('Not done: `detail` says why, `retry-after` when to try again'),
}

/** Of `/metrics`. */
export const METRICS_ANSWER = {
  description: "Prometheus' text format",
  content: { 'text/plain': { schema: Type.String() } },
}

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
  414: 'URI too long',
  415: 'Unsupported media type',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Unavailable',
  507: 'Insufficient storage',
}

/** Codes of refusals that are no operating errors of the volume. */
const CODE_OF: Readonly<Record<number, BlockErrorCode>> = {
  400: 'INVALID_ARGUMENT',
  401: 'ACCESS_DENIED',
  403: 'ACCESS_DENIED',
  404: 'NOT_FOUND',
  405: 'INVALID_ARGUMENT',
  409: 'CONFLICT',
  413: 'INVALID_ARGUMENT',
  414: 'INVALID_ARGUMENT',
  415: 'INVALID_ARGUMENT',
  429: 'BUSY',
  503: 'BUSY',
}

/** A failure of a request that is no operating error of the volume: wrong method, no token, too many requests. */
export class RequestRefusal extends Error {
  override readonly name = 'RequestRefusal'
  readonly status: number
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>

  /** `reason` is stable and documented. */
  constructor(
    status: number,
    message: string,
    options: { readonly reason: string; readonly headers?: Readonly<Record<string, string>> },
  ) {
    super(message)
    this.status = status
    this.reason = options.reason
    this.headers = options.headers ?? {}
  }
}

/** The answer to `error`. What is neither ours nor the framework's says nothing of itself: it may hold anything. */
export function problemOf(error: unknown, requestId: string): Problem {
  if (isBlockError(error)) {
    const { reason, unsafe, node } = error.facts
    return {
      ...bare(STATUS_OF[error.code], requestId),
      detail: error.message,
      code: error.code,
      ...(typeof reason === 'string' ? { reason } : {}),
      ...(unsafe === true ? { unsafe } : {}),
      ...(typeof node === 'string' ? { node } : {}),
    }
  }
  if (error instanceof RequestRefusal) {
    const { status, message, reason } = error
    return { ...bare(status, requestId), detail: message, ...codeOf(status), reason }
  }
  const { statusCode, message, code } = error as { statusCode?: unknown; message?: unknown; code?: unknown }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return {
      ...bare(statusCode, requestId),
      ...(typeof message === 'string' ? { detail: message } : {}),
      ...codeOf(statusCode),
      reason: FRAMEWORK_REASONS[String(code)] ?? 'invalid_request',
    }
  }
  return bare(500, requestId)
}

const FRAMEWORK_REASONS: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media_type',
}

const codeOf = (status: number): { readonly code?: BlockErrorCode } => {
  const code = CODE_OF[status]
  return code === undefined ? {} : { code }
}

const bare = (status: number, requestId: string): Problem => ({
  type: 'about:blank',
  title: TITLES[status] ?? 'Error',
  status,
  requestId,
})

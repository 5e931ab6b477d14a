/** What a store answered against a request, as `BlockError`. */
import { BlockError, type BlockErrorCode, isBlockError } from '../../base/errors.ts'

/** By the name that the store gives the error, where its status says less or something else. */
const BY_NAME: Readonly<Record<string, BlockErrorCode>> = {
  NoSuchKey: 'NOT_FOUND',
  NotFound: 'NOT_FOUND',
  NoSuchBucket: 'NOT_FOUND',
  ExpiredToken: 'ACCESS_DENIED',
  ExpiredTokenException: 'ACCESS_DENIED',
  TokenRefreshRequired: 'ACCESS_DENIED',
  InvalidToken: 'ACCESS_DENIED',
  InvalidAccessKeyId: 'ACCESS_DENIED',
  SignatureDoesNotMatch: 'ACCESS_DENIED',
  AccessDenied: 'ACCESS_DENIED',
  RequestTimeout: 'DISCONNECTED',
  IncompleteBody: 'DISCONNECTED',
  BadDigest: 'DISCONNECTED',
  XAmzContentChecksumMismatch: 'DISCONNECTED',
  SlowDown: 'BUSY',
  InternalError: 'BUSY',
  ServiceUnavailable: 'BUSY',
  AbortError: 'ABORTED',
}

export function s3Error(error: unknown, what: string, object: string): BlockError {
  if (isBlockError(error)) return error
  const name = error instanceof Error ? error.name : 'Error'
  const status = statusOf(error)
  const code = BY_NAME[name] ?? codeOfStatus(status)
  const message = error instanceof Error ? error.message : String(error)
  const answered = status === undefined ? message : `the store answers ${status} ${name}: ${message}`
  return new BlockError(code, `cannot ${what} ${object}: ${answered}`, {
    facts: { object, ...(status === undefined ? {} : { status }) },
    cause: error,
  })
}

export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined
  const metadata = error.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}

function codeOfStatus(status: number | undefined): BlockErrorCode {
  // no answer, or half of one
  if (status === undefined || status < 300) return 'DISCONNECTED'
  if (status === 401 || status === 403) return 'ACCESS_DENIED'
  if (status === 404) return 'NOT_FOUND'
  if (status === 408) return 'DISCONNECTED'
  if (status >= 500 || status === 429 || status === 409) return 'BUSY'
  if (status === 507) return 'NO_SPACE'
  return 'INVALID_ARGUMENT'
}

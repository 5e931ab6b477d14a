/**
 * Errors over gRPC. The status is for programs that know gRPC only; between our own processes the code goes beside it in
 * the trailers, for several codes share a status.
 */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { BLOCK_ERROR_CODES, BlockError, type BlockErrorCode, isBlockError } from '../base/errors.ts'

const STATUS = {
  OUT_OF_RANGE: status.OUT_OF_RANGE,
  BUSY: status.UNAVAILABLE,
  NO_SPACE: status.RESOURCE_EXHAUSTED,
  MEDIUM: status.DATA_LOSS,
  POISONED: status.DATA_LOSS,
  CLOSED: status.UNAVAILABLE,
  READ_ONLY: status.FAILED_PRECONDITION,
  RESERVATION_CONFLICT: status.FAILED_PRECONDITION,
  NOT_FOUND: status.NOT_FOUND,
  CONFLICT: status.ALREADY_EXISTS,
  IN_USE: status.FAILED_PRECONDITION,
  UNKNOWN_FORMAT: status.UNIMPLEMENTED,
  CORRUPT: status.DATA_LOSS,
  LOG_DAMAGED: status.DATA_LOSS,
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  PROTOCOL: status.INVALID_ARGUMENT,
  ACCESS_DENIED: status.PERMISSION_DENIED,
  DISCONNECTED: status.UNAVAILABLE,
  TIMED_OUT: status.DEADLINE_EXCEEDED,
  ABORTED: status.ABORTED,
  DISK: status.INTERNAL,
} as const satisfies Record<BlockErrorCode, status>

/** Of errors without a code of ours: what the library says itself, and other programs. */
const CODE = {
  [status.OK]: 'PROTOCOL',
  [status.CANCELLED]: 'DISCONNECTED',
  [status.UNKNOWN]: 'PROTOCOL',
  [status.INVALID_ARGUMENT]: 'INVALID_ARGUMENT',
  [status.DEADLINE_EXCEEDED]: 'TIMED_OUT',
  [status.NOT_FOUND]: 'NOT_FOUND',
  [status.ALREADY_EXISTS]: 'CONFLICT',
  [status.PERMISSION_DENIED]: 'ACCESS_DENIED',
  [status.RESOURCE_EXHAUSTED]: 'BUSY',
  [status.FAILED_PRECONDITION]: 'CONFLICT',
  [status.ABORTED]: 'ABORTED',
  [status.OUT_OF_RANGE]: 'OUT_OF_RANGE',
  [status.UNIMPLEMENTED]: 'PROTOCOL',
  [status.INTERNAL]: 'PROTOCOL',
  [status.UNAVAILABLE]: 'DISCONNECTED',
  [status.DATA_LOSS]: 'CORRUPT',
  [status.UNAUTHENTICATED]: 'ACCESS_DENIED',
} as const satisfies Record<status, BlockErrorCode>

const CODE_KEY = 'basalt-code'
const REASON_KEY = 'basalt-reason'
/** `HOST:PORT` of the master that leads. */
const LEADER_KEY = 'basalt-leader'
const MESSAGE_LENGTH_MAX = 1024

/** What a call or a stream ends with. Only operating errors tell their sentence; anything else is our bug. */
export interface CallStatus {
  readonly code: status
  readonly details: string
  readonly metadata: Metadata
}

export function callStatusOf(error: unknown): CallStatus {
  const metadata = new Metadata()
  if (!isBlockError(error)) return { code: status.INTERNAL, details: 'internal error; see the log', metadata }
  metadata.set(CODE_KEY, error.code)
  const { reason, leader } = error.facts
  if (typeof reason === 'string' && /^[\w.-]{1,64}$/.test(reason)) metadata.set(REASON_KEY, reason)
  if (typeof leader === 'string' && isHostPort(leader)) metadata.set(LEADER_KEY, leader)
  return { code: STATUS[error.code], details: oneLine(error.message), metadata }
}

/** The error of a call that failed; `peer` names who was called. */
export function blockErrorOf(error: ServiceError, peer: string): BlockError {
  const told = String(error.metadata?.get(CODE_KEY)[0] ?? '')
  const code = BLOCK_ERROR_CODES.find((known) => known === told) ?? CODE[error.code] ?? 'PROTOCOL'
  const reason = error.metadata?.get(REASON_KEY)[0]
  const details = oneLine(error.details || error.message)
  const leader = error.metadata?.get(LEADER_KEY)[0]
  const facts = {
    peer,
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof leader === 'string' && isHostPort(leader) ? { leader } : {}),
  }
  return new BlockError(code, `${peer}: ${details}`, { facts, cause: error })
}

const isHostPort = (text: string): boolean => /^[\w.:[\]-]{3,255}$/.test(text)

/** Whether `error` is what grpc-js gives a caller. */
export const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error

/** Bounded, and without characters that a terminal or a header would act on. */
const oneLine = (text: string): string => text.replace(/\p{Cc}/gu, ' ').slice(0, MESSAGE_LENGTH_MAX)

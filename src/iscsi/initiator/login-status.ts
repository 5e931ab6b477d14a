/** Login Response status (RFC 7143 §11.13.5) as errors of this system. */
import { BlockError, type BlockErrorCode } from '../../base/errors.ts'
import { LoginStatus } from '../pdu/opcodes.ts'

const MEANING = {
  [LoginStatus.success]: ['PROTOCOL', 'success'],
  [LoginStatus.targetMovedTemporarily]: ['PROTOCOL', 'target moved temporarily, without a usable address'],
  [LoginStatus.targetMovedPermanently]: ['PROTOCOL', 'target moved permanently, without a usable address'],
  [LoginStatus.initiatorError]: ['PROTOCOL', 'initiator error'],
  [LoginStatus.authenticationFailure]: ['ACCESS_DENIED', 'authentication failed'],
  [LoginStatus.authorizationFailure]: ['ACCESS_DENIED', 'not authorized for this target'],
  [LoginStatus.notFound]: ['NOT_FOUND', 'target not found'],
  [LoginStatus.targetRemoved]: ['NOT_FOUND', 'target removed'],
  [LoginStatus.unsupportedVersion]: ['PROTOCOL', 'unsupported version'],
  [LoginStatus.tooManyConnections]: ['BUSY', 'too many connections'],
  [LoginStatus.missingParameter]: ['PROTOCOL', 'missing parameter'],
  [LoginStatus.cannotIncludeInSession]: ['CONFLICT', 'cannot include in session'],
  [LoginStatus.sessionTypeNotSupported]: ['PROTOCOL', 'session type not supported'],
  [LoginStatus.sessionDoesNotExist]: ['NOT_FOUND', 'session does not exist'],
  [LoginStatus.invalidDuringLogin]: ['PROTOCOL', 'invalid during login'],
  [LoginStatus.targetError]: ['BUSY', 'target error'],
  [LoginStatus.serviceUnavailable]: ['BUSY', 'service unavailable'],
  [LoginStatus.outOfResources]: ['BUSY', 'out of resources'],
} as const satisfies Record<LoginStatus, readonly [BlockErrorCode, string]>

/** The error for a refused login; it names status class and detail. Never called with success. */
export function loginRefusal(status: number, facts: { targetName?: string } = {}): BlockError {
  const known = (MEANING as Readonly<Record<number, readonly [BlockErrorCode, string]>>)[status]
  const [code, says] = known ?? (['PROTOCOL', 'unknown status'] as const)
  const number = status.toString(16).padStart(4, '0')
  return new BlockError(code, `login refused: ${says} (status ${number})`, {
    facts: { statusClass: status >>> 8, statusDetail: status & 0xff, ...facts },
  })
}

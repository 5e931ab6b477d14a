/**
 * Status of NVMe completions, and what a host is told when the device fails.
 *
 * A status is the 15 bits of the completion's status field without the phase tag (NVM Express Base 2.0, Completion
 * Queue Entry: Status Field): code in bits 0 to 7, code type in 8 to 10, command retry delay in 11 and 12, More in 13,
 * Do Not Retry in 14. Names and numbers are those of the standard; DNR is not part of a name, and is added with
 * `final` where a repetition would get the same answer.
 */
import type { BlockErrorCode } from '../base/errors.ts'

/** Status code types. */
export const SCT = { GENERIC: 0, COMMAND_SPECIFIC: 1, MEDIA: 2, PATH: 3 } as const

/** Do Not Retry. */
export const DNR = 0x4000

const generic = (code: number): number => (SCT.GENERIC << 8) | code
const specific = (code: number): number => (SCT.COMMAND_SPECIFIC << 8) | code
const media = (code: number): number => (SCT.MEDIA << 8) | code
const path = (code: number): number => (SCT.PATH << 8) | code

export const STATUS = {
  SUCCESS: generic(0x00),
  INVALID_OPCODE: generic(0x01),
  INVALID_FIELD: generic(0x02),
  COMMAND_ID_CONFLICT: generic(0x03),
  DATA_TRANSFER_ERROR: generic(0x04),
  INTERNAL_ERROR: generic(0x06),
  ABORT_REQUESTED: generic(0x07),
  ABORTED_SQ_DELETION: generic(0x08),
  ABORTED_FAILED_FUSED: generic(0x09),
  ABORTED_MISSING_FUSED: generic(0x0a),
  INVALID_NAMESPACE: generic(0x0b),
  COMMAND_SEQUENCE_ERROR: generic(0x0c),
  INVALID_SGL_SEGMENT: generic(0x0d),
  INVALID_SGL_COUNT: generic(0x0e),
  DATA_SGL_LENGTH_INVALID: generic(0x0f),
  SGL_TYPE_INVALID: generic(0x11),
  ATOMIC_WRITE_UNIT_EXCEEDED: generic(0x14),
  SGL_OFFSET_INVALID: generic(0x16),
  HOST_ID_INCONSISTENT: generic(0x18),
  KEEP_ALIVE_EXPIRED: generic(0x19),
  KEEP_ALIVE_INVALID: generic(0x1a),
  ABORTED_PREEMPT: generic(0x1b),
  SANITIZE_FAILED: generic(0x1c),
  SANITIZE_IN_PROGRESS: generic(0x1d),
  NAMESPACE_WRITE_PROTECTED: generic(0x20),
  COMMAND_INTERRUPTED: generic(0x21),
  TRANSIENT_TRANSPORT_ERROR: generic(0x22),
  LBA_OUT_OF_RANGE: generic(0x80),
  CAPACITY_EXCEEDED: generic(0x81),
  NAMESPACE_NOT_READY: generic(0x82),
  RESERVATION_CONFLICT: generic(0x83),

  INVALID_QUEUE_ID: specific(0x01),
  INVALID_QUEUE_SIZE: specific(0x02),
  ABORT_LIMIT_EXCEEDED: specific(0x03),
  EVENT_REQUEST_LIMIT_EXCEEDED: specific(0x05),
  INVALID_LOG_PAGE: specific(0x09),
  FEATURE_NOT_SAVEABLE: specific(0x0d),
  FEATURE_NOT_CHANGEABLE: specific(0x0e),
  FEATURE_NOT_NAMESPACE_SPECIFIC: specific(0x0f),

  /** Of Connect and its kin; I/O commands give 80h to FFh of this type other meanings. */
  CONNECT_INCOMPATIBLE_FORMAT: specific(0x80),
  CONNECT_CONTROLLER_BUSY: specific(0x81),
  CONNECT_INVALID_PARAMETERS: specific(0x82),
  CONNECT_RESTART_DISCOVERY: specific(0x83),
  CONNECT_INVALID_HOST: specific(0x84),
  INVALID_QUEUE_TYPE: specific(0x85),
  DISCOVERY_RESTART: specific(0x90),
  AUTHENTICATION_REQUIRED: specific(0x91),

  WRITE_FAULT: media(0x80),
  UNRECOVERED_READ_ERROR: media(0x81),
  COMPARE_FAILURE: media(0x85),
  ACCESS_DENIED: media(0x86),

  INTERNAL_PATH_ERROR: path(0x00),
  ANA_PERSISTENT_LOSS: path(0x01),
  ANA_INACCESSIBLE: path(0x02),
  ANA_TRANSITION: path(0x03),
} as const

/** With Do Not Retry: a repetition of the command would get the same answer. */
export const final = (status: number): number => status | DNR

/** Type and code of a status, as `2/81`, for logs and tests; a final one ends with an exclamation mark. */
export const formatStatus = (status: number): string =>
  `${((status >>> 8) & 7).toString(16)}/${(status & 0xff).toString(16).padStart(2, '0')}${(status & DNR) === 0 ? '' : '!'}`

/**
 * What the host is told when the device fails; one row per code.
 *
 * What passes by itself is a path related status: hosts with native multipath keep such a command, however often it
 * comes back, where a generic status is given up after a few repetitions (five on Linux, without a pause between them).
 * ANA Transition makes the host read the ANA log before it repeats the command, which is the pause. An opening that has
 * ended is an error of this path: the host's connection is reset soon after, and another path may serve already.
 */
export const DEVICE_STATUS = {
  OUT_OF_RANGE: final(STATUS.LBA_OUT_OF_RANGE),
  BUSY: STATUS.ANA_TRANSITION,
  NO_SPACE: final(STATUS.CAPACITY_EXCEEDED),
  MEDIUM: final(STATUS.UNRECOVERED_READ_ERROR),
  POISONED: STATUS.INTERNAL_PATH_ERROR,
  CLOSED: STATUS.INTERNAL_PATH_ERROR,
  READ_ONLY: final(STATUS.NAMESPACE_WRITE_PROTECTED),
  RESERVATION_CONFLICT: final(STATUS.RESERVATION_CONFLICT),
  NOT_FOUND: final(STATUS.INTERNAL_ERROR),
  CONFLICT: final(STATUS.INTERNAL_ERROR),
  IN_USE: STATUS.ANA_TRANSITION,
  UNKNOWN_FORMAT: final(STATUS.INTERNAL_ERROR),
  CORRUPT: final(STATUS.UNRECOVERED_READ_ERROR),
  LOG_DAMAGED: final(STATUS.INTERNAL_ERROR),
  INVALID_ARGUMENT: final(STATUS.INTERNAL_ERROR),
  PROTOCOL: final(STATUS.INTERNAL_ERROR),
  ACCESS_DENIED: final(STATUS.INTERNAL_ERROR),
  DISCONNECTED: STATUS.INTERNAL_PATH_ERROR,
  TIMED_OUT: STATUS.ANA_TRANSITION,
  ABORTED: STATUS.ABORT_REQUESTED,
  DISK: STATUS.INTERNAL_ERROR,
} as const satisfies Record<BlockErrorCode, number>

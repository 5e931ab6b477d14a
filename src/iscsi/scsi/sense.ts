/**
 * Sense data (SPC-5, Sense data): what is told with CHECK CONDITION, in fixed (70h) or descriptor (72h) format.
 * Both carry the INFORMATION field and the sense key specific bytes where there are any.
 */
import { putU16, putU32, putU64 } from './bytes.ts'

export const SENSE_KEY = {
  NO_SENSE: 0x0,
  NOT_READY: 0x2,
  MEDIUM_ERROR: 0x3,
  HARDWARE_ERROR: 0x4,
  ILLEGAL_REQUEST: 0x5,
  UNIT_ATTENTION: 0x6,
  DATA_PROTECT: 0x7,
  COPY_ABORTED: 0xa,
  ABORTED_COMMAND: 0xb,
  MISCOMPARE: 0xe,
} as const

export interface Sense {
  readonly key: number
  readonly asc: number
  readonly ascq: number
}

const sense = (key: keyof typeof SENSE_KEY, asc: number, ascq: number): Sense => ({
  key: SENSE_KEY[key],
  asc,
  ascq,
})

/** What this device server reports, by the names of SPC-5 (additional sense codes). */
export const SENSE = {
  NO_SENSE: sense('NO_SENSE', 0x00, 0x00),
  MANUAL_INTERVENTION_REQUIRED: sense('NOT_READY', 0x04, 0x03),
  ACCESS_STATE_TRANSITION: sense('NOT_READY', 0x04, 0x0a),
  PORT_IN_STANDBY: sense('NOT_READY', 0x04, 0x0b),
  PORT_UNAVAILABLE: sense('NOT_READY', 0x04, 0x0c),
  SANITIZE_IN_PROGRESS: sense('NOT_READY', 0x04, 0x1b),
  UNRECOVERED_READ_ERROR: sense('MEDIUM_ERROR', 0x11, 0x00),
  SANITIZE_COMMAND_FAILED: sense('MEDIUM_ERROR', 0x31, 0x03),
  INTERNAL_TARGET_FAILURE: sense('HARDWARE_ERROR', 0x44, 0x00),
  OPERATION_IN_PROGRESS: sense('ILLEGAL_REQUEST', 0x00, 0x16),
  INVALID_FIELD_IN_INFORMATION_UNIT: sense('ILLEGAL_REQUEST', 0x0e, 0x03),
  PARAMETER_LIST_LENGTH_ERROR: sense('ILLEGAL_REQUEST', 0x1a, 0x00),
  INVALID_OPERATION_CODE: sense('ILLEGAL_REQUEST', 0x20, 0x00),
  LBA_OUT_OF_RANGE: sense('ILLEGAL_REQUEST', 0x21, 0x00),
  INVALID_FIELD_IN_CDB: sense('ILLEGAL_REQUEST', 0x24, 0x00),
  LOGICAL_UNIT_NOT_SUPPORTED: sense('ILLEGAL_REQUEST', 0x25, 0x00),
  INVALID_FIELD_IN_PARAMETER_LIST: sense('ILLEGAL_REQUEST', 0x26, 0x00),
  INVALID_RELEASE: sense('ILLEGAL_REQUEST', 0x26, 0x04),
  TOO_MANY_CSCD_DESCRIPTORS: sense('ILLEGAL_REQUEST', 0x26, 0x06),
  UNSUPPORTED_CSCD_DESCRIPTOR: sense('ILLEGAL_REQUEST', 0x26, 0x07),
  TOO_MANY_SEGMENT_DESCRIPTORS: sense('ILLEGAL_REQUEST', 0x26, 0x08),
  UNSUPPORTED_SEGMENT_DESCRIPTOR: sense('ILLEGAL_REQUEST', 0x26, 0x09),
  INLINE_DATA_LENGTH_EXCEEDED: sense('ILLEGAL_REQUEST', 0x26, 0x0b),
  SAVING_PARAMETERS_NOT_SUPPORTED: sense('ILLEGAL_REQUEST', 0x39, 0x00),
  INSUFFICIENT_REGISTRATION_RESOURCES: sense('ILLEGAL_REQUEST', 0x55, 0x04),
  WRITE_PROTECTED: sense('DATA_PROTECT', 0x27, 0x00),
  SPACE_ALLOCATION_FAILED: sense('DATA_PROTECT', 0x27, 0x07),
  COPY_ABORTED: sense('COPY_ABORTED', 0x00, 0x00),
  UNREACHABLE_COPY_TARGET: sense('COPY_ABORTED', 0x08, 0x04),
  THIRD_PARTY_DEVICE_FAILURE: sense('COPY_ABORTED', 0x0d, 0x01),
  INCORRECT_COPY_TARGET_DEVICE_TYPE: sense('COPY_ABORTED', 0x0d, 0x03),
  COPY_INVALID_FIELD: sense('COPY_ABORTED', 0x26, 0x00),
  MISCOMPARE: sense('MISCOMPARE', 0x1d, 0x00),
} as const satisfies Record<string, Sense>

/** The longest that `encodeSense` makes: descriptor format with every descriptor. */
export const SENSE_BYTES_MAX = 40

export interface SenseDetails {
  /** INFORMATION field: the LBA of a medium error, the offset of a miscompare. */
  readonly information?: number | undefined
  /** COMMAND-SPECIFIC INFORMATION: the segment at which a copy ended. */
  readonly commandSpecific?: number | undefined
  /** Field pointer of an ILLEGAL REQUEST: the byte in error, and its highest bit where it is not a whole byte. */
  readonly field?: { readonly in: 'cdb' | 'parameters'; readonly byte: number; readonly bit?: number }
  /** PROGRESS INDICATION of NOT READY, parts of 65536; in the place of `field`. */
  readonly progress?: number
}

/** The sense data in descriptor format, or in fixed format. */
export function encodeSense(value: Sense, details: SenseDetails, descriptor: boolean): Uint8Array {
  return descriptor ? encodeDescriptor(value, details) : encodeFixed(value, details)
}

function encodeFixed({ key, asc, ascq }: Sense, details: SenseDetails): Uint8Array {
  const { information, commandSpecific, field, progress } = details
  const bytes = new Uint8Array(18)
  bytes[0] = 0x70
  bytes[2] = key
  bytes[7] = bytes.byteLength - 8
  bytes[12] = asc
  bytes[13] = ascq
  if (information !== undefined && information <= 0xffffffff) {
    bytes[0] |= 0x80 // VALID
    putU32(bytes, 3, information)
  }
  if (commandSpecific !== undefined) putU32(bytes, 8, commandSpecific)
  if (field !== undefined) putFieldPointer(bytes, 15, field)
  if (progress !== undefined) putProgress(bytes, 15, progress)
  return bytes
}

function encodeDescriptor({ key, asc, ascq }: Sense, details: SenseDetails): Uint8Array {
  const { information, commandSpecific, field, progress } = details
  const bytes = new Uint8Array(SENSE_BYTES_MAX)
  bytes[0] = 0x72
  bytes[1] = key
  bytes[2] = asc
  bytes[3] = ascq
  let end = 8
  if (information !== undefined) {
    bytes.set([0x00, 0x0a, 0x80 /* VALID */], end)
    putU64(bytes, end + 4, information)
    end += 12
  }
  if (commandSpecific !== undefined) {
    bytes.set([0x01, 0x0a], end)
    putU64(bytes, end + 4, commandSpecific)
    end += 12
  }
  if (field !== undefined || progress !== undefined) {
    bytes.set([0x02, 0x06], end)
    if (field !== undefined) putFieldPointer(bytes, end + 4, field)
    else putProgress(bytes, end + 4, progress ?? 0)
    end += 8
  }
  bytes[7] = end - 8
  return bytes.subarray(0, end)
}

function putFieldPointer(bytes: Uint8Array, at: number, field: NonNullable<SenseDetails['field']>): void {
  const isCdb = field.in === 'cdb' ? 0x40 : 0
  const bit = field.bit === undefined ? 0 : 0x08 | field.bit
  bytes[at] = 0x80 | isCdb | bit
  putU16(bytes, at + 1, field.byte)
}

function putProgress(bytes: Uint8Array, at: number, progress: number): void {
  bytes[at] = 0x80 // SKSV
  putU16(bytes, at + 1, progress)
}

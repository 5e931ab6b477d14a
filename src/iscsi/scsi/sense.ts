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
  UNRECOVERED_READ_ERROR: sense('MEDIUM_ERROR', 0x11, 0x00),
  INTERNAL_TARGET_FAILURE: sense('HARDWARE_ERROR', 0x44, 0x00),
  INVALID_FIELD_IN_INFORMATION_UNIT: sense('ILLEGAL_REQUEST', 0x0e, 0x03),
  PARAMETER_LIST_LENGTH_ERROR: sense('ILLEGAL_REQUEST', 0x1a, 0x00),
  INVALID_OPERATION_CODE: sense('ILLEGAL_REQUEST', 0x20, 0x00),
  LBA_OUT_OF_RANGE: sense('ILLEGAL_REQUEST', 0x21, 0x00),
  INVALID_FIELD_IN_CDB: sense('ILLEGAL_REQUEST', 0x24, 0x00),
  LOGICAL_UNIT_NOT_SUPPORTED: sense('ILLEGAL_REQUEST', 0x25, 0x00),
  INVALID_FIELD_IN_PARAMETER_LIST: sense('ILLEGAL_REQUEST', 0x26, 0x00),
  INVALID_RELEASE: sense('ILLEGAL_REQUEST', 0x26, 0x04),
  SAVING_PARAMETERS_NOT_SUPPORTED: sense('ILLEGAL_REQUEST', 0x39, 0x00),
  INSUFFICIENT_REGISTRATION_RESOURCES: sense('ILLEGAL_REQUEST', 0x55, 0x04),
  WRITE_PROTECTED: sense('DATA_PROTECT', 0x27, 0x00),
  SOFTWARE_WRITE_PROTECTED: sense('DATA_PROTECT', 0x27, 0x02),
  SPACE_ALLOCATION_FAILED: sense('DATA_PROTECT', 0x27, 0x07),
  MISCOMPARE: sense('MISCOMPARE', 0x1d, 0x00),
} as const satisfies Record<string, Sense>

/** The longest that `encodeSense` makes: descriptor format with both descriptors. */
export const SENSE_BYTES_MAX = 28

export interface SenseDetails {
  /** INFORMATION field: the LBA of a medium error, the offset of a miscompare. */
  readonly information?: number | undefined
  /** Field pointer of an ILLEGAL REQUEST: the byte in error, and its highest bit where it is not a whole byte. */
  readonly field?: { readonly in: 'cdb' | 'parameters'; readonly byte: number; readonly bit?: number }
}

/** The sense data in descriptor format, or in fixed format. */
export function encodeSense(value: Sense, details: SenseDetails, descriptor: boolean): Uint8Array {
  return descriptor ? encodeDescriptor(value, details) : encodeFixed(value, details)
}

function encodeFixed({ key, asc, ascq }: Sense, { information, field }: SenseDetails): Uint8Array {
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
  if (field !== undefined) putFieldPointer(bytes, 15, field)
  return bytes
}

function encodeDescriptor({ key, asc, ascq }: Sense, { information, field }: SenseDetails): Uint8Array {
  const informationBytes = information === undefined ? 0 : 12
  const fieldBytes = field === undefined ? 0 : 8
  const bytes = new Uint8Array(8 + informationBytes + fieldBytes)
  bytes[0] = 0x72
  bytes[1] = key
  bytes[2] = asc
  bytes[3] = ascq
  bytes[7] = bytes.byteLength - 8
  if (information !== undefined) {
    bytes[8] = 0x00
    bytes[9] = 0x0a
    bytes[10] = 0x80 // VALID
    putU64(bytes, 12, information)
  }
  if (field !== undefined) {
    const at = 8 + informationBytes
    bytes[at] = 0x02
    bytes[at + 1] = 0x06
    putFieldPointer(bytes, at + 4, field)
  }
  return bytes
}

function putFieldPointer(bytes: Uint8Array, at: number, field: NonNullable<SenseDetails['field']>): void {
  const isCdb = field.in === 'cdb' ? 0x40 : 0
  const bit = field.bit === undefined ? 0 : 0x08 | field.bit
  bytes[at] = 0x80 | isCdb | bit
  putU16(bytes, at + 1, field.byte)
}

/** SCSI Response, the PDU that ends a task, and the sense data that its data segment may carry. */
import { layout, u8, u24, u32, zero } from '../../base/layout.ts'
import { FINAL, type Fields, writeZeroWords } from './bhs.ts'
import { Opcode } from './opcodes.ts'

/**
 * RFC 7143 §11.4 SCSI Response
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . . 0x21         | 1 . . o u O U .    | Response     | Status       |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | Reserved                                                            |
 *   16 | Initiator Task Tag                                                  |
 *   20 | SNACK Tag or Reserved                                               |
 *   24 | StatSN                                                              |
 *   28 | ExpCmdSN                                                            |
 *   32 | MaxCmdSN                                                            |
 *   36 | ExpDataSN or Reserved                                               |
 *   40 | Bidirectional Read Residual Count or Reserved                       |
 *   44 | Residual Count or Reserved                                          |
 */
const ScsiResponseBhs = layout('ScsiResponseBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  response: u8(2),
  status: u8(3),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  reserved: zero(8, 8),
  initiatorTaskTag: u32(16),
  snackTag: u32(20),
  statSn: u32(24),
  expCmdSn: u32(28),
  maxCmdSn: u32(32),
  expDataSn: u32(36),
  bidirectionalReadResidualCount: u32(40),
  residualCount: u32(44),
})
const AT = ScsiResponseBhs.at

const BIDIRECTIONAL_READ_OVERFLOW = 0x10
const BIDIRECTIONAL_READ_UNDERFLOW = 0x08
const OVERFLOW = 0x04
const UNDERFLOW = 0x02

export interface ScsiResponse {
  readonly opcode: typeof Opcode.scsiResponse
  readonly bidirectionalReadOverflow: boolean
  readonly bidirectionalReadUnderflow: boolean
  /** O: the device had `residualCount` bytes more than the initiator expected. */
  readonly overflow: boolean
  /** U: `residualCount` bytes of what the initiator expected were not transferred. */
  readonly underflow: boolean
  readonly response: number
  /** SCSI status; valid only when `response` is "command completed at target". */
  readonly status: number
  readonly dataSegmentLength: number
  readonly initiatorTaskTag: number
  readonly snackTag: number
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
  /** Number of Data-In and R2T PDUs that were sent for the task. */
  readonly expDataSn: number
  readonly bidirectionalReadResidualCount: number
  readonly residualCount: number
}

export function decodeScsiResponse(view: DataView, offset: number): ScsiResponse {
  const flags = view.getUint8(offset + AT.flags)
  return {
    opcode: Opcode.scsiResponse,
    bidirectionalReadOverflow: (flags & BIDIRECTIONAL_READ_OVERFLOW) !== 0,
    bidirectionalReadUnderflow: (flags & BIDIRECTIONAL_READ_UNDERFLOW) !== 0,
    overflow: (flags & OVERFLOW) !== 0,
    underflow: (flags & UNDERFLOW) !== 0,
    response: view.getUint8(offset + AT.response),
    status: view.getUint8(offset + AT.status),
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    snackTag: view.getUint32(offset + AT.snackTag),
    statSn: view.getUint32(offset + AT.statSn),
    expCmdSn: view.getUint32(offset + AT.expCmdSn),
    maxCmdSn: view.getUint32(offset + AT.maxCmdSn),
    expDataSn: view.getUint32(offset + AT.expDataSn),
    bidirectionalReadResidualCount: view.getUint32(offset + AT.bidirectionalReadResidualCount),
    residualCount: view.getUint32(offset + AT.residualCount),
  }
}

export function encodeScsiResponse(view: DataView, offset: number, pdu: Fields<ScsiResponse>): void {
  const flags =
    FINAL |
    (pdu.bidirectionalReadOverflow ? BIDIRECTIONAL_READ_OVERFLOW : 0) |
    (pdu.bidirectionalReadUnderflow ? BIDIRECTIONAL_READ_UNDERFLOW : 0) |
    (pdu.overflow ? OVERFLOW : 0) |
    (pdu.underflow ? UNDERFLOW : 0)
  view.setUint32(offset, (Opcode.scsiResponse << 24) | (flags << 16) | (pdu.response << 8) | pdu.status)
  view.setUint32(offset + AT.totalAhsLength, pdu.dataSegmentLength)
  writeZeroWords(view, offset + AT.reserved, 2)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.snackTag, pdu.snackTag)
  view.setUint32(offset + AT.statSn, pdu.statSn)
  view.setUint32(offset + AT.expCmdSn, pdu.expCmdSn)
  view.setUint32(offset + AT.maxCmdSn, pdu.maxCmdSn)
  view.setUint32(offset + AT.expDataSn, pdu.expDataSn)
  view.setUint32(offset + AT.bidirectionalReadResidualCount, pdu.bidirectionalReadResidualCount)
  view.setUint32(offset + AT.residualCount, pdu.residualCount)
}

/**
 * The data segment of a response with sense data (§11.4.7): SenseLength in two bytes, then the sense data.
 * Returns a new array; CHECK CONDITION is not on the fast path.
 */
export function senseSegment(sense: Uint8Array): Uint8Array {
  const segment = new Uint8Array(2 + sense.byteLength)
  segment[0] = sense.byteLength >>> 8
  segment[1] = sense.byteLength & 0xff
  segment.set(sense, 2)
  return segment
}

/** The sense data in the data segment of a response; empty when there is none or its length is wrong. */
export function senseOf(segment: Uint8Array): Uint8Array {
  if (segment.byteLength < 2) return new Uint8Array(0)
  const length = (segment[0]! << 8) | segment[1]!
  return 2 + length <= segment.byteLength ? segment.subarray(2, 2 + length) : new Uint8Array(0)
}

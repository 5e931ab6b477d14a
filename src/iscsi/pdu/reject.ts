/** Reject: the target's answer to a PDU that it cannot process. */
import { layout, u8, u24, u32, zero } from '../../base/layout.ts'
import { FINAL, type Fields, writeStart, writeZeroWords } from './bhs.ts'
import { Opcode, RESERVED_TAG } from './opcodes.ts'

/**
 * RFC 7143 §11.17 Reject. The data segment is the complete header of the rejected PDU, without its digest.
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . . 0x3f         | 1 Reserved         | Reason       | Reserved     |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | Reserved                                                            |
 *   16 | 0xffffffff                                                          |
 *   20 | Reserved                                                            |
 *   24 | StatSN                                                              |
 *   28 | ExpCmdSN                                                            |
 *   32 | MaxCmdSN                                                            |
 *   36 | DataSN/R2TSN or Reserved                                            |
 *   40 | Reserved                                                            |
 */
const RejectBhs = layout('RejectBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  reason: u8(2),
  reserved1: zero(3, 1),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  reserved2: zero(8, 8),
  tag: u32(16),
  reserved3: zero(20, 4),
  statSn: u32(24),
  expCmdSn: u32(28),
  maxCmdSn: u32(32),
  dataSn: u32(36),
  reserved4: zero(40, 8),
})
const AT = RejectBhs.at

export interface Reject {
  readonly opcode: typeof Opcode.reject
  /** One of `RejectReason`, or a number that this program does not know. */
  readonly reason: number
  readonly dataSegmentLength: number
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
  readonly dataSn: number
}

export function decodeReject(view: DataView, offset: number): Reject {
  return {
    opcode: Opcode.reject,
    reason: view.getUint8(offset + AT.reason),
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    statSn: view.getUint32(offset + AT.statSn),
    expCmdSn: view.getUint32(offset + AT.expCmdSn),
    maxCmdSn: view.getUint32(offset + AT.maxCmdSn),
    dataSn: view.getUint32(offset + AT.dataSn),
  }
}

export function encodeReject(view: DataView, offset: number, pdu: Fields<Reject>): void {
  writeStart(view, offset, {
    opcode: Opcode.reject,
    flags: FINAL,
    low: pdu.reason << 8,
    dataSegmentLength: pdu.dataSegmentLength,
  })
  writeZeroWords(view, offset + AT.reserved2, 2)
  view.setUint32(offset + AT.tag, RESERVED_TAG)
  view.setUint32(offset + AT.reserved3, 0)
  view.setUint32(offset + AT.statSn, pdu.statSn)
  view.setUint32(offset + AT.expCmdSn, pdu.expCmdSn)
  view.setUint32(offset + AT.maxCmdSn, pdu.maxCmdSn)
  view.setUint32(offset + AT.dataSn, pdu.dataSn)
  writeZeroWords(view, offset + AT.reserved4, 2)
}

/** Ready To Transfer: the target asks for a range of the command's write data. */
import { bytes, layout, u8, u24, u32, zero } from '../../base/layout.ts'
import { FINAL, type Fields, readLun, writeLun } from './bhs.ts'
import { Opcode } from './opcodes.ts'

/**
 * RFC 7143 §11.8 Ready To Transfer (R2T)
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . . 0x31         | 1 Reserved                                       |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | LUN                                                                 |
 *   16 | Initiator Task Tag                                                  |
 *   20 | Target Transfer Tag                                                 |
 *   24 | StatSN                                                              |
 *   28 | ExpCmdSN                                                            |
 *   32 | MaxCmdSN                                                            |
 *   36 | R2TSN                                                               |
 *   40 | Buffer Offset                                                       |
 *   44 | Desired Data Transfer Length                                        |
 */
const R2tBhs = layout('R2tBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  reserved: zero(2, 2),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  lun: bytes(8, 8),
  initiatorTaskTag: u32(16),
  targetTransferTag: u32(20),
  statSn: u32(24),
  expCmdSn: u32(28),
  maxCmdSn: u32(32),
  r2tSn: u32(36),
  bufferOffset: u32(40),
  desiredDataTransferLength: u32(44),
})
const AT = R2tBhs.at

export interface R2t {
  readonly opcode: typeof Opcode.r2t
  readonly lun: bigint
  readonly initiatorTaskTag: number
  /** Never `RESERVED_TAG`; the Data-Out PDUs that answer carry it. */
  readonly targetTransferTag: number
  /** The next StatSN; an R2T does not advance it. */
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
  readonly r2tSn: number
  /** Bytes from the start of the command's data. */
  readonly bufferOffset: number
  /** Bytes; not 0, at most MaxBurstLength. */
  readonly desiredDataTransferLength: number
}

export function decodeR2t(view: DataView, offset: number): R2t {
  return {
    opcode: Opcode.r2t,
    lun: readLun(view, offset + AT.lun),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    targetTransferTag: view.getUint32(offset + AT.targetTransferTag),
    statSn: view.getUint32(offset + AT.statSn),
    expCmdSn: view.getUint32(offset + AT.expCmdSn),
    maxCmdSn: view.getUint32(offset + AT.maxCmdSn),
    r2tSn: view.getUint32(offset + AT.r2tSn),
    bufferOffset: view.getUint32(offset + AT.bufferOffset),
    desiredDataTransferLength: view.getUint32(offset + AT.desiredDataTransferLength),
  }
}

export function encodeR2t(view: DataView, offset: number, pdu: Fields<R2t>): void {
  view.setUint32(offset, (Opcode.r2t << 24) | (FINAL << 16))
  view.setUint32(offset + AT.totalAhsLength, 0)
  writeLun(view, offset + AT.lun, pdu.lun)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.targetTransferTag, pdu.targetTransferTag)
  view.setUint32(offset + AT.statSn, pdu.statSn)
  view.setUint32(offset + AT.expCmdSn, pdu.expCmdSn)
  view.setUint32(offset + AT.maxCmdSn, pdu.maxCmdSn)
  view.setUint32(offset + AT.r2tSn, pdu.r2tSn)
  view.setUint32(offset + AT.bufferOffset, pdu.bufferOffset)
  view.setUint32(offset + AT.desiredDataTransferLength, pdu.desiredDataTransferLength)
}

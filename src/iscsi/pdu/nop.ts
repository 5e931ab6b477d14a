/** NOP-Out and NOP-In: pings of both sides, and the carriers of sequence numbers when nothing else is sent. */
import { bytes, layout, u8, u24, u32, zero } from '../../base/layout.ts'
import { FINAL, type Fields, IMMEDIATE, readLun, writeLun, writeStart, writeZeroWords } from './bhs.ts'
import { Opcode } from './opcodes.ts'

/**
 * RFC 7143 §11.18 NOP-Out
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . I 0x00         | 1 Reserved                                       |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | LUN or Reserved                                                     |
 *   16 | Initiator Task Tag or 0xffffffff                                    |
 *   20 | Target Transfer Tag or 0xffffffff                                   |
 *   24 | CmdSN                                                               |
 *   28 | ExpStatSN                                                           |
 *   32 | Reserved                                                            |
 */
const NopOutBhs = layout('NopOutBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  reserved1: zero(2, 2),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  lun: bytes(8, 8),
  initiatorTaskTag: u32(16),
  targetTransferTag: u32(20),
  cmdSn: u32(24),
  expStatSn: u32(28),
  reserved2: zero(32, 16),
})

export interface NopOut {
  readonly opcode: typeof Opcode.nopOut
  readonly immediate: boolean
  readonly dataSegmentLength: number
  readonly lun: bigint
  /** `RESERVED_TAG`: no answer is wanted. */
  readonly initiatorTaskTag: number
  /** That of the NOP-In which is answered, or `RESERVED_TAG`. */
  readonly targetTransferTag: number
  readonly cmdSn: number
  readonly expStatSn: number
}

export function decodeNopOut(view: DataView, offset: number): NopOut {
  const AT = NopOutBhs.at
  return {
    opcode: Opcode.nopOut,
    immediate: (view.getUint8(offset) & IMMEDIATE) !== 0,
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    lun: readLun(view, offset + AT.lun),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    targetTransferTag: view.getUint32(offset + AT.targetTransferTag),
    cmdSn: view.getUint32(offset + AT.cmdSn),
    expStatSn: view.getUint32(offset + AT.expStatSn),
  }
}

export function encodeNopOut(view: DataView, offset: number, pdu: Fields<NopOut>): void {
  const AT = NopOutBhs.at
  writeStart(view, offset, {
    opcode: Opcode.nopOut,
    immediate: pdu.immediate,
    flags: FINAL,
    dataSegmentLength: pdu.dataSegmentLength,
  })
  writeLun(view, offset + AT.lun, pdu.lun)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.targetTransferTag, pdu.targetTransferTag)
  view.setUint32(offset + AT.cmdSn, pdu.cmdSn)
  view.setUint32(offset + AT.expStatSn, pdu.expStatSn)
  writeZeroWords(view, offset + AT.reserved2, 4)
}

/**
 * RFC 7143 §11.19 NOP-In
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . . 0x20         | 1 Reserved                                       |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | LUN or Reserved                                                     |
 *   16 | Initiator Task Tag or 0xffffffff                                    |
 *   20 | Target Transfer Tag or 0xffffffff                                   |
 *   24 | StatSN                                                              |
 *   28 | ExpCmdSN                                                            |
 *   32 | MaxCmdSN                                                            |
 *   36 | Reserved                                                            |
 */
const NopInBhs = layout('NopInBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  reserved1: zero(2, 2),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  lun: bytes(8, 8),
  initiatorTaskTag: u32(16),
  targetTransferTag: u32(20),
  statSn: u32(24),
  expCmdSn: u32(28),
  maxCmdSn: u32(32),
  reserved2: zero(36, 12),
})

export interface NopIn {
  readonly opcode: typeof Opcode.nopIn
  readonly dataSegmentLength: number
  readonly lun: bigint
  /** That of the NOP-Out which is answered, or `RESERVED_TAG`. */
  readonly initiatorTaskTag: number
  /** `RESERVED_TAG`: no answer is wanted. */
  readonly targetTransferTag: number
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
}

export function decodeNopIn(view: DataView, offset: number): NopIn {
  const AT = NopInBhs.at
  return {
    opcode: Opcode.nopIn,
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    lun: readLun(view, offset + AT.lun),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    targetTransferTag: view.getUint32(offset + AT.targetTransferTag),
    statSn: view.getUint32(offset + AT.statSn),
    expCmdSn: view.getUint32(offset + AT.expCmdSn),
    maxCmdSn: view.getUint32(offset + AT.maxCmdSn),
  }
}

export function encodeNopIn(view: DataView, offset: number, pdu: Fields<NopIn>): void {
  const AT = NopInBhs.at
  writeStart(view, offset, {
    opcode: Opcode.nopIn,
    flags: FINAL,
    dataSegmentLength: pdu.dataSegmentLength,
  })
  writeLun(view, offset + AT.lun, pdu.lun)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.targetTransferTag, pdu.targetTransferTag)
  view.setUint32(offset + AT.statSn, pdu.statSn)
  view.setUint32(offset + AT.expCmdSn, pdu.expCmdSn)
  view.setUint32(offset + AT.maxCmdSn, pdu.maxCmdSn)
  writeZeroWords(view, offset + AT.reserved2, 3)
}

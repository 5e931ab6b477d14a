/** Asynchronous Message: what the target tells without being asked. */
import { bytes, layout, u8, u16, u24, u32, zero } from '../../base/layout.ts'
import { FINAL, type Fields, readLun, writeLun, writeStart } from './bhs.ts'
import { Opcode, RESERVED_TAG } from './opcodes.ts'

/**
 * RFC 7143 §11.9 Asynchronous Message
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . . 0x32         | 1 Reserved                                       |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | LUN or Reserved                                                     |
 *   16 | 0xffffffff                                                          |
 *   20 | Reserved                                                            |
 *   24 | StatSN                                                              |
 *   28 | ExpCmdSN                                                            |
 *   32 | MaxCmdSN                                                            |
 *   36 | AsyncEvent       | AsyncVCode         | Parameter1 or Reserved      |
 *   40 | Parameter2 or Reserved                | Parameter3 or Reserved      |
 *   44 | Reserved                                                            |
 */
const AsyncMessageBhs = layout('AsyncMessageBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  reserved1: zero(2, 2),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  lun: bytes(8, 8),
  tag: u32(16),
  reserved2: zero(20, 4),
  statSn: u32(24),
  expCmdSn: u32(28),
  maxCmdSn: u32(32),
  asyncEvent: u8(36),
  asyncVCode: u8(37),
  parameter1: u16(38),
  parameter2: u16(40),
  parameter3: u16(42),
  reserved3: zero(44, 4),
})
const AT = AsyncMessageBhs.at

export interface AsyncMessage {
  readonly opcode: typeof Opcode.asyncMessage
  readonly dataSegmentLength: number
  readonly lun: bigint
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
  /** One of `AsyncEvent`. */
  readonly asyncEvent: number
  readonly asyncVCode: number
  readonly parameter1: number
  readonly parameter2: number
  readonly parameter3: number
}

export function decodeAsyncMessage(view: DataView, offset: number): AsyncMessage {
  return {
    opcode: Opcode.asyncMessage,
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    lun: readLun(view, offset + AT.lun),
    statSn: view.getUint32(offset + AT.statSn),
    expCmdSn: view.getUint32(offset + AT.expCmdSn),
    maxCmdSn: view.getUint32(offset + AT.maxCmdSn),
    asyncEvent: view.getUint8(offset + AT.asyncEvent),
    asyncVCode: view.getUint8(offset + AT.asyncVCode),
    parameter1: view.getUint16(offset + AT.parameter1),
    parameter2: view.getUint16(offset + AT.parameter2),
    parameter3: view.getUint16(offset + AT.parameter3),
  }
}

export function encodeAsyncMessage(view: DataView, offset: number, pdu: Fields<AsyncMessage>): void {
  writeStart(view, offset, {
    opcode: Opcode.asyncMessage,
    flags: FINAL,
    dataSegmentLength: pdu.dataSegmentLength,
  })
  writeLun(view, offset + AT.lun, pdu.lun)
  view.setUint32(offset + AT.tag, RESERVED_TAG)
  view.setUint32(offset + AT.reserved2, 0)
  view.setUint32(offset + AT.statSn, pdu.statSn)
  view.setUint32(offset + AT.expCmdSn, pdu.expCmdSn)
  view.setUint32(offset + AT.maxCmdSn, pdu.maxCmdSn)
  view.setUint8(offset + AT.asyncEvent, pdu.asyncEvent)
  view.setUint8(offset + AT.asyncVCode, pdu.asyncVCode)
  view.setUint16(offset + AT.parameter1, pdu.parameter1)
  view.setUint16(offset + AT.parameter2, pdu.parameter2)
  view.setUint16(offset + AT.parameter3, pdu.parameter3)
  view.setUint32(offset + AT.reserved3, 0)
}

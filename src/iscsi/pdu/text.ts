/** Text Request and Text Response. The key=value pairs of their data segments are read elsewhere. */
import { bytes, layout, u8, u24, u32, zero } from '../../base/layout.ts'
import {
  CONTINUE,
  FINAL,
  type Fields,
  IMMEDIATE,
  readLun,
  writeLun,
  writeStart,
  writeZeroWords,
} from './bhs.ts'
import { Opcode } from './opcodes.ts'

/**
 * RFC 7143 §11.10 Text Request
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . I 0x04         | F C Reserved                                     |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | LUN or Reserved                                                     |
 *   16 | Initiator Task Tag                                                  |
 *   20 | Target Transfer Tag or 0xffffffff                                   |
 *   24 | CmdSN                                                               |
 *   28 | ExpStatSN                                                           |
 *   32 | Reserved                                                            |
 */
const TextRequestBhs = layout('TextRequestBhs', 48, {
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

export interface TextRequest {
  readonly opcode: typeof Opcode.textRequest
  readonly immediate: boolean
  readonly final: boolean
  /** C: the key=value pairs go on in the next request. */
  readonly continue: boolean
  readonly dataSegmentLength: number
  readonly lun: bigint
  readonly initiatorTaskTag: number
  readonly targetTransferTag: number
  readonly cmdSn: number
  readonly expStatSn: number
}

export function decodeTextRequest(view: DataView, offset: number): TextRequest {
  const AT = TextRequestBhs.at
  const flags = view.getUint8(offset + AT.flags)
  return {
    opcode: Opcode.textRequest,
    immediate: (view.getUint8(offset) & IMMEDIATE) !== 0,
    final: (flags & FINAL) !== 0,
    continue: (flags & CONTINUE) !== 0,
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    lun: readLun(view, offset + AT.lun),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    targetTransferTag: view.getUint32(offset + AT.targetTransferTag),
    cmdSn: view.getUint32(offset + AT.cmdSn),
    expStatSn: view.getUint32(offset + AT.expStatSn),
  }
}

export function encodeTextRequest(view: DataView, offset: number, pdu: Fields<TextRequest>): void {
  const AT = TextRequestBhs.at
  writeStart(view, offset, {
    opcode: Opcode.textRequest,
    immediate: pdu.immediate,
    flags: (pdu.final ? FINAL : 0) | (pdu.continue ? CONTINUE : 0),
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
 * RFC 7143 §11.11 Text Response
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . . 0x24         | F C Reserved                                     |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | LUN or Reserved                                                     |
 *   16 | Initiator Task Tag                                                  |
 *   20 | Target Transfer Tag or 0xffffffff                                   |
 *   24 | StatSN                                                              |
 *   28 | ExpCmdSN                                                            |
 *   32 | MaxCmdSN                                                            |
 *   36 | Reserved                                                            |
 */
const TextResponseBhs = layout('TextResponseBhs', 48, {
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

export interface TextResponse {
  readonly opcode: typeof Opcode.textResponse
  readonly final: boolean
  readonly continue: boolean
  readonly dataSegmentLength: number
  readonly lun: bigint
  readonly initiatorTaskTag: number
  readonly targetTransferTag: number
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
}

export function decodeTextResponse(view: DataView, offset: number): TextResponse {
  const AT = TextResponseBhs.at
  const flags = view.getUint8(offset + AT.flags)
  return {
    opcode: Opcode.textResponse,
    final: (flags & FINAL) !== 0,
    continue: (flags & CONTINUE) !== 0,
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    lun: readLun(view, offset + AT.lun),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    targetTransferTag: view.getUint32(offset + AT.targetTransferTag),
    statSn: view.getUint32(offset + AT.statSn),
    expCmdSn: view.getUint32(offset + AT.expCmdSn),
    maxCmdSn: view.getUint32(offset + AT.maxCmdSn),
  }
}

export function encodeTextResponse(view: DataView, offset: number, pdu: Fields<TextResponse>): void {
  const AT = TextResponseBhs.at
  writeStart(view, offset, {
    opcode: Opcode.textResponse,
    flags: (pdu.final ? FINAL : 0) | (pdu.continue ? CONTINUE : 0),
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

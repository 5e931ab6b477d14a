/** Logout Request and Logout Response. */
import { layout, u8, u16, u24, u32, zero } from '../../base/layout.ts'
import { FINAL, type Fields, IMMEDIATE, writeStart, writeZeroWords } from './bhs.ts'
import { Opcode } from './opcodes.ts'

/**
 * RFC 7143 §11.14 Logout Request
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . I 0x06         | 1 Reason Code      | Reserved                    |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | Reserved                                                            |
 *   16 | Initiator Task Tag                                                  |
 *   20 | CID or Reserved                       | Reserved                    |
 *   24 | CmdSN                                                               |
 *   28 | ExpStatSN                                                           |
 *   32 | Reserved                                                            |
 */
const LogoutRequestBhs = layout('LogoutRequestBhs', 48, {
  opcode: u8(0),
  reasonCode: u8(1),
  reserved1: zero(2, 2),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  reserved2: zero(8, 8),
  initiatorTaskTag: u32(16),
  cid: u16(20),
  reserved3: zero(22, 2),
  cmdSn: u32(24),
  expStatSn: u32(28),
  reserved4: zero(32, 16),
})

export interface LogoutRequest {
  readonly opcode: typeof Opcode.logoutRequest
  readonly immediate: boolean
  /** One of `LogoutReason`, or a number that this program does not know. */
  readonly reasonCode: number
  readonly initiatorTaskTag: number
  readonly cid: number
  readonly cmdSn: number
  readonly expStatSn: number
}

export function decodeLogoutRequest(view: DataView, offset: number): LogoutRequest {
  const AT = LogoutRequestBhs.at
  return {
    opcode: Opcode.logoutRequest,
    immediate: (view.getUint8(offset) & IMMEDIATE) !== 0,
    reasonCode: view.getUint8(offset + AT.reasonCode) & 0x7f,
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    cid: view.getUint16(offset + AT.cid),
    cmdSn: view.getUint32(offset + AT.cmdSn),
    expStatSn: view.getUint32(offset + AT.expStatSn),
  }
}

export function encodeLogoutRequest(view: DataView, offset: number, pdu: Fields<LogoutRequest>): void {
  const AT = LogoutRequestBhs.at
  writeStart(view, offset, {
    opcode: Opcode.logoutRequest,
    immediate: pdu.immediate,
    flags: FINAL | pdu.reasonCode,
  })
  writeZeroWords(view, offset + AT.reserved2, 2)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.cid, pdu.cid * 0x1_0000)
  view.setUint32(offset + AT.cmdSn, pdu.cmdSn)
  view.setUint32(offset + AT.expStatSn, pdu.expStatSn)
  writeZeroWords(view, offset + AT.reserved4, 4)
}

/**
 * RFC 7143 §11.15 Logout Response
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . . 0x26         | 1 Reserved         | Response     | Reserved     |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | Reserved                                                            |
 *   16 | Initiator Task Tag                                                  |
 *   20 | Reserved                                                            |
 *   24 | StatSN                                                              |
 *   28 | ExpCmdSN                                                            |
 *   32 | MaxCmdSN                                                            |
 *   36 | Reserved                                                            |
 *   40 | Time2Wait                             | Time2Retain                 |
 *   44 | Reserved                                                            |
 */
const LogoutResponseBhs = layout('LogoutResponseBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  response: u8(2),
  reserved1: zero(3, 1),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  reserved2: zero(8, 8),
  initiatorTaskTag: u32(16),
  reserved3: zero(20, 4),
  statSn: u32(24),
  expCmdSn: u32(28),
  maxCmdSn: u32(32),
  reserved4: zero(36, 4),
  time2Wait: u16(40),
  time2Retain: u16(42),
  reserved5: zero(44, 4),
})

export interface LogoutResponse {
  readonly opcode: typeof Opcode.logoutResponse
  /** One of `LogoutResponseCode`. */
  readonly response: number
  readonly initiatorTaskTag: number
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
  /** Seconds. */
  readonly time2Wait: number
  /** Seconds. */
  readonly time2Retain: number
}

export function decodeLogoutResponse(view: DataView, offset: number): LogoutResponse {
  const AT = LogoutResponseBhs.at
  return {
    opcode: Opcode.logoutResponse,
    response: view.getUint8(offset + AT.response),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    statSn: view.getUint32(offset + AT.statSn),
    expCmdSn: view.getUint32(offset + AT.expCmdSn),
    maxCmdSn: view.getUint32(offset + AT.maxCmdSn),
    time2Wait: view.getUint16(offset + AT.time2Wait),
    time2Retain: view.getUint16(offset + AT.time2Retain),
  }
}

export function encodeLogoutResponse(view: DataView, offset: number, pdu: Fields<LogoutResponse>): void {
  const AT = LogoutResponseBhs.at
  writeStart(view, offset, { opcode: Opcode.logoutResponse, flags: FINAL, low: pdu.response << 8 })
  writeZeroWords(view, offset + AT.reserved2, 2)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.reserved3, 0)
  view.setUint32(offset + AT.statSn, pdu.statSn)
  view.setUint32(offset + AT.expCmdSn, pdu.expCmdSn)
  view.setUint32(offset + AT.maxCmdSn, pdu.maxCmdSn)
  view.setUint32(offset + AT.reserved4, 0)
  view.setUint16(offset + AT.time2Wait, pdu.time2Wait)
  view.setUint16(offset + AT.time2Retain, pdu.time2Retain)
  view.setUint32(offset + AT.reserved5, 0)
}

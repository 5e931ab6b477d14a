/** Login Request and Login Response. The key=value pairs of their data segments are read elsewhere. */
import { bytes, layout, u8, u16, u24, u32, zero } from '../../base/layout.ts'
import { CONTINUE, FINAL, type Fields, writeStart, writeZeroWords } from './bhs.ts'
import { type LoginStage, Opcode } from './opcodes.ts'

/** The stages of a login as they come from a peer, which may send the reserved 2. */
type ReceivedStage = LoginStage | 2

const TWO_16 = 0x1_0000

/** ISID: six opaque bytes as a number below 2^48, compared and never computed with. */
const readIsid = (view: DataView, offset: number): number =>
  view.getUint32(offset) * TWO_16 + view.getUint16(offset + 4)

function writeIsid(view: DataView, offset: number, isid: number): void {
  view.setUint32(offset, Math.floor(isid / TWO_16))
  view.setUint16(offset + 4, isid % TWO_16)
}

/**
 * RFC 7143 §11.12 Login Request
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . 1 0x03         | T C . . CSG NSG    | Version-max  | Version-min  |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | ISID                                                                |
 *   12 | (ISID)                                | TSIH                        |
 *   16 | Initiator Task Tag                                                  |
 *   20 | CID                                   | Reserved                    |
 *   24 | CmdSN                                                               |
 *   28 | ExpStatSN or Reserved                                               |
 *   32 | Reserved                                                            |
 */
const LoginRequestBhs = layout('LoginRequestBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  versionMax: u8(2),
  versionMin: u8(3),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  isid: bytes(8, 6),
  tsih: u16(14),
  initiatorTaskTag: u32(16),
  cid: u16(20),
  reserved1: zero(22, 2),
  cmdSn: u32(24),
  expStatSn: u32(28),
  reserved2: zero(32, 16),
})

export interface LoginRequest {
  readonly opcode: typeof Opcode.loginRequest
  /** T: the initiator wants to go on to stage `nsg`. */
  readonly transit: boolean
  /** C: the key=value pairs go on in the next request. */
  readonly continue: boolean
  /** Current stage. */
  readonly csg: ReceivedStage
  /** Next stage; means something only when `transit`. */
  readonly nsg: ReceivedStage
  readonly versionMax: number
  readonly versionMin: number
  readonly dataSegmentLength: number
  readonly isid: number
  /** 0 asks for a new session. */
  readonly tsih: number
  readonly initiatorTaskTag: number
  readonly cid: number
  readonly cmdSn: number
  readonly expStatSn: number
}

export function decodeLoginRequest(view: DataView, offset: number): LoginRequest {
  const AT = LoginRequestBhs.at
  const flags = view.getUint8(offset + AT.flags)
  return {
    opcode: Opcode.loginRequest,
    transit: (flags & FINAL) !== 0,
    continue: (flags & CONTINUE) !== 0,
    csg: ((flags >> 2) & 3) as ReceivedStage,
    nsg: (flags & 3) as ReceivedStage,
    versionMax: view.getUint8(offset + AT.versionMax),
    versionMin: view.getUint8(offset + AT.versionMin),
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    isid: readIsid(view, offset + AT.isid),
    tsih: view.getUint16(offset + AT.tsih),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    cid: view.getUint16(offset + AT.cid),
    cmdSn: view.getUint32(offset + AT.cmdSn),
    expStatSn: view.getUint32(offset + AT.expStatSn),
  }
}

export function encodeLoginRequest(view: DataView, offset: number, pdu: Fields<LoginRequest>): void {
  const AT = LoginRequestBhs.at
  writeStart(view, offset, {
    opcode: Opcode.loginRequest,
    immediate: true,
    flags: stageFlags(pdu),
    low: (pdu.versionMax << 8) | pdu.versionMin,
    dataSegmentLength: pdu.dataSegmentLength,
  })
  writeIsid(view, offset + AT.isid, pdu.isid)
  view.setUint16(offset + AT.tsih, pdu.tsih)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.cid, pdu.cid * TWO_16)
  view.setUint32(offset + AT.cmdSn, pdu.cmdSn)
  view.setUint32(offset + AT.expStatSn, pdu.expStatSn)
  writeZeroWords(view, offset + AT.reserved2, 4)
}

/**
 * RFC 7143 §11.13 Login Response
 *
 *      | 0                | 1                  | 2            | 3             |
 *    0 | . . 0x23         | T C . . CSG NSG    | Version-max  | Version-active|
 *    4 | TotalAHSLength   | DataSegmentLength                                 |
 *    8 | ISID                                                                 |
 *   12 | (ISID)                                | TSIH                         |
 *   16 | Initiator Task Tag                                                   |
 *   20 | Reserved                                                             |
 *   24 | StatSN                                                               |
 *   28 | ExpCmdSN                                                             |
 *   32 | MaxCmdSN                                                             |
 *   36 | Status-Class     | Status-Detail      | Reserved                     |
 *   40 | Reserved                                                             |
 */
const LoginResponseBhs = layout('LoginResponseBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  versionMax: u8(2),
  versionActive: u8(3),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  isid: bytes(8, 6),
  tsih: u16(14),
  initiatorTaskTag: u32(16),
  reserved1: zero(20, 4),
  statSn: u32(24),
  expCmdSn: u32(28),
  maxCmdSn: u32(32),
  statusClass: u8(36),
  statusDetail: u8(37),
  reserved2: zero(38, 10),
})

export interface LoginResponse {
  readonly opcode: typeof Opcode.loginResponse
  readonly transit: boolean
  readonly continue: boolean
  readonly csg: ReceivedStage
  readonly nsg: ReceivedStage
  readonly versionMax: number
  readonly versionActive: number
  readonly dataSegmentLength: number
  readonly isid: number
  readonly tsih: number
  readonly initiatorTaskTag: number
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
  /** Status-Class × 256 + Status-Detail: one of `LoginStatus`, or a number that this program does not know. */
  readonly status: number
}

export function decodeLoginResponse(view: DataView, offset: number): LoginResponse {
  const AT = LoginResponseBhs.at
  const flags = view.getUint8(offset + AT.flags)
  return {
    opcode: Opcode.loginResponse,
    transit: (flags & FINAL) !== 0,
    continue: (flags & CONTINUE) !== 0,
    csg: ((flags >> 2) & 3) as ReceivedStage,
    nsg: (flags & 3) as ReceivedStage,
    versionMax: view.getUint8(offset + AT.versionMax),
    versionActive: view.getUint8(offset + AT.versionActive),
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    isid: readIsid(view, offset + AT.isid),
    tsih: view.getUint16(offset + AT.tsih),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    statSn: view.getUint32(offset + AT.statSn),
    expCmdSn: view.getUint32(offset + AT.expCmdSn),
    maxCmdSn: view.getUint32(offset + AT.maxCmdSn),
    status: view.getUint16(offset + AT.statusClass),
  }
}

export function encodeLoginResponse(view: DataView, offset: number, pdu: Fields<LoginResponse>): void {
  const AT = LoginResponseBhs.at
  writeStart(view, offset, {
    opcode: Opcode.loginResponse,
    flags: stageFlags(pdu),
    low: (pdu.versionMax << 8) | pdu.versionActive,
    dataSegmentLength: pdu.dataSegmentLength,
  })
  writeIsid(view, offset + AT.isid, pdu.isid)
  view.setUint16(offset + AT.tsih, pdu.tsih)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.reserved1, 0)
  view.setUint32(offset + AT.statSn, pdu.statSn)
  view.setUint32(offset + AT.expCmdSn, pdu.expCmdSn)
  view.setUint32(offset + AT.maxCmdSn, pdu.maxCmdSn)
  view.setUint32(offset + AT.statusClass, pdu.status * TWO_16)
  writeZeroWords(view, offset + 40, 2)
}

/** T, C, CSG and NSG as byte 1. */
function stageFlags(pdu: { transit: boolean; continue: boolean; csg: number; nsg: number }): number {
  return (pdu.transit ? FINAL : 0) | (pdu.continue ? CONTINUE : 0) | (pdu.csg << 2) | pdu.nsg
}

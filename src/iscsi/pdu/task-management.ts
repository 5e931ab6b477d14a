/** Task Management Function Request and Response. */
import { bytes, layout, u8, u24, u32, zero } from '../../base/layout.ts'
import { FINAL, type Fields, IMMEDIATE, readLun, writeLun, writeStart, writeZeroWords } from './bhs.ts'
import { Opcode } from './opcodes.ts'

/**
 * RFC 7143 §11.5 Task Management Function Request
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . I 0x02         | 1 Function         | Reserved                    |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | Logical Unit Number (LUN) or Reserved                               |
 *   16 | Initiator Task Tag                                                  |
 *   20 | Referenced Task Tag or 0xffffffff                                   |
 *   24 | CmdSN                                                               |
 *   28 | ExpStatSN                                                           |
 *   32 | RefCmdSN or Reserved                                                |
 *   36 | ExpDataSN or Reserved                                               |
 *   40 | Reserved                                                            |
 */
const TaskManagementRequestBhs = layout('TaskManagementRequestBhs', 48, {
  opcode: u8(0),
  function: u8(1),
  reserved1: zero(2, 2),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  lun: bytes(8, 8),
  initiatorTaskTag: u32(16),
  referencedTaskTag: u32(20),
  cmdSn: u32(24),
  expStatSn: u32(28),
  refCmdSn: u32(32),
  expDataSn: u32(36),
  reserved2: zero(40, 8),
})

export interface TaskManagementRequest {
  readonly opcode: typeof Opcode.taskManagementRequest
  readonly immediate: boolean
  /** One of `TaskManagementFunction`, or a number that this program does not know. */
  readonly function: number
  readonly lun: bigint
  readonly initiatorTaskTag: number
  readonly referencedTaskTag: number
  readonly cmdSn: number
  readonly expStatSn: number
  /** For ABORT TASK: CmdSN of the task to be aborted. */
  readonly refCmdSn: number
  readonly expDataSn: number
}

export function decodeTaskManagementRequest(view: DataView, offset: number): TaskManagementRequest {
  const AT = TaskManagementRequestBhs.at
  return {
    opcode: Opcode.taskManagementRequest,
    immediate: (view.getUint8(offset) & IMMEDIATE) !== 0,
    function: view.getUint8(offset + AT.function) & 0x7f,
    lun: readLun(view, offset + AT.lun),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    referencedTaskTag: view.getUint32(offset + AT.referencedTaskTag),
    cmdSn: view.getUint32(offset + AT.cmdSn),
    expStatSn: view.getUint32(offset + AT.expStatSn),
    refCmdSn: view.getUint32(offset + AT.refCmdSn),
    expDataSn: view.getUint32(offset + AT.expDataSn),
  }
}

export function encodeTaskManagementRequest(
  view: DataView,
  offset: number,
  pdu: Fields<TaskManagementRequest>,
): void {
  const AT = TaskManagementRequestBhs.at
  writeStart(view, offset, {
    opcode: Opcode.taskManagementRequest,
    immediate: pdu.immediate,
    flags: FINAL | pdu.function,
  })
  writeLun(view, offset + AT.lun, pdu.lun)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.referencedTaskTag, pdu.referencedTaskTag)
  view.setUint32(offset + AT.cmdSn, pdu.cmdSn)
  view.setUint32(offset + AT.expStatSn, pdu.expStatSn)
  view.setUint32(offset + AT.refCmdSn, pdu.refCmdSn)
  view.setUint32(offset + AT.expDataSn, pdu.expDataSn)
  writeZeroWords(view, offset + AT.reserved2, 2)
}

/**
 * RFC 7143 §11.6 Task Management Function Response
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . . 0x22         | 1 Reserved         | Response     | Reserved     |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | Reserved                                                            |
 *   16 | Initiator Task Tag                                                  |
 *   20 | Reserved                                                            |
 *   24 | StatSN                                                              |
 *   28 | ExpCmdSN                                                            |
 *   32 | MaxCmdSN                                                            |
 *   36 | Reserved                                                            |
 */
const TaskManagementResponseBhs = layout('TaskManagementResponseBhs', 48, {
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
  reserved4: zero(36, 12),
})

export interface TaskManagementResponse {
  readonly opcode: typeof Opcode.taskManagementResponse
  /** One of `TaskManagementResponseCode`. */
  readonly response: number
  readonly initiatorTaskTag: number
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
}

export function decodeTaskManagementResponse(view: DataView, offset: number): TaskManagementResponse {
  const AT = TaskManagementResponseBhs.at
  return {
    opcode: Opcode.taskManagementResponse,
    response: view.getUint8(offset + AT.response),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    statSn: view.getUint32(offset + AT.statSn),
    expCmdSn: view.getUint32(offset + AT.expCmdSn),
    maxCmdSn: view.getUint32(offset + AT.maxCmdSn),
  }
}

export function encodeTaskManagementResponse(
  view: DataView,
  offset: number,
  pdu: Fields<TaskManagementResponse>,
): void {
  const AT = TaskManagementResponseBhs.at
  writeStart(view, offset, {
    opcode: Opcode.taskManagementResponse,
    flags: FINAL,
    low: pdu.response << 8,
  })
  writeZeroWords(view, offset + AT.reserved2, 2)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.reserved3, 0)
  view.setUint32(offset + AT.statSn, pdu.statSn)
  view.setUint32(offset + AT.expCmdSn, pdu.expCmdSn)
  view.setUint32(offset + AT.maxCmdSn, pdu.maxCmdSn)
  writeZeroWords(view, offset + AT.reserved4, 3)
}

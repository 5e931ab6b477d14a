/** SNACK Request. Read so that it can be rejected by name: at ErrorRecoveryLevel 0 nobody may send it. */
import { bytes, layout, u8, u24, u32, zero } from '../../base/layout.ts'
import { FINAL, type Fields, readLun, writeLun, writeStart, writeZeroWords } from './bhs.ts'
import { Opcode } from './opcodes.ts'

/**
 * RFC 7143 §11.16 SNACK Request
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . . 0x10         | 1 Rsrvd Type       | Reserved                    |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | LUN or Reserved                                                     |
 *   16 | Initiator Task Tag or 0xffffffff                                    |
 *   20 | Target Transfer Tag or SNACK Tag or 0xffffffff                      |
 *   24 | Reserved                                                            |
 *   28 | ExpStatSN                                                           |
 *   32 | Reserved                                                            |
 *   40 | BegRun                                                              |
 *   44 | RunLength                                                           |
 */
const SnackRequestBhs = layout('SnackRequestBhs', 48, {
  opcode: u8(0),
  type: u8(1),
  reserved1: zero(2, 2),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  lun: bytes(8, 8),
  initiatorTaskTag: u32(16),
  targetTransferTag: u32(20),
  reserved2: zero(24, 4),
  expStatSn: u32(28),
  reserved3: zero(32, 8),
  begRun: u32(40),
  runLength: u32(44),
})
const AT = SnackRequestBhs.at

export interface SnackRequest {
  readonly opcode: typeof Opcode.snackRequest
  /** §11.16.1: 0 data or R2T, 1 status, 2 DataACK, 3 resegmented data. */
  readonly type: number
  readonly lun: bigint
  readonly initiatorTaskTag: number
  readonly targetTransferTag: number
  readonly expStatSn: number
  readonly begRun: number
  readonly runLength: number
}

export function decodeSnackRequest(view: DataView, offset: number): SnackRequest {
  return {
    opcode: Opcode.snackRequest,
    type: view.getUint8(offset + AT.type) & 0x0f,
    lun: readLun(view, offset + AT.lun),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    targetTransferTag: view.getUint32(offset + AT.targetTransferTag),
    expStatSn: view.getUint32(offset + AT.expStatSn),
    begRun: view.getUint32(offset + AT.begRun),
    runLength: view.getUint32(offset + AT.runLength),
  }
}

export function encodeSnackRequest(view: DataView, offset: number, pdu: Fields<SnackRequest>): void {
  writeStart(view, offset, { opcode: Opcode.snackRequest, flags: FINAL | pdu.type })
  writeLun(view, offset + AT.lun, pdu.lun)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.targetTransferTag, pdu.targetTransferTag)
  view.setUint32(offset + AT.reserved2, 0)
  view.setUint32(offset + AT.expStatSn, pdu.expStatSn)
  writeZeroWords(view, offset + AT.reserved3, 2)
  view.setUint32(offset + AT.begRun, pdu.begRun)
  view.setUint32(offset + AT.runLength, pdu.runLength)
}

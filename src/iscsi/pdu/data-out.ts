/** SCSI Data-Out: write data from the initiator, unsolicited or answering an R2T. */
import { bytes, layout, u8, u24, u32, zero } from '../../base/layout.ts'
import { FINAL, type Fields, readLun, writeLun } from './bhs.ts'
import { Opcode } from './opcodes.ts'

/**
 * RFC 7143 §11.7 SCSI Data-Out
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . . 0x05         | F Reserved                                       |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | LUN or Reserved                                                     |
 *   16 | Initiator Task Tag                                                  |
 *   20 | Target Transfer Tag or 0xffffffff                                   |
 *   24 | Reserved                                                            |
 *   28 | ExpStatSN                                                           |
 *   32 | Reserved                                                            |
 *   36 | DataSN                                                              |
 *   40 | Buffer Offset                                                       |
 *   44 | Reserved                                                            |
 */
const DataOutBhs = layout('DataOutBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  reserved1: zero(2, 2),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  lun: bytes(8, 8),
  initiatorTaskTag: u32(16),
  targetTransferTag: u32(20),
  reserved2: zero(24, 4),
  expStatSn: u32(28),
  reserved3: zero(32, 4),
  dataSn: u32(36),
  bufferOffset: u32(40),
  reserved4: zero(44, 4),
})
const AT = DataOutBhs.at

export interface DataOut {
  readonly opcode: typeof Opcode.dataOut
  /** F: the last PDU of this sequence. */
  readonly final: boolean
  readonly dataSegmentLength: number
  readonly lun: bigint
  readonly initiatorTaskTag: number
  /** The tag of the R2T that is answered; `RESERVED_TAG` for unsolicited data. */
  readonly targetTransferTag: number
  readonly expStatSn: number
  readonly dataSn: number
  /** Bytes from the start of the command's data. */
  readonly bufferOffset: number
}

export function decodeDataOut(view: DataView, offset: number): DataOut {
  return {
    opcode: Opcode.dataOut,
    final: (view.getUint8(offset + AT.flags) & FINAL) !== 0,
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    lun: readLun(view, offset + AT.lun),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    targetTransferTag: view.getUint32(offset + AT.targetTransferTag),
    expStatSn: view.getUint32(offset + AT.expStatSn),
    dataSn: view.getUint32(offset + AT.dataSn),
    bufferOffset: view.getUint32(offset + AT.bufferOffset),
  }
}

export function encodeDataOut(view: DataView, offset: number, pdu: Fields<DataOut>): void {
  view.setUint32(offset, (Opcode.dataOut << 24) | ((pdu.final ? FINAL : 0) << 16))
  view.setUint32(offset + AT.totalAhsLength, pdu.dataSegmentLength)
  writeLun(view, offset + AT.lun, pdu.lun)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.targetTransferTag, pdu.targetTransferTag)
  view.setUint32(offset + AT.reserved2, 0)
  view.setUint32(offset + AT.expStatSn, pdu.expStatSn)
  view.setUint32(offset + AT.reserved3, 0)
  view.setUint32(offset + AT.dataSn, pdu.dataSn)
  view.setUint32(offset + AT.bufferOffset, pdu.bufferOffset)
  view.setUint32(offset + AT.reserved4, 0)
}

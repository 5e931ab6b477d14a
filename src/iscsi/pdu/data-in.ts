/** SCSI Data-In: read data from the target; the last one may carry the status of a task that went well. */
import { bytes, layout, u8, u24, u32, zero } from '../../base/layout.ts'
import { FINAL, type Fields, readLun, writeLun } from './bhs.ts'
import { Opcode } from './opcodes.ts'

/**
 * RFC 7143 §11.7 SCSI Data-In
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . . 0x25         | F A 0 0 0 O U S    | Reserved     | Status/Rsvd  |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | LUN or Reserved                                                     |
 *   16 | Initiator Task Tag                                                  |
 *   20 | Target Transfer Tag or 0xffffffff                                   |
 *   24 | StatSN or Reserved                                                  |
 *   28 | ExpCmdSN                                                            |
 *   32 | MaxCmdSN                                                            |
 *   36 | DataSN                                                              |
 *   40 | Buffer Offset                                                       |
 *   44 | Residual Count                                                      |
 */
const DataInBhs = layout('DataInBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  reserved: zero(2, 1),
  status: u8(3),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  lun: bytes(8, 8),
  initiatorTaskTag: u32(16),
  targetTransferTag: u32(20),
  statSn: u32(24),
  expCmdSn: u32(28),
  maxCmdSn: u32(32),
  dataSn: u32(36),
  bufferOffset: u32(40),
  residualCount: u32(44),
})
const AT = DataInBhs.at

const ACKNOWLEDGE = 0x40
const OVERFLOW = 0x04
const UNDERFLOW = 0x02
const STATUS = 0x01

export interface DataIn {
  readonly opcode: typeof Opcode.dataIn
  /** F: the last PDU of this sequence. */
  readonly final: boolean
  /** A: the target asks for a DataACK SNACK; only at ErrorRecoveryLevel 1 or above. */
  readonly acknowledge: boolean
  readonly overflow: boolean
  readonly underflow: boolean
  /** S: `status`, `statSn`, `residualCount` and the residual flags are valid and the task is over. Implies `final`. */
  readonly statusPresent: boolean
  readonly status: number
  readonly dataSegmentLength: number
  readonly lun: bigint
  readonly initiatorTaskTag: number
  readonly targetTransferTag: number
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
  readonly dataSn: number
  /** Bytes from the start of the command's data. */
  readonly bufferOffset: number
  readonly residualCount: number
}

export function decodeDataIn(view: DataView, offset: number): DataIn {
  const flags = view.getUint8(offset + AT.flags)
  return {
    opcode: Opcode.dataIn,
    final: (flags & FINAL) !== 0,
    acknowledge: (flags & ACKNOWLEDGE) !== 0,
    overflow: (flags & OVERFLOW) !== 0,
    underflow: (flags & UNDERFLOW) !== 0,
    statusPresent: (flags & STATUS) !== 0,
    status: view.getUint8(offset + AT.status),
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    lun: readLun(view, offset + AT.lun),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    targetTransferTag: view.getUint32(offset + AT.targetTransferTag),
    statSn: view.getUint32(offset + AT.statSn),
    expCmdSn: view.getUint32(offset + AT.expCmdSn),
    maxCmdSn: view.getUint32(offset + AT.maxCmdSn),
    dataSn: view.getUint32(offset + AT.dataSn),
    bufferOffset: view.getUint32(offset + AT.bufferOffset),
    residualCount: view.getUint32(offset + AT.residualCount),
  }
}

export function encodeDataIn(view: DataView, offset: number, pdu: Fields<DataIn>): void {
  const flags =
    (pdu.final ? FINAL : 0) |
    (pdu.acknowledge ? ACKNOWLEDGE : 0) |
    (pdu.overflow ? OVERFLOW : 0) |
    (pdu.underflow ? UNDERFLOW : 0) |
    (pdu.statusPresent ? STATUS : 0)
  view.setUint32(offset, (Opcode.dataIn << 24) | (flags << 16) | pdu.status)
  view.setUint32(offset + AT.totalAhsLength, pdu.dataSegmentLength)
  writeLun(view, offset + AT.lun, pdu.lun)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.targetTransferTag, pdu.targetTransferTag)
  view.setUint32(offset + AT.statSn, pdu.statSn)
  view.setUint32(offset + AT.expCmdSn, pdu.expCmdSn)
  view.setUint32(offset + AT.maxCmdSn, pdu.maxCmdSn)
  view.setUint32(offset + AT.dataSn, pdu.dataSn)
  view.setUint32(offset + AT.bufferOffset, pdu.bufferOffset)
  view.setUint32(offset + AT.residualCount, pdu.residualCount)
}

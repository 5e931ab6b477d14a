/** SCSI Command, the PDU that starts a task. Additional header segments are read by `ahs.ts`. */
import { bytes, layout, u8, u24, u32, zero } from '../../base/layout.ts'
import { FINAL, type Fields, IMMEDIATE, readLun, writeLun } from './bhs.ts'
import { Opcode, type TaskAttribute } from './opcodes.ts'

/**
 * RFC 7143 §11.3 SCSI Command
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . I 0x01         | F R W . . ATTR     | Reserved                    |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | Logical Unit Number (LUN)                                           |
 *   16 | Initiator Task Tag                                                  |
 *   20 | Expected Data Transfer Length                                       |
 *   24 | CmdSN                                                               |
 *   28 | ExpStatSN                                                           |
 *   32 | SCSI Command Descriptor Block (CDB)                                 |
 *   48 | AHS (optional)                                                      |
 */
const ScsiCommandBhs = layout('ScsiCommandBhs', 48, {
  opcode: u8(0),
  flags: u8(1),
  reserved: zero(2, 2),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  lun: bytes(8, 8),
  initiatorTaskTag: u32(16),
  expectedDataTransferLength: u32(20),
  cmdSn: u32(24),
  expStatSn: u32(28),
  cdb: bytes(32, 16),
})
const AT = ScsiCommandBhs.at

const READ = 0x40
const WRITE = 0x20
const ATTR_MASK = 0x07

export interface ScsiCommand {
  readonly opcode: typeof Opcode.scsiCommand
  readonly immediate: boolean
  /** F: no unsolicited Data-Out follows. */
  readonly final: boolean
  readonly read: boolean
  readonly write: boolean
  /** ATTR; 5 to 7 are reserved values that a peer may send. */
  readonly attr: TaskAttribute | 5 | 6 | 7
  /** Four-byte words of additional header segments. */
  readonly totalAhsLength: number
  readonly dataSegmentLength: number
  readonly lun: bigint
  readonly initiatorTaskTag: number
  /** Bytes. */
  readonly expectedDataTransferLength: number
  readonly cmdSn: number
  readonly expStatSn: number
  /** 16 bytes, a copy. The rest of a longer CDB stands in an additional header segment. */
  readonly cdb: Uint8Array
}

export function decodeScsiCommand(view: DataView, offset: number): ScsiCommand {
  const flags = view.getUint8(offset + AT.flags)
  const cdb = new Uint8Array(16)
  for (let i = 0; i < 16; i++) cdb[i] = view.getUint8(offset + AT.cdb + i)
  return {
    opcode: Opcode.scsiCommand,
    immediate: (view.getUint8(offset) & IMMEDIATE) !== 0,
    final: (flags & FINAL) !== 0,
    read: (flags & READ) !== 0,
    write: (flags & WRITE) !== 0,
    attr: (flags & ATTR_MASK) as ScsiCommand['attr'],
    totalAhsLength: view.getUint8(offset + AT.totalAhsLength),
    dataSegmentLength: view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff,
    lun: readLun(view, offset + AT.lun),
    initiatorTaskTag: view.getUint32(offset + AT.initiatorTaskTag),
    expectedDataTransferLength: view.getUint32(offset + AT.expectedDataTransferLength),
    cmdSn: view.getUint32(offset + AT.cmdSn),
    expStatSn: view.getUint32(offset + AT.expStatSn),
    cdb,
  }
}

/** Writes the 48 bytes; a CDB shorter than 16 bytes is padded with zeros, of a longer one the first 16 are written. */
export function encodeScsiCommand(view: DataView, offset: number, pdu: Fields<ScsiCommand>): void {
  const flags = (pdu.final ? FINAL : 0) | (pdu.read ? READ : 0) | (pdu.write ? WRITE : 0) | pdu.attr
  const first = pdu.immediate ? Opcode.scsiCommand | IMMEDIATE : Opcode.scsiCommand
  view.setUint32(offset, (first << 24) | (flags << 16))
  view.setUint32(offset + AT.totalAhsLength, (pdu.totalAhsLength << 24) | pdu.dataSegmentLength)
  writeLun(view, offset + AT.lun, pdu.lun)
  view.setUint32(offset + AT.initiatorTaskTag, pdu.initiatorTaskTag)
  view.setUint32(offset + AT.expectedDataTransferLength, pdu.expectedDataTransferLength)
  view.setUint32(offset + AT.cmdSn, pdu.cmdSn)
  view.setUint32(offset + AT.expStatSn, pdu.expStatSn)
  const { cdb } = pdu
  for (let i = 0; i < 16; i++) view.setUint8(offset + AT.cdb + i, cdb[i] ?? 0)
}

/**
 * Submission and completion queue entries (NVM Express Base Specification 2.0 §3.3.3): layouts, opcodes, data pointers.
 * Numbers are little-endian. Entries are read where they lie, at declared offsets, by a `DataView`.
 */
import { bytes, layout, u8, u16, u32 } from '../base/layout.ts'

export const SQE_BYTES = 64
const CQE_BYTES = 16

/**
 * Submission queue entry, common format
 *
 *     0 | OPC
 *     1 | bits 1:0 FUSE, bits 7:6 PSDT
 *     2 | CID
 *     4 | NSID            (Fabrics: FCTYPE in byte 4)
 *     8 | CDW2, CDW3
 *    16 | MPTR
 *    24 | DPTR: SGL1
 *    40 | CDW10 to CDW15
 */
export const Sqe = layout('Sqe', SQE_BYTES, {
  opcode: u8(0),
  flags: u8(1),
  cid: u16(2),
  nsid: u32(4),
  cdw2: u32(8),
  cdw3: u32(12),
  mptr: bytes(16, 8),
  sgl1: bytes(24, 16),
  cdw10: u32(40),
  cdw11: u32(44),
  cdw12: u32(48),
  cdw13: u32(52),
  cdw14: u32(56),
  cdw15: u32(60),
})

/**
 * Completion queue entry
 *
 *     0 | DW0, DW1        what the command returns
 *     8 | SQHD            submission queue head
 *    10 | SQID            reserved in Fabrics
 *    12 | CID
 *    14 | bit 0 phase tag (reserved in Fabrics), bits 15:1 status field
 */
export const Cqe = layout('Cqe', CQE_BYTES, {
  dw0: u32(0),
  dw1: u32(4),
  sqhd: u16(8),
  sqid: u16(10),
  cid: u16(12),
  status: u16(14),
})

/**
 * SGL descriptor (§4.1.2), as far as this transport uses it
 *
 *     0 | address: of an offset descriptor the offset, else reserved
 *     8 | length in bytes
 *    12 | reserved
 *    15 | bits 7:4 type, bits 3:0 subtype
 */
const SglDescriptor = layout('SglDescriptor', 16, {
  address: bytes(0, 8),
  lengthBytes: u32(8),
  reserved: bytes(12, 3),
  identifier: u8(15),
})

/** Byte 15 of a descriptor: type and subtype together. */
export const SglIdentifier = {
  /** Data block, by address: nothing that TCP can reach. */
  dataBlock: 0x00,
  /** Data block, by offset: the data is in the capsule. */
  inCapsule: 0x01,
  bitBucket: 0x10,
  segment: 0x20,
  lastSegment: 0x30,
  keyedDataBlock: 0x40,
  /** Transport data block: data goes by R2T and H2CData, or by C2HData. */
  transport: 0x5a,
} as const

/** FUSE: bits 1:0 of byte 1. */
export const Fuse = { none: 0, first: 1, second: 2 } as const
/** PSDT, bits 7:6 of byte 1: 01b, SGLs with a metadata buffer, is what Fabrics commands carry; 10b is taken too. */
export const PSDT_MASK = 0xc0
export const PSDT_SGL = 0x40

/** NSID of commands that are about every namespace. */
export const NSID_ALL = 0xffff_ffff

export const AdminOpcode = {
  deleteSubmissionQueue: 0x00,
  createSubmissionQueue: 0x01,
  getLogPage: 0x02,
  deleteCompletionQueue: 0x04,
  createCompletionQueue: 0x05,
  identify: 0x06,
  abort: 0x08,
  setFeatures: 0x09,
  getFeatures: 0x0a,
  asynchronousEventRequest: 0x0c,
  keepAlive: 0x18,
} as const

export const IoOpcode = {
  flush: 0x00,
  write: 0x01,
  read: 0x02,
  writeUncorrectable: 0x04,
  compare: 0x05,
  writeZeroes: 0x08,
  datasetManagement: 0x09,
  verify: 0x0c,
  reservationRegister: 0x0d,
  reservationReport: 0x0e,
  reservationAcquire: 0x11,
  reservationRelease: 0x15,
} as const

/** OPC of every Fabrics command; which one it is, FCTYPE says. */
export const FABRICS_OPCODE = 0x7f

export const FabricsType = {
  propertySet: 0x00,
  connect: 0x01,
  propertyGet: 0x04,
  authenticationSend: 0x05,
  authenticationReceive: 0x06,
  disconnect: 0x08,
} as const

/** CDW12 of Read, Write, Write Zeroes, Compare: NLB in bits 15:0 is the number of blocks minus one. */
export const IoFlag = {
  /** LR: give up early. */
  limitedRetry: 0x8000_0000,
  /** FUA: durable before it completes. */
  forceUnitAccess: 0x4000_0000,
  /** DEAC of Write Zeroes: the blocks may be deallocated. */
  deallocate: 0x0200_0000,
} as const

/** Type, subtype and length of the data pointer of the SQE at `offset`. */
export const sglIdentifierOf = (view: DataView, offset: number): number =>
  view.getUint8(offset + Sqe.at.sgl1 + SglDescriptor.at.identifier)
export const sglLengthOf = (view: DataView, offset: number): number =>
  view.getUint32(offset + Sqe.at.sgl1 + SglDescriptor.at.lengthBytes, true)

/** Writes the data pointer of the SQE at `offset`: `lengthBytes` at offset 0 of the capsule or by the transport. */
export function writeSgl(
  view: DataView,
  offset: number,
  identifier: typeof SglIdentifier.inCapsule | typeof SglIdentifier.transport,
  lengthBytes: number,
): void {
  const at = offset + Sqe.at.sgl1
  view.setUint32(at, 0)
  view.setUint32(at + 4, 0)
  view.setUint32(at + SglDescriptor.at.lengthBytes, lengthBytes, true)
  view.setUint32(at + SglDescriptor.at.reserved, identifier)
}

export interface Completion {
  readonly dw0: number
  readonly dw1: number
  readonly sqhd: number
  readonly cid: number
  /** Status field without the phase tag, as in `status.ts`. */
  readonly status: number
}

export function decodeCqe(view: DataView, offset: number): Completion {
  const at = Cqe.at
  return {
    dw0: view.getUint32(offset + at.dw0, true),
    dw1: view.getUint32(offset + at.dw1, true),
    sqhd: view.getUint16(offset + at.sqhd, true),
    cid: view.getUint16(offset + at.cid, true),
    status: view.getUint16(offset + at.status, true) >>> 1,
  }
}

/** Writes all 16 bytes. */
export function encodeCqe(view: DataView, offset: number, cqe: Completion): void {
  const at = Cqe.at
  view.setUint32(offset + at.dw0, cqe.dw0, true)
  view.setUint32(offset + at.dw1, cqe.dw1, true)
  view.setUint32(offset + at.sqhd, cqe.sqhd, true)
  view.setUint32(offset + at.cid, cqe.cid | (cqe.status << 17), true)
}

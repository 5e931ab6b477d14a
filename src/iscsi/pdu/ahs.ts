/**
 * Additional header segments (RFC 7143 §11.2.2), which follow the basic header of a SCSI Command.
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | AHSLength                             | AHSType      | AHS-Specific |
 *    4 | AHS-Specific                                                        |
 *
 * AHSLength counts the bytes after AHSType without padding; each segment is padded to a multiple of four.
 *
 *  - type 1, extended CDB (§11.2.2.3): one reserved byte, then the CDB from its byte 16 on.
 *  - type 2, bidirectional read (§11.2.2.4): AHSLength 5, one reserved byte, Bidirectional Read Expected
 *    Data Transfer Length in four bytes.
 */
import { BHS_BYTES } from './opcodes.ts'

const TYPE_EXTENDED_CDB = 1
const TYPE_BIDIRECTIONAL_READ = 2
/** SPC's longest CDB: 8 bytes and ADDITIONAL CDB LENGTH, which is at most 252. */
const CDB_BYTES_MAX = 260

/** Bytes of additional headers that a SCSI Command can need: the longest CDB and a bidirectional read length. */
export const AHS_BYTES_MAX = 4 + (CDB_BYTES_MAX - 16) + 8

export interface AdditionalHeaders {
  /** The whole CDB, a copy, when a type 1 segment lengthened it. */
  readonly cdb?: Uint8Array
  /** Bytes. */
  readonly bidirectionalReadExpectedDataTransferLength?: number
}

/**
 * Reads the segments behind the basic header at `offset`; `ahsBytes` is what the header's TotalAHSLength
 * says. Unknown types are skipped. 'bad AHS' when a segment ends outside, comes twice or has a wrong length.
 */
export function parseAhs(view: DataView, offset: number, ahsBytes: number): AdditionalHeaders | 'bad AHS' {
  let cdb: Uint8Array | undefined
  let bidirectional: number | undefined
  const end = offset + BHS_BYTES + ahsBytes
  let at = offset + BHS_BYTES
  while (at < end) {
    if (at + 4 > end) return 'bad AHS'
    const length = view.getUint16(at)
    const next = at + ((3 + length + 3) & ~3)
    if (length === 0 || next > end) return 'bad AHS'
    const type = view.getUint8(at + 2) & 0x3f
    if (type === TYPE_EXTENDED_CDB) {
      const cdbBytes = 16 + length - 1
      if (cdb !== undefined || length < 2 || cdbBytes > CDB_BYTES_MAX) return 'bad AHS'
      cdb = new Uint8Array(cdbBytes)
      for (let i = 0; i < 16; i++) cdb[i] = view.getUint8(offset + 32 + i)
      for (let i = 16; i < cdbBytes; i++) cdb[i] = view.getUint8(at + 4 + i - 16)
    } else if (type === TYPE_BIDIRECTIONAL_READ) {
      if (bidirectional !== undefined || length !== 5) return 'bad AHS'
      bidirectional = view.getUint32(at + 4)
    }
    at = next
  }
  return {
    ...(cdb !== undefined && { cdb }),
    ...(bidirectional !== undefined && { bidirectionalReadExpectedDataTransferLength: bidirectional }),
  }
}

/** Bytes of the type 1 segment that carries `cdb` beyond its first 16 bytes; 0 when there is no need of one. */
export const extendedCdbAhsBytes = (cdb: Uint8Array): number =>
  cdb.byteLength <= 16 ? 0 : (3 + cdb.byteLength - 15 + 3) & ~3

/** Writes that segment at `offset`; `cdb` has more than 16 bytes. */
export function encodeExtendedCdb(view: DataView, offset: number, cdb: Uint8Array): void {
  const end = offset + extendedCdbAhsBytes(cdb)
  view.setUint16(offset, cdb.byteLength - 15)
  view.setUint16(offset + 2, TYPE_EXTENDED_CDB << 8)
  for (let i = 16, at = offset + 4; at < end; i++, at++) view.setUint8(at, cdb[i] ?? 0)
}

/** Terminate Connection Request: the last PDU of a connection, with the reason. Either side sends it, then closes. */
import { layout, u8, u16, u32, zero } from '../../base/layout.ts'
import { writeCommonHeader } from './common-header.ts'
import type { PduType } from './types.ts'

/**
 * Host to Controller and Controller to Host Terminate Connection Request (H2CTermReq, C2HTermReq)
 *
 *     0 | CH, 8 bytes; HLEN 24, PLEN 24 to 152
 *     8 | FES      fatal error status
 *    10 | FEI      fatal error information; not aligned
 *    14 | reserved
 *    24 | DATA     the header of the PDU in error, at most 128 bytes
 */
const TermReqHeader = layout('TermReqHeader', 24, {
  pduType: u8(0),
  flags: u8(1),
  hlen: u8(2),
  pdo: u8(3),
  plen: u32(4),
  fes: u16(8),
  fei: u32(10),
  reserved: zero(14, 10),
})
const AT = TermReqHeader.at

/** Bytes of the header in error that a TermReq carries at most. */
const TERM_REQ_DATA_BYTES_MAX = 128
export const TERM_REQ_BYTES_MIN = 24
/** A TermReq with a PLEN outside these two is answered by nothing but the end of the connection. */
export const TERM_REQ_BYTES_MAX = TERM_REQ_BYTES_MIN + TERM_REQ_DATA_BYTES_MAX

export interface TermReq {
  /** As it came: not necessarily a `FatalErrorStatus` that there is. */
  readonly fes: number
  readonly fei: number
}

export function decodeTermReq(view: DataView, offset: number): TermReq {
  return { fes: view.getUint16(offset + AT.fes, true), fei: view.getUint32(offset + AT.fei, true) }
}

/** The header; the bytes of the PDU in error go behind it as data. */
export function encodeTermReq(
  view: DataView,
  offset: number,
  pduType: typeof PduType.h2cTermReq | typeof PduType.c2hTermReq,
  { fes, fei }: TermReq,
): void {
  writeCommonHeader(view, offset, pduType)
  view.setUint16(offset + AT.fes, fes, true)
  view.setUint32(offset + AT.fei, fei, true)
  view.setUint16(offset + AT.reserved, 0)
  view.setUint32(offset + AT.reserved + 2, 0)
  view.setUint32(offset + AT.reserved + 6, 0)
}

/**
 * The common header, which every PDU begins with. All numbers are little-endian. A receiver ignores reserved bits and
 * fields; a sender writes zeros, so every encoder writes its whole header and may be given a dirty buffer.
 */
import { layout, u8, u32 } from '../../base/layout.ts'
import { PduType } from './types.ts'

/**
 * NVMe/TCP PDU common header (CH)
 *
 *     0 | PDU-Type
 *     1 | FLAGS
 *     2 | HLEN     bytes of the header: this one and what is the type's own, without digest and padding
 *     3 | PDO      offset of the data, from the start of the PDU; without data 0
 *     4 | PLEN     bytes of the whole PDU
 */
export const CommonHeader = layout('CommonHeader', 8, {
  pduType: u8(0),
  flags: u8(1),
  hlen: u8(2),
  pdo: u8(3),
  plen: u32(4),
})
const AT = CommonHeader.at

export const COMMON_HEADER_BYTES = 8

/** HLEN of each type. */
export const HEADER_BYTES: Readonly<Record<PduType, number>> = {
  [PduType.icReq]: 128,
  [PduType.icResp]: 128,
  [PduType.h2cTermReq]: 24,
  [PduType.c2hTermReq]: 24,
  [PduType.capsuleCmd]: 72,
  [PduType.capsuleResp]: 24,
  [PduType.h2cData]: 24,
  [PduType.c2hData]: 24,
  [PduType.r2t]: 24,
}

/** The byte as it stands; not necessarily a type that there is. */
export const pduTypeOf = (view: DataView, offset: number): number => view.getUint8(offset)

export const flagsOf = (view: DataView, offset: number): number => view.getUint8(offset + AT.flags)

/** The common header of a PDU of only a header; `PduWriter` adds what data and digests change. */
export function writeCommonHeader(view: DataView, offset: number, pduType: PduType, flags = 0): void {
  const hlen = HEADER_BYTES[pduType]
  view.setUint32(offset, pduType | (flags << 8) | (hlen << 16), true)
  view.setUint32(offset + AT.plen, hlen, true)
}

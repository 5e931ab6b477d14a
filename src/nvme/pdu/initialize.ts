/** Initialize Connection: what host and controller say about the connection before anything else. */
import { layout, u8, u16, u32, zero } from '../../base/layout.ts'
import { HEADER_BYTES, writeCommonHeader } from './common-header.ts'
import { DATA_ALIGNMENT_MAX, FatalErrorStatus, type PduFault, PduType } from './types.ts'

/**
 * Initialize Connection Request (ICReq), host to controller, and Response (ICResp)
 *
 *     0 | CH, 8 bytes; HLEN and PLEN 128
 *     8 | PFV            PDU format version: 0
 *    10 | HPDA, CPDA     bits 4:0: alignment that the sender wants of the data sent to it, in dwords minus one
 *    11 | DGST           bit 0: header digest, bit 1: data digest; in the request wished for, in the response in use
 *    12 | MAXR2T         (ICReq) R2Ts outstanding for a command, minus one
 *       | MAXH2CDATA     (ICResp) bytes of data of an H2CData at most; a multiple of 4, at least 4096
 *    16 | reserved
 */
const IcHeader = layout('IcHeader', 128, {
  pduType: u8(0),
  flags: u8(1),
  hlen: u8(2),
  pdo: u8(3),
  plen: u32(4),
  pfv: u16(8),
  dataAlignment: u8(10),
  dgst: u8(11),
  limit: u32(12),
  reserved: zero(16, 112),
})
const AT = IcHeader.at

/** The only format version that there is. */
export const PDU_FORMAT_VERSION = 0
const MAXH2CDATA_MIN = 4096

const DIGEST_HEADER = 0x01
const DIGEST_DATA = 0x02

interface IcPdu {
  readonly pfv: number
  /** HPDA or CPDA, 0 to 31. */
  readonly dataAlignment: number
  readonly headerDigest: boolean
  readonly dataDigest: boolean
}

export interface IcReq extends IcPdu {
  /** Minus one: 0 is one R2T. */
  readonly maxR2t: number
}

export interface IcResp extends IcPdu {
  readonly maxH2cData: number
}

export function decodeIcReq(view: DataView, offset: number): IcReq {
  return { ...decode(view, offset), maxR2t: view.getUint32(offset + AT.limit, true) }
}

export function decodeIcResp(view: DataView, offset: number): IcResp {
  return { ...decode(view, offset), maxH2cData: view.getUint32(offset + AT.limit, true) }
}

export const encodeIcReq = (view: DataView, offset: number, pdu: IcReq): void =>
  encode(view, offset, PduType.icReq, pdu, pdu.maxR2t)

export const encodeIcResp = (view: DataView, offset: number, pdu: IcResp): void =>
  encode(view, offset, PduType.icResp, pdu, pdu.maxH2cData)

/** What a controller refuses about an ICReq. */
export function icReqFault({ pfv, dataAlignment }: IcReq): PduFault | undefined {
  return icFault(pfv, dataAlignment)
}

/** What a host refuses about the ICResp that answers `asked`: also a digest that it did not ask for. */
export function icRespFault(answer: IcResp, asked: IcReq): PduFault | undefined {
  const fault = icFault(answer.pfv, answer.dataAlignment)
  if (fault !== undefined) return fault
  if ((answer.headerDigest && !asked.headerDigest) || (answer.dataDigest && !asked.dataDigest)) {
    return { fes: FatalErrorStatus.invalidPduHeaderField, fei: AT.dgst }
  }
  if (answer.maxH2cData < MAXH2CDATA_MIN || answer.maxH2cData % 4 !== 0) {
    return { fes: FatalErrorStatus.invalidPduHeaderField, fei: AT.limit }
  }
  return undefined
}

function icFault(pfv: number, dataAlignment: number): PduFault | undefined {
  if (pfv !== PDU_FORMAT_VERSION) return { fes: FatalErrorStatus.unsupportedParameter, fei: AT.pfv }
  if (dataAlignment > DATA_ALIGNMENT_MAX) {
    return { fes: FatalErrorStatus.invalidPduHeaderField, fei: AT.dataAlignment }
  }
  return undefined
}

function decode(view: DataView, offset: number): IcPdu {
  const dgst = view.getUint8(offset + AT.dgst)
  return {
    pfv: view.getUint16(offset + AT.pfv, true),
    dataAlignment: view.getUint8(offset + AT.dataAlignment),
    headerDigest: (dgst & DIGEST_HEADER) !== 0,
    dataDigest: (dgst & DIGEST_DATA) !== 0,
  }
}

function encode(view: DataView, offset: number, type: PduType, pdu: IcPdu, limit: number): void {
  writeCommonHeader(view, offset, type)
  view.setUint16(offset + AT.pfv, pdu.pfv, true)
  view.setUint8(offset + AT.dataAlignment, pdu.dataAlignment)
  const dgst = (pdu.headerDigest ? DIGEST_HEADER : 0) | (pdu.dataDigest ? DIGEST_DATA : 0)
  view.setUint8(offset + AT.dgst, dgst)
  view.setUint32(offset + AT.limit, limit, true)
  for (let at = AT.reserved; at < HEADER_BYTES[type]; at += 4) view.setUint32(offset + at, 0)
}

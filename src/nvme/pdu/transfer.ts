/** Data between host and controller outside of capsules, and how the controller asks for it. */
import { layout, u8, u16, u32, zero } from '../../base/layout.ts'
import { flagsOf, writeCommonHeader } from './common-header.ts'
import { PduFlag, PduType } from './types.ts'

/**
 * Host to Controller Data Transfer (H2CData) and Controller to Host Data Transfer (C2HData)
 *
 *     0 | CH, 8 bytes; HLEN 24; FLAGS: bit 2 LAST_PDU, in C2HData bit 3 SUCCESS
 *     8 | CCCID    command identifier
 *    10 | TTAG     (H2CData) transfer tag of the R2T that it answers; reserved in C2HData
 *    12 | DATAO    offset in the command's data
 *    16 | DATAL    bytes of data in this PDU
 *    20 | reserved
 *       | data at PDO
 */
export const DataHeader = layout('DataHeader', 24, {
  pduType: u8(0),
  flags: u8(1),
  hlen: u8(2),
  pdo: u8(3),
  plen: u32(4),
  cccid: u16(8),
  ttag: u16(10),
  datao: u32(12),
  datal: u32(16),
  reserved: zero(20, 4),
})
const DATA = DataHeader.at

/**
 * Ready to Transfer (R2T), controller to host
 *
 *     0 | CH, 8 bytes; HLEN 24
 *     8 | CCCID    command identifier
 *    10 | TTAG     transfer tag that the data shall carry
 *    12 | R2TO     offset in the command's data
 *    16 | R2TL     bytes that are asked for
 *    20 | reserved
 */
const R2tHeader = layout('R2tHeader', 24, {
  pduType: u8(0),
  flags: u8(1),
  hlen: u8(2),
  pdo: u8(3),
  plen: u32(4),
  cccid: u16(8),
  ttag: u16(10),
  r2to: u32(12),
  r2tl: u32(16),
  reserved: zero(20, 4),
})
const R2T = R2tHeader.at

export interface H2cData {
  readonly last: boolean
  readonly cccid: number
  readonly ttag: number
  readonly datao: number
  readonly datal: number
}

export interface C2hData {
  readonly last: boolean
  /** Only with `last`. */
  readonly success: boolean
  readonly cccid: number
  readonly datao: number
  readonly datal: number
}

export interface R2t {
  readonly cccid: number
  readonly ttag: number
  readonly r2to: number
  /** Not 0. */
  readonly r2tl: number
}

export function decodeH2cData(view: DataView, offset: number): H2cData {
  return {
    last: (flagsOf(view, offset) & PduFlag.last) !== 0,
    cccid: view.getUint16(offset + DATA.cccid, true),
    ttag: view.getUint16(offset + DATA.ttag, true),
    datao: view.getUint32(offset + DATA.datao, true),
    datal: view.getUint32(offset + DATA.datal, true),
  }
}

export function decodeC2hData(view: DataView, offset: number): C2hData {
  const flags = flagsOf(view, offset)
  return {
    last: (flags & PduFlag.last) !== 0,
    success: (flags & PduFlag.success) !== 0,
    cccid: view.getUint16(offset + DATA.cccid, true),
    datao: view.getUint32(offset + DATA.datao, true),
    datal: view.getUint32(offset + DATA.datal, true),
  }
}

export function decodeR2t(view: DataView, offset: number): R2t {
  return {
    cccid: view.getUint16(offset + R2T.cccid, true),
    ttag: view.getUint16(offset + R2T.ttag, true),
    r2to: view.getUint32(offset + R2T.r2to, true),
    r2tl: view.getUint32(offset + R2T.r2tl, true),
  }
}

export function encodeH2cData(view: DataView, offset: number, pdu: H2cData): void {
  writeCommonHeader(view, offset, PduType.h2cData, pdu.last ? PduFlag.last : 0)
  writeTransfer(view, offset, pdu.cccid, pdu.ttag, pdu.datao, pdu.datal)
}

export function encodeC2hData(view: DataView, offset: number, pdu: C2hData): void {
  const flags = (pdu.last ? PduFlag.last : 0) | (pdu.success ? PduFlag.success : 0)
  writeCommonHeader(view, offset, PduType.c2hData, flags)
  writeTransfer(view, offset, pdu.cccid, 0, pdu.datao, pdu.datal)
}

export function encodeR2t(view: DataView, offset: number, pdu: R2t): void {
  writeCommonHeader(view, offset, PduType.r2t)
  writeTransfer(view, offset, pdu.cccid, pdu.ttag, pdu.r2to, pdu.r2tl)
}

/** Bytes 8 to 23, which are alike in the three. */
function writeTransfer(
  view: DataView,
  offset: number,
  cccid: number,
  ttag: number,
  from: number,
  length: number,
): void {
  view.setUint16(offset + DATA.cccid, cccid, true)
  view.setUint16(offset + DATA.ttag, ttag, true)
  view.setUint32(offset + DATA.datao, from, true)
  view.setUint32(offset + DATA.datal, length, true)
  view.setUint32(offset + DATA.reserved, 0)
}

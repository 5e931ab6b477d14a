/**
 * What every basic header segment has in common (RFC 7143 §11.2.1): opcode and I bit, the two lengths, the
 * LUN field and the Initiator Task Tag. The codecs beside this file read and write the rest.
 *
 * All numbers are big-endian. A receiver ignores reserved bits and fields (§11.1); a sender writes zeros, so
 * every encoder writes all 48 bytes and may be given a dirty buffer.
 *
 *      | 0                | 1                  | 2            | 3            |
 *    0 | . I Opcode       | F opcode-specific fields                         |
 *    4 | TotalAHSLength   | DataSegmentLength                                |
 *    8 | LUN or opcode-specific fields                                       |
 *   16 | Initiator Task Tag                                                  |
 *   20 | opcode-specific fields                                              |
 */
import { bytes, layout, u8, u24, u32 } from '../../base/layout.ts'
import type { Opcode } from './opcodes.ts'

const Bhs = layout('Bhs', 48, {
  opcode: u8(0),
  flags: bytes(1, 3),
  totalAhsLength: u8(4),
  dataSegmentLength: u24(5),
  lun: bytes(8, 8),
  initiatorTaskTag: u32(16),
  opcodeSpecific: bytes(20, 28),
})
const AT = Bhs.at

/** Byte 0: immediate delivery (§11.2.1.1). */
export const IMMEDIATE = 0x40
/** Byte 1, bit 7: the F bit of most PDUs, the T bit of a login. */
export const FINAL = 0x80
/** Byte 1, bit 6: the C bit of text and login PDUs. */
export const CONTINUE = 0x40

const OPCODE_MASK = 0x3f

/** What an encoder is given: the PDU without its opcode, which the encoder knows. */
export type Fields<Pdu> = Omit<Pdu, 'opcode'>

/** The opcode without the I bit; not necessarily one that this program knows. */
export const opcodeOf = (view: DataView, offset: number): number => view.getUint8(offset) & OPCODE_MASK

/** Bytes of the additional header segments: the field counts four-byte words (§11.2.1.5). At most 1020. */
export const totalAhsBytes = (view: DataView, offset: number): number =>
  view.getUint8(offset + AT.totalAhsLength) * 4

/** Bytes of the data segment without padding and digest (§11.2.1.6). Below 2^24. */
export const dataSegmentLength = (view: DataView, offset: number): number =>
  view.getUint32(offset + AT.totalAhsLength) & 0xff_ffff

export const initiatorTaskTag = (view: DataView, offset: number): number =>
  view.getUint32(offset + AT.initiatorTaskTag)

/** Bytes 0 to 7. `flags` is byte 1, `low` bytes 2 and 3 as one number. */
export function writeStart(
  view: DataView,
  offset: number,
  start: { opcode: Opcode; immediate?: boolean; flags: number; low?: number; dataSegmentLength?: number },
): void {
  const first = start.immediate === true ? start.opcode | IMMEDIATE : start.opcode
  view.setUint32(offset, (first << 24) | (start.flags << 16) | (start.low ?? 0))
  view.setUint32(offset + 4, start.dataSegmentLength ?? 0)
}

/** Zeros over `words` four-byte words from `offset`. */
export function writeZeroWords(view: DataView, offset: number, words: number): void {
  for (let i = 0; i < words; i++) view.setUint32(offset + 4 * i, 0)
}

/**
 * The eight bytes of a LUN field, opaque. Nearly always logical unit 0, for which no bigint is made.
 * `offset` is that of the field.
 */
export function readLun(view: DataView, offset: number): bigint {
  if (view.getUint32(offset) === 0 && view.getUint32(offset + 4) === 0) return 0n
  return view.getBigUint64(offset)
}

export function writeLun(view: DataView, offset: number, lun: bigint): void {
  if (lun === 0n) {
    view.setUint32(offset, 0)
    view.setUint32(offset + 4, 0)
  } else view.setBigUint64(offset, lun)
}

/**
 * The LUN field of logical unit `number` in [0, 16384): peripheral device addressing below 256, flat space
 * addressing above (SAM-5 §4.7).
 */
export const lunField = (number: number): bigint => BigInt(number < 256 ? number : 0x4000 | number) << 48n

/** The number in a single-level LUN field, or −1 when it addresses in another way. */
export function lunNumber(field: bigint): number {
  if (field === 0n) return 0
  if ((field & 0xffff_ffff_ffffn) !== 0n) return -1
  const first = Number(field >> 48n)
  const method = first >> 14
  if (method === 0) return first >> 8 === 0 ? first : -1
  return method === 1 ? first & 0x3fff : -1
}

/**
 * Where READ, WRITE and their kin of 6, 10, 12 and 16 bytes keep block address and length (SBC-3). The decoders
 * return numbers that need no more checks than the range: an address above 2^53 is out of every range.
 */
import { readLba64, readU16, readU24, readU32 } from '../bytes.ts'

export interface Extent {
  readonly lba: number
  readonly blocks: number
}

/** 21 bits of address; length 0 means 256 blocks. */
export const extent6 = (cdb: Uint8Array): Extent => ({
  lba: readU24(cdb, 1) & 0x1fffff,
  blocks: cdb[4] === 0 ? 256 : (cdb[4] ?? 0),
})

export const extent10 = (cdb: Uint8Array): Extent => ({ lba: readU32(cdb, 2), blocks: readU16(cdb, 7) })

export const extent12 = (cdb: Uint8Array): Extent => ({ lba: readU32(cdb, 2), blocks: readU32(cdb, 6) })

export const extent16 = (cdb: Uint8Array): Extent => ({ lba: readLba64(cdb, 2), blocks: readU32(cdb, 10) })

/** FUA, and the obsolete FUA_NV, which is no weaker here: the cache is volatile. Not for CDBs of 6 bytes. */
export const hasFua = (cdb: Uint8Array): boolean => ((cdb[1] ?? 0) & 0x0a) !== 0

export type ExtentDecoder = (cdb: Uint8Array) => Extent

/** Byte of the CDB where the transfer length begins, for the field pointer, by operation code group. */
export function lengthField(cdb: Uint8Array): number {
  switch ((cdb[0] ?? 0) >>> 5) {
    case 0:
      return 4
    case 4:
      return 10
    case 5:
      return 6
    default:
      return 7
  }
}

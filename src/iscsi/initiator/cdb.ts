/**
 * Command descriptor blocks that the initiator's block client builds (SPC-4, SBC-3), one function a command.
 * The 16-byte forms only: every target of today has them, and they reach every block.
 */
import { putU16, putU32, putU64 } from '../scsi/bytes.ts'

/** Bit 3 of byte 1 of WRITE (16) and its kin: durable before the status. */
const FUA = 0x08

function cdb16(opcode: number, flags: number, lba: number, blocks: number): Uint8Array {
  const cdb = new Uint8Array(16)
  cdb[0] = opcode
  cdb[1] = flags
  putU64(cdb, 2, lba)
  putU32(cdb, 10, blocks)
  return cdb
}

export const testUnitReady = (): Uint8Array => new Uint8Array(6)

/** `page`: a vital product data page; standard data when absent. */
export function inquiry(page: number | undefined, allocationBytes: number): Uint8Array {
  const cdb = new Uint8Array(6)
  cdb[0] = 0x12
  cdb[1] = page === undefined ? 0 : 1
  cdb[2] = page ?? 0
  putU16(cdb, 3, allocationBytes)
  return cdb
}

/** READ CAPACITY (16). */
export const readCapacity16 = (allocationBytes: number): Uint8Array => cdb16(0x9e, 0x10, 0, allocationBytes)

export function reportLuns(allocationBytes: number): Uint8Array {
  const cdb = new Uint8Array(12)
  cdb[0] = 0xa0
  putU32(cdb, 6, allocationBytes)
  return cdb
}

export const read16 = (lba: number, blocks: number, fua = false): Uint8Array =>
  cdb16(0x88, fua ? FUA : 0, lba, blocks)

export const write16 = (lba: number, blocks: number, fua = false): Uint8Array =>
  cdb16(0x8a, fua ? FUA : 0, lba, blocks)

/** SYNCHRONIZE CACHE (16) over the whole medium. */
export const synchronizeCache16 = (): Uint8Array => cdb16(0x91, 0, 0, 0)

/** WRITE SAME (16). */
export const writeSame16 = (
  lba: number,
  blocks: number,
  options: { unmap?: boolean; ndob?: boolean } = {},
): Uint8Array =>
  cdb16(0x93, (options.unmap === true ? 0x08 : 0) | (options.ndob === true ? 0x01 : 0), lba, blocks)

/** COMPARE AND WRITE of up to 255 blocks. */
export function compareAndWrite(lba: number, blocks: number, fua = false): Uint8Array {
  const cdb = cdb16(0x89, fua ? FUA : 0, lba, 0)
  cdb[13] = blocks
  return cdb
}

export function unmap(parameterBytes: number): Uint8Array {
  const cdb = new Uint8Array(10)
  cdb[0] = 0x42
  putU16(cdb, 7, parameterBytes)
  return cdb
}

/** The parameter list of UNMAP: ranges of blocks. */
export function unmapParameters(ranges: readonly { lba: number; blocks: number }[]): Uint8Array {
  const list = new Uint8Array(8 + 16 * ranges.length)
  putU16(list, 0, list.byteLength - 2)
  putU16(list, 2, list.byteLength - 8)
  ranges.forEach(({ lba, blocks }, i) => {
    putU64(list, 8 + 16 * i, lba)
    putU32(list, 16 + 16 * i, blocks)
  })
  return list
}

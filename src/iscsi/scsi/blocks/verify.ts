/**
 * VERIFY(10), (12), (16) (SBC-3). BYTCHK 00b reads the medium, 01b compares it with as many blocks sent, 11b
 * compares each block with the one sent. What the volatile cache holds goes to the medium first. Works in
 * pieces of one pooled buffer.
 */
import type { CommandHandler } from '../command.ts'
import { TRANSFER_BYTES_MAX, TRANSFER_BYTES_OPTIMAL } from '../limits.ts'
import type { LogicalUnit } from '../lun.ts'
import { SENSE } from '../sense.ts'
import { plainResult, type ScsiRequest, type ScsiResult, STATUS } from '../task.ts'
import { type Extent, type ExtentDecoder, extent10, extent12, extent16, lengthField } from './address.ts'

/** The BYTCHK field of VERIFY and WRITE AND VERIFY. */
export const byteCheck = (cdb: Uint8Array): number => ((cdb[1] ?? 0) >>> 1) & 0x03

/** Length of data out of VERIFY: none, all blocks, or one. */
export const verifyDataOut =
  (decode: ExtentDecoder) =>
  (cdb: Uint8Array, blockBytes: number): number => {
    const { blocks } = decode(cdb)
    if (blocks * blockBytes > TRANSFER_BYTES_MAX) return 0
    const check = byteCheck(cdb)
    if (check === 1) return blocks * blockBytes
    return check === 3 && blocks > 0 ? blockBytes : 0
  }

const verifier =
  (decode: ExtentDecoder): CommandHandler =>
  (unit, request) => {
    const { cdb, dataOut } = request
    const extent = decode(cdb)
    const check = byteCheck(cdb)
    if (check === 2) return unit.invalidCdb(1, 2)
    const refused = unit.refuseRange(extent.lba, extent.blocks)
    if (refused !== undefined) return refused
    const transferBytes = extent.blocks * unit.blockBytes
    if (transferBytes > TRANSFER_BYTES_MAX) return unit.invalidCdb(lengthField(cdb))
    const wantedBytes = verifyDataOut(decode)(cdb, unit.blockBytes)
    if (dataOut.byteLength < wantedBytes) {
      return unit.check(SENSE.INVALID_FIELD_IN_INFORMATION_UNIT, {}, wantedBytes)
    }
    if (extent.blocks === 0) return plainResult(STATUS.GOOD)
    return verify(unit, request, extent, wantedBytes)
  }

async function verify(
  unit: LogicalUnit,
  request: ScsiRequest,
  extent: Extent,
  dataOutBytes: number,
): Promise<ScsiResult> {
  await unit.device.flush()
  const expected = dataOutBytes === 0 ? undefined : request.dataOut.subarray(0, dataOutBytes)
  return (await verifyExtent(unit, extent, expected)) ?? plainResult(STATUS.GOOD, dataOutBytes)
}

export const verify10 = verifier(extent10)
export const verify12 = verifier(extent12)
export const verify16 = verifier(extent16)

/**
 * Reads the extent and compares it with `expected`, which is as long as the extent or one block that every
 * block has to equal; without it only reads. Returns MISCOMPARE, or nothing.
 */
export function verifyExtent(
  unit: LogicalUnit,
  extent: Extent,
  expected: Uint8Array | undefined,
): Promise<ScsiResult | undefined> {
  const start = extent.lba * unit.blockBytes
  const end = start + extent.blocks * unit.blockBytes
  return unit.atomicRanges.read(start, end, () => compareExtent(unit, extent, expected))
}

async function compareExtent(
  unit: LogicalUnit,
  { lba, blocks }: Extent,
  expected: Uint8Array | undefined,
): Promise<ScsiResult | undefined> {
  const { device, pool, blockBytes } = unit
  const totalBytes = blocks * blockBytes
  const buffer = pool.acquire(Math.min(totalBytes, TRANSFER_BYTES_OPTIMAL))
  try {
    for (let doneBytes = 0; doneBytes < totalBytes; doneBytes += buffer.byteLength) {
      const piece = buffer.subarray(0, Math.min(buffer.byteLength, totalBytes - doneBytes))
      const offsetBytes = lba * blockBytes + doneBytes
      if (!device.readNow(offsetBytes, piece)) await device.read(offsetBytes, piece)
      if (expected === undefined) continue
      const isEqual =
        expected.byteLength === totalBytes
          ? Buffer.compare(piece, expected.subarray(doneBytes, doneBytes + piece.byteLength)) === 0
          : repeats(piece, expected)
      if (!isEqual) return unit.check(SENSE.MISCOMPARE, {}, expected.byteLength)
    }
    return undefined
  } finally {
    pool.release(buffer)
  }
}

function repeats(piece: Uint8Array, block: Uint8Array): boolean {
  for (let at = 0; at < piece.byteLength; at += block.byteLength) {
    if (Buffer.compare(piece.subarray(at, at + block.byteLength), block) !== 0) return false
  }
  return true
}

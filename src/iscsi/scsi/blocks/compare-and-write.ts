/**
 * COMPARE AND WRITE (SBC-3): data out is the blocks to compare, then as many to write. Atomic in the device. A
 * mismatch is told with the offset of its first byte in the INFORMATION field.
 */
import type { CommandHandler } from '../command.ts'
import { COMPARE_BLOCKS_MAX } from '../limits.ts'
import type { LogicalUnit } from '../lun.ts'
import { SENSE } from '../sense.ts'
import { GOOD, plainResult, type ScsiRequest, type ScsiResult, STATUS } from '../task.ts'
import { type Extent, type ExtentDecoder, extent16, hasFua } from './address.ts'

/** NUMBER OF LOGICAL BLOCKS has 8 bits: a host that wants 256 blocks asks for none and sends data for 256. */
const NUMBER_OF_BLOCKS_AT = 13

const compareExtent: ExtentDecoder = (cdb) => ({
  lba: extent16(cdb).lba,
  blocks: cdb[NUMBER_OF_BLOCKS_AT] ?? 0,
})

export function compareDataOut(cdb: Uint8Array, blockBytes: number): number {
  const { blocks } = compareExtent(cdb)
  return blocks > COMPARE_BLOCKS_MAX ? 0 : 2 * blocks * blockBytes
}

export const compareAndWrite: CommandHandler = (unit, request) => {
  const extent = compareExtent(request.cdb)
  const refused = unit.refuseRange(extent.lba, extent.blocks) ?? unit.refuseWrite()
  if (refused !== undefined) return refused
  const wantedBytes = compareDataOut(request.cdb, unit.blockBytes)
  const isExact = request.dataOutLengthExpected === wantedBytes && request.dataOut.byteLength === wantedBytes
  if (extent.blocks > COMPARE_BLOCKS_MAX || !isExact) return unit.invalidCdb(NUMBER_OF_BLOCKS_AT)
  return extent.blocks === 0 ? GOOD : compare(unit, request, extent)
}

async function compare(
  unit: LogicalUnit,
  request: ScsiRequest,
  { lba, blocks }: Extent,
): Promise<ScsiResult> {
  const { dataOut } = request
  const lengthBytes = blocks * unit.blockBytes
  const result = await unit.device.compareAndWrite(
    lba * unit.blockBytes,
    dataOut.subarray(0, lengthBytes),
    dataOut.subarray(lengthBytes, 2 * lengthBytes),
    unit.writeOptions(request, hasFua(request.cdb)),
  )
  return result.equal
    ? plainResult(STATUS.GOOD, 2 * lengthBytes)
    : unit.check(SENSE.MISCOMPARE, { information: result.mismatchOffsetBytes }, 2 * lengthBytes)
}

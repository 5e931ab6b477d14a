/**
 * READ(6), (10), (12), (16) (SBC-3). A read gets one buffer of its length from the pool; when the device has the
 * bytes at hand the result is there at once. Where the initiator takes less than the command asks for, only
 * what it takes is read, though the whole range has to be on the medium. A read that waits for the disk keeps apart
 * from atomic writes.
 */
import type { CommandHandler } from '../command.ts'
import { TRANSFER_BYTES_MAX } from '../limits.ts'
import type { LogicalUnit } from '../lun.ts'
import { plainResult, type ScsiResult, STATUS } from '../task.ts'
import { type ExtentDecoder, extent6, extent10, extent12, extent16, hasFua, lengthField } from './address.ts'

const reader =
  (decode: ExtentDecoder): CommandHandler =>
  (unit, request) => {
    const { lba, blocks } = decode(request.cdb)
    const refused = unit.refuseRange(lba, blocks)
    if (refused !== undefined) return refused
    const transferBytes = blocks * unit.blockBytes
    if (transferBytes > TRANSFER_BYTES_MAX) return unit.invalidCdb(lengthField(request.cdb))
    const takenBytes = Math.min(transferBytes, request.dataInLengthMax)
    if (takenBytes === 0) return plainResult(STATUS.GOOD, transferBytes)
    return hasFua(request.cdb) && request.cdb[0] !== 0x08
      ? readFromMedium(unit, lba, takenBytes, transferBytes)
      : readBlocks(unit, lba, takenBytes, transferBytes)
  }

export const read6 = reader(extent6)
export const read10 = reader(extent10)
export const read12 = reader(extent12)
export const read16 = reader(extent16)

/** FUA: what the volatile cache holds of the range goes to the medium first. */
async function readFromMedium(
  unit: LogicalUnit,
  lba: number,
  takenBytes: number,
  transferBytes: number,
): Promise<ScsiResult> {
  await unit.device.flush()
  return readBlocks(unit, lba, takenBytes, transferBytes)
}

function readBlocks(
  unit: LogicalUnit,
  lba: number,
  takenBytes: number,
  transferBytes: number,
): ScsiResult | Promise<ScsiResult> {
  const { device, pool, blockBytes } = unit
  const offsetBytes = lba * blockBytes
  const buffer = pool.acquire(Math.ceil(takenBytes / blockBytes) * blockBytes)
  const release = (): void => pool.release(buffer)
  try {
    if (device.readNow(offsetBytes, buffer)) return dataResult(buffer, release, takenBytes, transferBytes)
  } catch (error) {
    release()
    throw error
  }
  const read = (): Promise<void> => device.read(offsetBytes, buffer)
  return unit.atomicRanges.read(offsetBytes, offsetBytes + buffer.byteLength, read).then(
    () => dataResult(buffer, release, takenBytes, transferBytes),
    (error) => {
      release()
      throw error
    },
  )
}

const dataResult = (
  buffer: Uint8Array,
  release: () => void,
  takenBytes: number,
  transferLengthBytes: number,
): ScsiResult => ({
  status: STATUS.GOOD,
  sense: undefined,
  dataIn: takenBytes === buffer.byteLength ? buffer : buffer.subarray(0, takenBytes),
  release,
  transferLengthBytes,
})

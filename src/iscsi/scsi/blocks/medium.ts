/**
 * Commands on the medium as a whole: TEST UNIT READY, READ CAPACITY, SYNCHRONIZE CACHE, PRE-FETCH, READ DEFECT
 * DATA, START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL (SPC-4, SBC-3).
 */
import { putU32, putU64, readU16, readU32 } from '../bytes.ts'
import type { CommandHandler, ConflictClass } from '../command.ts'
import { PHYSICAL_BLOCK_BYTES, TRANSFER_BYTES_MAX, TRANSFER_BYTES_OPTIMAL } from '../limits.ts'
import type { LogicalUnit } from '../lun.ts'
import { GOOD, plainResult, type ScsiResult, STATUS } from '../task.ts'
import { type ExtentDecoder, extent10, extent16 } from './address.ts'

export const testUnitReady: CommandHandler = () => GOOD

/** The last address, all ones when 32 bits do not suffice: then READ CAPACITY(16) tells. */
export const readCapacity10: CommandHandler = (unit, request) => {
  const data = new Uint8Array(8)
  putU32(data, 0, Math.min(unit.capacityBlocks - 1, 0xffffffff))
  putU32(data, 4, unit.blockBytes)
  return unit.dataIn(request, data, data.byteLength)
}

export const readCapacity16: CommandHandler = (unit, request) => {
  const data = new Uint8Array(32)
  putU64(data, 0, unit.capacityBlocks - 1)
  putU32(data, 8, unit.blockBytes)
  data[13] = Math.log2(PHYSICAL_BLOCK_BYTES / unit.blockBytes)
  data[14] = 0xc0 // LBPME, LBPRZ; lowest aligned address 0
  return unit.dataIn(request, data, readU32(request.cdb, 10))
}

/**
 * Everything acknowledged before is durable when it ends, whatever range was named. IMMED asks for an early
 * status; it comes when the data is safe all the same, so that no failure has to be reported later.
 */
const cacheSynchronizer =
  (decode: ExtentDecoder): CommandHandler =>
  (unit, request) => {
    const { lba, blocks } = decode(request.cdb)
    return unit.refuseRange(lba, blocks) ?? flush(unit)
  }

async function flush(unit: LogicalUnit): Promise<ScsiResult> {
  await unit.device.flush()
  return GOOD
}

export const synchronizeCache10 = cacheSynchronizer(extent10)
export const synchronizeCache16 = cacheSynchronizer(extent16)

/**
 * Reads blocks into the page cache; no blocks means all to the end. CONDITION MET tells that all of them were
 * read, GOOD that only the first of them were.
 */
const prefetcher =
  (decode: ExtentDecoder): CommandHandler =>
  (unit, request) => {
    const { lba, blocks } = decode(request.cdb)
    const refused = unit.refuseRange(lba, blocks)
    if (refused !== undefined) return refused
    const wantedBlocks = blocks === 0 ? unit.capacityBlocks - lba : blocks
    return prefetch(unit, lba * unit.blockBytes, wantedBlocks * unit.blockBytes)
  }

async function prefetch(unit: LogicalUnit, offsetBytes: number, wantedBytes: number): Promise<ScsiResult> {
  const { device, pool } = unit
  const totalBytes = Math.min(wantedBytes, TRANSFER_BYTES_MAX)
  if (totalBytes === 0) return plainResult(STATUS.CONDITION_MET)
  const buffer = pool.acquire(Math.min(totalBytes, TRANSFER_BYTES_OPTIMAL))
  try {
    for (let doneBytes = 0; doneBytes < totalBytes; doneBytes += buffer.byteLength) {
      const piece = buffer.subarray(0, Math.min(buffer.byteLength, totalBytes - doneBytes))
      if (!device.readNow(offsetBytes + doneBytes, piece)) await device.read(offsetBytes + doneBytes, piece)
    }
  } finally {
    pool.release(buffer)
  }
  return plainResult(totalBytes === wantedBytes ? STATUS.CONDITION_MET : STATUS.GOOD)
}

export const prefetch10 = prefetcher(extent10)
export const prefetch16 = prefetcher(extent16)

/** PLIST, GLIST and format as asked for; formats 110b and 111b are the vendor's and reserved. */
const isDefectFormat = (flags: number): boolean => (flags & 0x07) < 6

/** There are no defects: both lists are valid and empty. */
export const readDefectData10: CommandHandler = (unit, request) => {
  const flags = request.cdb[2] ?? 0
  if (!isDefectFormat(flags)) return unit.invalidCdb(2, 2)
  return unit.dataIn(request, Uint8Array.of(0, flags & 0x1f, 0, 0), readU16(request.cdb, 7))
}

export const readDefectData12: CommandHandler = (unit, request) => {
  const flags = request.cdb[1] ?? 0
  if (!isDefectFormat(flags)) return unit.invalidCdb(1, 2)
  return unit.dataIn(request, Uint8Array.of(0, flags & 0x1f, 0, 0, 0, 0, 0, 0), readU32(request.cdb, 6))
}

/**
 * A stop makes everything durable and is otherwise without effect: the volume has nothing to spin down, and one
 * host that shuts down must not take it from the others. There is no medium to load, and no power condition.
 */
export const startStopUnit: CommandHandler = (unit, request) => {
  const flags = request.cdb[4] ?? 0
  const powerCondition = flags >>> 4
  if (powerCondition !== 0) return unit.invalidCdb(4, 7)
  const isLoadEject = (flags & 0x02) !== 0
  if (isLoadEject) return unit.invalidCdb(4, 1)
  const isStop = (flags & 0x01) === 0
  const noFlush = (flags & 0x04) !== 0
  return isStop && !noFlush ? flush(unit) : GOOD
}

export const startStopConflicts = (cdb: Uint8Array): ConflictClass =>
  ((cdb[4] ?? 0) & 0xf1) === 0x01 ? 'never' : 'write'

/** The medium cannot be removed; preventing it is granted and changes nothing. */
export const preventAllowMediumRemoval: CommandHandler = () => GOOD

export const preventAllowConflicts = (cdb: Uint8Array): ConflictClass =>
  ((cdb[4] ?? 0) & 0x03) === 0 ? 'never' : 'write'

/**
 * EXTENDED COPY(LID1) (SPC-4) within the volume: source and destination are both this logical unit, named by a
 * designator of VPD page 83h; no other unit can be reached, so none can be read by way of this one. Copies while
 * the command runs, segment by segment, in pieces through one pooled buffer; each piece is a write like any other.
 */
import { isBlockError } from '../../../base/errors.ts'
import { readU32 } from '../bytes.ts'
import type { CommandHandler } from '../command.ts'
import { isDesignatorOf } from '../inquiry/designators.ts'
import { COPIES_MAX, COPY_SEGMENT_BYTES_MAX, TRANSFER_BYTES_OPTIMAL } from '../limits.ts'
import type { LogicalUnit } from '../lun.ts'
import { SENSE, type Sense } from '../sense.ts'
import { GOOD, plainResult, type ScsiRequest, type ScsiResult, STATUS } from '../task.ts'
import { type CopyList, type CopySegment, DESCRIPTORS_BYTES_MAX, parseCopyList } from './parameter-list.ts'
import type { CopyProgress } from './results.ts'

/** A list far beyond the advertised length is refused without being fetched. */
const LIST_BYTES_MAX = 4 * DESCRIPTORS_BYTES_MAX

export function extendedCopyDataOut(cdb: Uint8Array): number {
  const listBytes = readU32(cdb, 10)
  return listBytes > LIST_BYTES_MAX ? 0 : listBytes
}

export const extendedCopy: CommandHandler = (unit, request) => {
  const listBytes = readU32(request.cdb, 10)
  if (listBytes === 0) return GOOD
  if (listBytes > LIST_BYTES_MAX || request.dataOut.byteLength < listBytes) {
    return unit.check(SENSE.PARAMETER_LIST_LENGTH_ERROR)
  }
  const list = parseCopyList(unit, request.dataOut.subarray(0, listBytes))
  if ('status' in list) return list
  const refused = unit.refuseWrite()
  if (refused !== undefined) return refused
  const { copies } = unit
  if (copies.active >= COPIES_MAX) return plainResult(STATUS.BUSY, listBytes)
  const progress = copies.begin(request.nexus, list.listId)
  if (progress === undefined) return unit.check(SENSE.OPERATION_IN_PROGRESS)
  return copyAll(unit, request, list, progress)
}

/**
 * Once something was copied, an error of the device ends the copy as aborted: the host does the rest itself, and
 * does not repeat a copy whose source may be its own destination.
 */
async function copyAll(
  unit: LogicalUnit,
  request: ScsiRequest,
  list: CopyList,
  progress: CopyProgress,
): Promise<ScsiResult> {
  try {
    for (const [index, segment] of list.segments.entries()) {
      const refused = refuseSegment(unit, list, segment)
      if (refused !== undefined) return unit.check(refused, { commandSpecific: index })
      try {
        await copySegment(unit, request, segment, progress)
      } catch (error) {
        if (progress.copiedBytes === 0 || !isBlockError(error)) throw error
        return unit.check(SENSE.THIRD_PARTY_DEVICE_FAILURE, { commandSpecific: index })
      }
      progress.segments++
    }
    progress.state = 'completed'
    return plainResult(STATUS.GOOD, request.dataOut.byteLength)
  } finally {
    unit.copies.end(progress)
  }
}

/** Why a segment cannot be processed. */
function refuseSegment(unit: LogicalUnit, { cscds }: CopyList, segment: CopySegment): Sense | undefined {
  for (const index of [segment.source, segment.destination]) {
    const cscd = cscds[index]
    if (cscd === undefined || cscd.isNull) return SENSE.UNREACHABLE_COPY_TARGET
    if (cscd.deviceType !== 0) return SENSE.INCORRECT_COPY_TARGET_DEVICE_TYPE
    if (!isDesignatorOf(unit, cscd)) return SENSE.UNREACHABLE_COPY_TARGET
    if (cscd.blockBytes !== unit.blockBytes) return SENSE.COPY_INVALID_FIELD
  }
  const { blocks, sourceLba, destinationLba } = segment
  if (Math.max(sourceLba, destinationLba) + blocks > unit.capacityBlocks) return SENSE.COPY_ABORTED
  return blocks * unit.blockBytes > COPY_SEGMENT_BYTES_MAX ? SENSE.COPY_INVALID_FIELD : undefined
}

/** No atomic write to the source comes between the pieces. */
async function copySegment(
  unit: LogicalUnit,
  request: ScsiRequest,
  segment: CopySegment,
  progress: CopyProgress,
): Promise<void> {
  if (segment.blocks === 0) return
  const start = segment.sourceLba * unit.blockBytes
  const end = start + segment.blocks * unit.blockBytes
  await unit.atomicRanges.read(start, end, () => copyBlocks(unit, request, segment, progress))
}

/** From the end where the destination lies behind the source, so that an overlap is copied right. */
async function copyBlocks(
  unit: LogicalUnit,
  request: ScsiRequest,
  { blocks, sourceLba, destinationLba }: CopySegment,
  progress: CopyProgress,
): Promise<void> {
  const { device, pool, blockBytes } = unit
  const totalBytes = blocks * blockBytes
  const options = unit.writeOptions(request, false)
  const isBackward = destinationLba > sourceLba
  const buffer = pool.acquire(Math.min(totalBytes, TRANSFER_BYTES_OPTIMAL))
  try {
    for (let doneBytes = 0; doneBytes < totalBytes; ) {
      const piece = buffer.subarray(0, Math.min(buffer.byteLength, totalBytes - doneBytes))
      const atBytes = isBackward ? totalBytes - doneBytes - piece.byteLength : doneBytes
      const sourceBytes = sourceLba * blockBytes + atBytes
      if (!device.readNow(sourceBytes, piece)) await device.read(sourceBytes, piece)
      await device.write(destinationLba * blockBytes + atBytes, piece, options)
      doneBytes += piece.byteLength
      progress.copiedBytes += piece.byteLength
    }
  } finally {
    pool.release(buffer)
  }
}

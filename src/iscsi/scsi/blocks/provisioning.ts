/**
 * UNMAP, WRITE SAME(10) and (16), GET LBA STATUS (SBC-3). Deallocated blocks read as zeros (LBPRZ), so zeros
 * with the UNMAP bit are deallocated, and without it written as a range; anchoring is not supported.
 */
import { isZero } from '../../../base/binary.ts'
import type { AllocationRun } from '../../../base/ports/block-device.ts'
import { putU32, putU64, readLba64, readU16, readU32 } from '../bytes.ts'
import type { CommandHandler } from '../command.ts'
import {
  LBA_STATUS_BYTES_MAX,
  LBA_STATUS_CALLS_MAX,
  LBA_STATUS_DESCRIPTORS_MAX,
  UNMAP_DESCRIPTORS_MAX,
  WRITE_SAME_BYTES_MAX,
} from '../limits.ts'
import type { LogicalUnit } from '../lun.ts'
import { SENSE } from '../sense.ts'
import { GOOD, plainResult, type ScsiRequest, type ScsiResult, STATUS } from '../task.ts'
import { type Extent, type ExtentDecoder, extent10, extent16, lengthField } from './address.ts'

const UNMAP_HEADER_BYTES = 8
const UNMAP_DESCRIPTOR_BYTES = 16
const STATUS_HEADER_BYTES = 8
const STATUS_DESCRIPTOR_BYTES = 16
const PROVISIONING_STATUS = { MAPPED: 0, DEALLOCATED: 1 } as const

export const unmapDataOut = (cdb: Uint8Array): number => readU16(cdb, 7)

/** All descriptors are checked before the first range is deallocated. */
export const unmap: CommandHandler = (unit, request) => {
  const { cdb, dataOut } = request
  if (((cdb[1] ?? 0) & 0x01) !== 0) return unit.invalidCdb(1, 0) // ANCHOR
  const listBytes = unmapDataOut(cdb)
  if (listBytes === 0) return GOOD
  if (listBytes < UNMAP_HEADER_BYTES || dataOut.byteLength < listBytes) {
    return unit.check(SENSE.PARAMETER_LIST_LENGTH_ERROR, {}, listBytes)
  }
  const refused = unit.refuseWrite()
  if (refused !== undefined) return refused
  // a descriptor that is cut off, by its own length field or by the list, is ignored
  const givenBytes = Math.min(readU16(dataOut, 2), listBytes - UNMAP_HEADER_BYTES)
  const count = Math.floor(givenBytes / UNMAP_DESCRIPTOR_BYTES)
  if (count > UNMAP_DESCRIPTORS_MAX) return unit.invalidParameter(2)
  const extents: Extent[] = []
  for (let i = 0; i < count; i++) {
    const at = UNMAP_HEADER_BYTES + i * UNMAP_DESCRIPTOR_BYTES
    const extent = { lba: readLba64(dataOut, at), blocks: readU32(dataOut, at + 8) }
    const outside = unit.refuseRange(extent.lba, extent.blocks)
    if (outside !== undefined) return outside
    if (extent.blocks > 0) extents.push(extent)
  }
  return extents.length === 0 ? plainResult(STATUS.GOOD, listBytes) : unmapAll(unit, request, extents)
}

async function unmapAll(
  unit: LogicalUnit,
  request: ScsiRequest,
  extents: readonly Extent[],
): Promise<ScsiResult> {
  const options = unit.writeOptions(request, false)
  for (const { lba, blocks } of extents) {
    await unit.device.trim(lba * unit.blockBytes, blocks * unit.blockBytes, options)
  }
  return plainResult(STATUS.GOOD, unmapDataOut(request.cdb))
}

const hasNoData = (cdb: Uint8Array): boolean => cdb[0] === 0x93 && ((cdb[1] ?? 0) & 0x01) !== 0

/** One block, none with NDOB. */
export const writeSameDataOut = (cdb: Uint8Array, blockBytes: number): number =>
  hasNoData(cdb) ? 0 : blockBytes

const sameWriter =
  (decode: ExtentDecoder): CommandHandler =>
  (unit, request) => {
    const { cdb } = request
    if (((cdb[1] ?? 0) & 0x10) !== 0) return unit.invalidCdb(1, 4) // ANCHOR
    const { lba, blocks } = decode(cdb)
    // no blocks: all to the end of the medium (WSNZ 0), where at least one has to be
    const refused = unit.refuseRange(lba, Math.max(1, blocks)) ?? unit.refuseWrite()
    if (refused !== undefined) return refused
    const extent = { lba, blocks: blocks === 0 ? unit.capacityBlocks - lba : blocks }
    if (extent.blocks * unit.blockBytes > WRITE_SAME_BYTES_MAX) return unit.invalidCdb(lengthField(cdb))
    const wantedBytes = writeSameDataOut(cdb, unit.blockBytes)
    const isExact =
      hasNoData(cdb) ||
      (request.dataOutLengthExpected === wantedBytes && request.dataOut.byteLength === wantedBytes)
    if (!isExact) return unit.check(SENSE.INVALID_FIELD_IN_INFORMATION_UNIT, {}, wantedBytes)
    return writeSame(unit, request, extent, wantedBytes)
  }

export const writeSame10 = sameWriter(extent10)
export const writeSame16 = sameWriter(extent16)

async function writeSame(
  unit: LogicalUnit,
  request: ScsiRequest,
  { lba, blocks }: Extent,
  wantedBytes: number,
): Promise<ScsiResult> {
  const { device, blockBytes } = unit
  const offsetBytes = lba * blockBytes
  const lengthBytes = blocks * blockBytes
  const pattern = request.dataOut.subarray(0, wantedBytes)
  const options = unit.writeOptions(request, false)
  const isUnmap = ((request.cdb[1] ?? 0) & 0x08) !== 0
  if (!isZero(pattern)) await device.writeSame(offsetBytes, lengthBytes, pattern, options)
  else if (isUnmap) await device.trim(offsetBytes, lengthBytes, options)
  else await device.writeZeroes(offsetBytes, lengthBytes, options)
  return plainResult(STATUS.GOOD, wantedBytes)
}

/** At least one descriptor, as many as fit; the host asks again from where the last one ends. */
export const getLbaStatus: CommandHandler = (unit, request) => {
  const lba = readLba64(request.cdb, 2)
  return lba >= unit.capacityBlocks ? unit.check(SENSE.LBA_OUT_OF_RANGE) : lbaStatus(unit, request, lba)
}

/** As many runs as the limits allow, from several answers of the device, which may each cover a part. */
async function allocation(
  { device }: LogicalUnit,
  offsetBytes: number,
  { lengthBytes, runsMax }: { lengthBytes: number; runsMax: number },
): Promise<AllocationRun[]> {
  const runs: AllocationRun[] = []
  const end = offsetBytes + lengthBytes
  for (let at = offsetBytes, calls = 0; at < end && calls < LBA_STATUS_CALLS_MAX; calls++) {
    const more = await device.allocation(at, end - at, runsMax - runs.length + 1)
    for (const run of more) {
      const last = runs.at(-1)
      if (last?.mapped === run.mapped) {
        runs[runs.length - 1] = { ...last, lengthBytes: last.lengthBytes + run.lengthBytes }
      } else if (runs.length === runsMax) return runs
      else runs.push(run)
      at = run.offsetBytes + run.lengthBytes
    }
  }
  return runs
}

async function lbaStatus(unit: LogicalUnit, request: ScsiRequest, lba: number): Promise<ScsiResult> {
  const { device, blockBytes } = unit
  const allocationLength = readU32(request.cdb, 10)
  const fitting = Math.floor((allocationLength - STATUS_HEADER_BYTES) / STATUS_DESCRIPTOR_BYTES)
  const offsetBytes = lba * blockBytes
  const lengthBytes = Math.min(device.sizeBytes - offsetBytes, LBA_STATUS_BYTES_MAX)
  const runs = await allocation(unit, offsetBytes, {
    lengthBytes,
    runsMax: Math.min(Math.max(fitting, 1), LBA_STATUS_DESCRIPTORS_MAX),
  })
  const data = new Uint8Array(STATUS_HEADER_BYTES + runs.length * STATUS_DESCRIPTOR_BYTES)
  putU32(data, 0, data.byteLength - 4)
  for (const [i, run] of runs.entries()) {
    const at = STATUS_HEADER_BYTES + i * STATUS_DESCRIPTOR_BYTES
    putU64(data, at, run.offsetBytes / blockBytes)
    putU32(data, at + 8, run.lengthBytes / blockBytes)
    data[at + 12] = run.mapped ? PROVISIONING_STATUS.MAPPED : PROVISIONING_STATUS.DEALLOCATED
  }
  return unit.dataIn(request, data, allocationLength)
}

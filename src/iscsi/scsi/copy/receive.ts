/**
 * RECEIVE COPY STATUS(LID1) and RECEIVE COPY OPERATING PARAMETERS (SPC-4), and the Third-party Copy VPD page,
 * which tells the same limits.
 */
import { MIB } from '../../../base/units.ts'
import { putU16, putU32, readU32 } from '../bytes.ts'
import type { CommandHandler } from '../command.ts'
import { COPIES_MAX, COPY_CSCDS_MAX, COPY_SEGMENT_BYTES_MAX, COPY_SEGMENTS_MAX } from '../limits.ts'
import { CSCD_TYPE, DESCRIPTORS_BYTES_MAX, SEGMENT_TYPE } from './parameter-list.ts'

const LIST_ID_AT = 2
const COPY_STATUS = { running: 0, completed: 1, failed: 2 } as const
const UNITS = { BYTES: 0, MIB: 2 } as const
const IMPLEMENTED = [SEGMENT_TYPE, CSCD_TYPE]

const allocationLength = (cdb: Uint8Array): number => readU32(cdb, 10)

export const receiveCopyStatus: CommandHandler = (unit, request) => {
  const { cdb, nexus } = request
  const progress = unit.copies.find(nexus, cdb[LIST_ID_AT] ?? 0)
  if (progress === undefined) return unit.invalidCdb(LIST_ID_AT)
  const fitsBytes = progress.copiedBytes <= 0xffffffff
  const data = new Uint8Array(12)
  putU32(data, 0, data.byteLength - 4)
  data[4] = COPY_STATUS[progress.state]
  putU16(data, 5, progress.segments)
  data[7] = fitsBytes ? UNITS.BYTES : UNITS.MIB
  putU32(data, 8, fitsBytes ? progress.copiedBytes : Math.floor(progress.copiedBytes / MIB))
  return unit.dataIn(request, data, allocationLength(cdb))
}

export const receiveCopyOperatingParameters: CommandHandler = (unit, request) => {
  const data = new Uint8Array(44 + IMPLEMENTED.length)
  putU32(data, 0, data.byteLength - 4)
  data[4] = 0x01 // SNLID: a copy needs no list identifier
  putU16(data, 8, COPY_CSCDS_MAX)
  putU16(data, 10, COPY_SEGMENTS_MAX)
  putU32(data, 12, DESCRIPTORS_BYTES_MAX)
  putU32(data, 16, COPY_SEGMENT_BYTES_MAX)
  putU16(data, 34, COPIES_MAX)
  data[36] = COPIES_MAX
  data[37] = Math.log2(unit.blockBytes) // DATA SEGMENT GRANULARITY
  data[43] = IMPLEMENTED.length
  data.set(IMPLEMENTED, 44)
  return unit.dataIn(request, data, allocationLength(request.cdb))
}

/**
 * Body of VPD page 8Fh: third-party copy descriptors for the commands, their parameter data, the descriptors
 * that EXTENDED COPY takes, and its limits.
 */
export function thirdPartyCopyPage(unit: { readonly blockBytes: number }): Uint8Array {
  // Supported Commands: each with its service actions
  const commands = Uint8Array.of(0, 1, 0, 8, 7, 0x83, 1, 0x00, 0x84, 2, 0x00, 0x03)
  const parameters = new Uint8Array(32) // Parameter Data
  putU16(parameters, 0, 0x0004)
  putU16(parameters, 2, parameters.byteLength - 4)
  putU16(parameters, 8, COPY_CSCDS_MAX)
  putU16(parameters, 10, COPY_SEGMENTS_MAX)
  putU32(parameters, 12, DESCRIPTORS_BYTES_MAX)
  const descriptors = Uint8Array.of(0, 8, 0, 4, IMPLEMENTED.length, ...IMPLEMENTED, 0)
  const general = new Uint8Array(36) // General Copy Operations
  putU16(general, 0, 0x8001)
  putU16(general, 2, general.byteLength - 4)
  putU32(general, 4, COPIES_MAX)
  putU32(general, 8, COPIES_MAX)
  putU32(general, 12, COPY_SEGMENT_BYTES_MAX)
  general[16] = Math.log2(unit.blockBytes)
  const parts = [commands, parameters, descriptors, general]
  const body = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    body.set(part, at)
    at += part.byteLength
  }
  return body
}

/**
 * The parameter list of EXTENDED COPY(LID1) (SPC-4): a header, CSCD descriptors (copy source and copy
 * destination) of 32 bytes, segment descriptors of 28 bytes. Of each kind the one that copies between block
 * devices is supported: identification descriptor E4h, block to block 02h.
 */
import { readLba64, readU16, readU24, readU32 } from '../bytes.ts'
import { COPY_CSCDS_MAX, COPY_SEGMENTS_MAX } from '../limits.ts'
import type { LogicalUnit } from '../lun.ts'
import { SENSE } from '../sense.ts'
import type { ScsiResult } from '../task.ts'

const HEADER_BYTES = 16
const CSCD_BYTES = 32
const SEGMENT_BYTES = 28
export const CSCD_TYPE = 0xe4
export const SEGMENT_TYPE = 0x02
export const DESCRIPTORS_BYTES_MAX = COPY_CSCDS_MAX * CSCD_BYTES + COPY_SEGMENTS_MAX * SEGMENT_BYTES
/** 10b keeps no result, 11b has no list identifier either. */
const LIST_ID_USAGE = { HOLD: 0, RESERVED: 1, DISCARD: 2, NONE: 3 } as const

export interface CopySegment {
  readonly source: number
  readonly destination: number
  readonly blocks: number
  readonly sourceLba: number
  readonly destinationLba: number
}

/** What a CSCD descriptor says of its logical unit. */
interface Cscd {
  readonly isNull: boolean
  readonly deviceType: number
  readonly codeSet: number
  readonly association: number
  readonly designatorType: number
  readonly designator: Uint8Array
  readonly blockBytes: number
}

export interface CopyList {
  /** Under which the result is kept; undefined when nobody will ask. */
  readonly listId: number | undefined
  readonly cscds: readonly Cscd[]
  readonly segments: readonly CopySegment[]
}

/** Parses and checks `list`, of the length that the CDB gave; a result refuses it. */
export function parseCopyList(unit: LogicalUnit, list: Uint8Array): CopyList | ScsiResult {
  if (list.byteLength < HEADER_BYTES) return unit.check(SENSE.PARAMETER_LIST_LENGTH_ERROR)
  const usage = ((list[1] ?? 0) >>> 3) & 0x03
  const cscdsBytes = readU16(list, 2)
  const segmentsBytes = readU32(list, 8)
  const descriptorsBytes = cscdsBytes + segmentsBytes
  if (usage === LIST_ID_USAGE.RESERVED) return unit.invalidParameter(1, 4)
  if (usage === LIST_ID_USAGE.NONE && list[0] !== 0) return unit.invalidParameter(0)
  if (readU32(list, 12) !== 0) return unit.check(SENSE.INLINE_DATA_LENGTH_EXCEEDED)
  if (descriptorsBytes > DESCRIPTORS_BYTES_MAX || HEADER_BYTES + descriptorsBytes > list.byteLength) {
    return unit.check(SENSE.PARAMETER_LIST_LENGTH_ERROR)
  }
  const segmentsAt = HEADER_BYTES + cscdsBytes
  const cscds = parseCscds(unit, list, segmentsAt)
  if (!Array.isArray(cscds)) return cscds
  const segments = parseSegments(unit, list, segmentsAt, segmentsAt + segmentsBytes)
  if (!Array.isArray(segments)) return segments
  return { listId: usage === LIST_ID_USAGE.HOLD ? list[0] : undefined, cscds, segments }
}

function parseCscds(unit: LogicalUnit, list: Uint8Array, end: number): Cscd[] | ScsiResult {
  if ((end - HEADER_BYTES) % CSCD_BYTES !== 0) return unit.invalidParameter(2)
  if ((end - HEADER_BYTES) / CSCD_BYTES > COPY_CSCDS_MAX) return unit.check(SENSE.TOO_MANY_CSCD_DESCRIPTORS)
  const cscds: Cscd[] = []
  for (let at = HEADER_BYTES; at < end; at += CSCD_BYTES) {
    if (list[at] !== CSCD_TYPE) return unit.check(SENSE.UNSUPPORTED_CSCD_DESCRIPTOR)
    const flags = list[at + 1] ?? 0 // bits 7 and 6, LU ID TYPE, are obsolete
    const designatorBytes = list[at + 7] ?? 0
    if (designatorBytes > 20) return unit.invalidParameter(at + 7)
    cscds.push({
      isNull: (flags & 0x20) !== 0,
      deviceType: flags & 0x1f,
      codeSet: (list[at + 4] ?? 0) & 0x0f,
      association: ((list[at + 5] ?? 0) >>> 4) & 0x03,
      designatorType: (list[at + 5] ?? 0) & 0x0f,
      designator: list.subarray(at + 8, at + 8 + designatorBytes),
      blockBytes: readU24(list, at + 29),
    })
  }
  return cscds
}

function parseSegments(
  unit: LogicalUnit,
  list: Uint8Array,
  from: number,
  end: number,
): CopySegment[] | ScsiResult {
  const segments: CopySegment[] = []
  for (let at = from; at < end; at += SEGMENT_BYTES) {
    if (list[at] !== SEGMENT_TYPE) return unit.check(SENSE.UNSUPPORTED_SEGMENT_DESCRIPTOR)
    if (at + SEGMENT_BYTES > end || readU16(list, at + 2) !== SEGMENT_BYTES - 4)
      return unit.invalidParameter(at + 2)
    segments.push({
      source: readU16(list, at + 4),
      destination: readU16(list, at + 6),
      blocks: readU16(list, at + 10),
      sourceLba: readLba64(list, at + 12),
      destinationLba: readLba64(list, at + 20),
    })
  }
  if (segments.length > COPY_SEGMENTS_MAX) return unit.check(SENSE.TOO_MANY_SEGMENT_DESCRIPTORS)
  return segments
}

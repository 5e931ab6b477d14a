/** REPORT LUNS (SPC-4), on the logical unit and, for the session, on LUNs where there is none. */
import { putU16, putU32, readU32 } from '../bytes.ts'

/** Codes of SELECT REPORT whose list holds the logical units; all others that exist give an empty list. */
const LISTING = new Set([0x00, 0x02, 0x11])
/** Well known, administrative and subsidiary logical units: there are none. */
const EMPTY = new Set([0x01, 0x10, 0x12])

/** Byte of the CDB with SELECT REPORT. */
export const SELECT_REPORT_AT = 2

/** The parameter data, before it is cut; undefined for a SELECT REPORT that does not exist. */
export function lunList(cdb: Uint8Array, luns: readonly number[]): Uint8Array | undefined {
  const select = cdb[SELECT_REPORT_AT] ?? 0
  if (!LISTING.has(select) && !EMPTY.has(select)) return undefined
  const listed = EMPTY.has(select) ? [] : luns
  const data = new Uint8Array(8 + 8 * listed.length)
  putU32(data, 0, 8 * listed.length)
  for (const [i, lun] of listed.entries()) putU16(data, 8 + 8 * i, encodeLun(lun))
  return data
}

export const lunListAllocation = (cdb: Uint8Array): number => readU32(cdb, 6)

/** Peripheral device addressing below 256, flat space addressing above (SAM-5). */
const encodeLun = (lun: number): number => (lun < 256 ? lun : 0x4000 | lun)

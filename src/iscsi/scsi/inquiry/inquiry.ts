/** INQUIRY (SPC-4): standard data, or with EVPD one of the vital product data pages. */
import { putAscii, putU16, readU16 } from '../bytes.ts'
import type { CommandHandler } from '../command.ts'
import type { LogicalUnit } from '../lun.ts'
import { VPD_PAGES } from './vpd.ts'

/** Standard INQUIRY data with room for eight version descriptors. */
const STANDARD_BYTES = 96

/** SPC-4: the version that standard data claims. Commands of later standards come on top. */
export const VERSION_SPC4 = 0x06

/** Version descriptors without a revision: SAM-5, SPC-4, SBC-3, iSCSI. */
const VERSION_DESCRIPTORS = [0x00a0, 0x0460, 0x04c0, 0x0960]

export const inquiry: CommandHandler = (unit, request) => {
  const { cdb } = request
  const isVpd = ((cdb[1] ?? 0) & 0x01) !== 0
  const pageCode = cdb[2] ?? 0
  const allocationLength = readU16(cdb, 3)
  if (!isVpd && pageCode !== 0) return unit.invalidCdb(2)
  if (!isVpd) return unit.dataIn(request, standardData(unit), allocationLength)
  const page = VPD_PAGES.find((known) => known.code === pageCode)
  if (page === undefined) return unit.invalidCdb(2)
  const body = page.body(unit, request.nexus.port)
  const data = new Uint8Array(4 + body.byteLength)
  data[1] = pageCode
  putU16(data, 2, body.byteLength)
  data.set(body, 4)
  return unit.dataIn(request, data, allocationLength)
}

function standardData(unit: LogicalUnit): Uint8Array {
  const data = new Uint8Array(STANDARD_BYTES)
  data[2] = VERSION_SPC4
  data[3] = 0x12 // HISUP; response data format 2
  data[4] = STANDARD_BYTES - 5
  data[5] = 0x18 // TPGS 01b: implicit asymmetric access; 3PC
  data[6] = unit.path.groups().reduce((ports, group) => ports + group.relativePorts.length, 0) > 1 ? 0x10 : 0 // MULTIP
  data[7] = 0x02 // CMDQUE
  putAscii(data, 8, 8, unit.identity.vendor)
  putAscii(data, 16, 16, unit.identity.product)
  putAscii(data, 32, 4, unit.identity.revision)
  for (const [i, descriptor] of VERSION_DESCRIPTORS.entries()) putU16(data, 58 + 2 * i, descriptor)
  return data
}

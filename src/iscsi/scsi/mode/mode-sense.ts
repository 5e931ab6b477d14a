/**
 * MODE SENSE(6) and MODE SENSE(10): a header, a block descriptor unless DBD, and the pages asked for. The
 * length fields tell of all the data, also where the allocation length cuts it off.
 */
import { putU16, putU24, putU32, putU64, readU16 } from '../bytes.ts'
import type { CommandHandler } from '../command.ts'
import type { LogicalUnit } from '../lun.ts'
import { SENSE } from '../sense.ts'
import type { ScsiRequest, ScsiResult } from '../task.ts'
import { MODE_PAGES, type ModePage } from './pages.ts'

const PAGE_CONTROL = { CURRENT: 0, CHANGEABLE: 1, DEFAULT: 2, SAVED: 3 } as const
const ALL_PAGES = 0x3f
const ALL_SUBPAGES = 0xff
export const SHORT_DESCRIPTOR_BYTES = 8
export const LONG_DESCRIPTOR_BYTES = 16
const WP = 0x80
const DPOFUA = 0x10

interface Form {
  readonly headerBytes: number
  readonly longLba: boolean
  readonly allocationLength: number
}

export const modeSense6: CommandHandler = (unit, request) =>
  modeSense(unit, request, { headerBytes: 4, longLba: false, allocationLength: request.cdb[4] ?? 0 })

export const modeSense10: CommandHandler = (unit, request) =>
  modeSense(unit, request, {
    headerBytes: 8,
    longLba: ((request.cdb[1] ?? 0) & 0x10) !== 0,
    allocationLength: readU16(request.cdb, 7),
  })

function modeSense(unit: LogicalUnit, request: ScsiRequest, form: Form): ScsiResult {
  const { cdb } = request
  const pageByte = cdb[2] ?? 0
  const control = pageByte >>> 6
  if (control === PAGE_CONTROL.SAVED) return unit.check(SENSE.SAVING_PARAMETERS_NOT_SUPPORTED)
  const pages = select(pageByte & 0x3f, cdb[3] ?? 0)
  if (pages.length === 0) return unit.invalidCdb(2, 5)
  const hasDescriptor = ((cdb[1] ?? 0) & 0x08) === 0
  const parts = [
    ...(hasDescriptor ? [blockDescriptor(unit, form.longLba)] : []),
    ...pages.map((page) => bytesOf(unit, page, control)),
  ]
  const descriptorBytes = hasDescriptor ? parts[0]!.byteLength : 0
  const data = assemble(unit, form, descriptorBytes, parts)
  return unit.dataIn(request, data, form.allocationLength)
}

/** The pages that PAGE CODE and SUBPAGE CODE name; none when there is no such page. */
function select(code: number, subpage: number): readonly ModePage[] {
  return MODE_PAGES.filter(
    (page) =>
      (code === ALL_PAGES || page.code === code) && (subpage === ALL_SUBPAGES || page.subpage === subpage),
  )
}

function bytesOf(unit: LogicalUnit, page: ModePage, control: number): Uint8Array {
  if (control === PAGE_CONTROL.CURRENT) return unit.modes.current(page)
  if (control === PAGE_CONTROL.DEFAULT) return page.defaults
  const headerBytes = page.subpage === 0 ? 2 : 4
  return Uint8Array.from(page.changeable, (mask, i) => (i < headerBytes ? (page.defaults[i] ?? 0) : mask))
}

/** Short: 32 bits of blocks, all ones when they do not suffice; long: 64 bits. */
function blockDescriptor(unit: LogicalUnit, longLba: boolean): Uint8Array {
  if (longLba) {
    const long = new Uint8Array(LONG_DESCRIPTOR_BYTES)
    putU64(long, 0, unit.capacityBlocks)
    putU32(long, 12, unit.blockBytes)
    return long
  }
  const short = new Uint8Array(SHORT_DESCRIPTOR_BYTES)
  putU32(short, 0, Math.min(unit.capacityBlocks, 0xffffffff))
  putU24(short, 5, unit.blockBytes)
  return short
}

function assemble(
  unit: LogicalUnit,
  { headerBytes, longLba }: Form,
  descriptorBytes: number,
  parts: readonly Uint8Array[],
): Uint8Array {
  const data = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, headerBytes))
  const deviceSpecific = DPOFUA | (unit.device.readOnly || unit.modes.softwareWriteProtect ? WP : 0)
  if (headerBytes === 4) {
    data[0] = data.byteLength - 1
    data[2] = deviceSpecific
    data[3] = descriptorBytes
  } else {
    putU16(data, 0, data.byteLength - 2)
    data[3] = deviceSpecific
    data[4] = longLba && descriptorBytes > 0 ? 0x01 : 0
    putU16(data, 6, descriptorBytes)
  }
  let at = headerBytes
  for (const part of parts) {
    data.set(part, at)
    at += part.byteLength
  }
  return data
}

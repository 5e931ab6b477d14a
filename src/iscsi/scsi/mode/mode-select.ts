/**
 * MODE SELECT(6) and MODE SELECT(10). The parameter list is validated whole before anything changes; what may
 * not be changed must be sent with the value that it has. Other nexuses are told of a change.
 */
import { readLba64, readU16, readU24, readU32 } from '../bytes.ts'
import type { CommandHandler } from '../command.ts'
import type { LogicalUnit } from '../lun.ts'
import { UNIT_ATTENTION } from '../nexus.ts'
import { SENSE } from '../sense.ts'
import { GOOD, plainResult, type ScsiRequest, type ScsiResult, STATUS } from '../task.ts'
import { LONG_DESCRIPTOR_BYTES, SHORT_DESCRIPTOR_BYTES } from './mode-sense.ts'
import { MODE_PAGES, type ModePage } from './pages.ts'

export const modeSelect6: CommandHandler = (unit, request) =>
  modeSelect(unit, request, { headerBytes: 4, listBytes: request.cdb[4] ?? 0 })

export const modeSelect10: CommandHandler = (unit, request) =>
  modeSelect(unit, request, { headerBytes: 8, listBytes: readU16(request.cdb, 7) })

interface Form {
  readonly headerBytes: 4 | 8
  readonly listBytes: number
}

function modeSelect(unit: LogicalUnit, request: ScsiRequest, form: Form): ScsiResult {
  const flags = request.cdb[1] ?? 0
  const isPageFormat = (flags & 0x10) !== 0
  const isSave = (flags & 0x01) !== 0
  if (isSave) return unit.invalidCdb(1, 0)
  if (form.listBytes === 0) return GOOD
  if (!isPageFormat) return unit.invalidCdb(1, 4)
  const list = request.dataOut
  if (list.byteLength < form.listBytes || form.listBytes < form.headerBytes) return tooShort(unit)
  const pagesAt = checkHeader(unit, list, form)
  if (typeof pagesAt !== 'number') return pagesAt
  const changes = checkPages(unit, list.subarray(0, form.listBytes), pagesAt)
  if (!(changes instanceof Map)) return changes
  if (changes.size > 0) {
    unit.modes.change(changes)
    unit.raise(UNIT_ATTENTION.MODE_PARAMETERS_CHANGED, request.nexus)
  }
  return plainResult(STATUS.GOOD, form.listBytes)
}

const tooShort = (unit: LogicalUnit): ScsiResult => unit.check(SENSE.PARAMETER_LIST_LENGTH_ERROR)

/**
 * Header and block descriptor. Returns where the pages begin. Mode data length and device specific parameter
 * are reserved here and ignored; the medium type is 0 as for every disk.
 */
function checkHeader(
  unit: LogicalUnit,
  list: Uint8Array,
  { headerBytes, listBytes }: Form,
): number | ScsiResult {
  const isSix = headerBytes === 4
  const mediumTypeAt = isSix ? 1 : 2
  if (list[mediumTypeAt] !== 0) return unit.invalidParameter(mediumTypeAt)
  const longLba = !isSix && ((list[4] ?? 0) & 0x01) !== 0
  const descriptorsAt = isSix ? 3 : 6
  const descriptorsBytes = isSix ? (list[3] ?? 0) : readU16(list, 6)
  const oneBytes = longLba ? LONG_DESCRIPTOR_BYTES : SHORT_DESCRIPTOR_BYTES
  if (descriptorsBytes !== 0 && descriptorsBytes !== oneBytes) return unit.invalidParameter(descriptorsAt)
  if (headerBytes + descriptorsBytes > listBytes) return tooShort(unit)
  if (descriptorsBytes !== 0) {
    const blocks = longLba ? readLba64(list, headerBytes) : readU32(list, headerBytes)
    const blockBytes = longLba ? readU32(list, headerBytes + 12) : readU24(list, headerBytes + 5)
    const isSame = blocks === 0 || blocks === unit.capacityBlocks || (!longLba && blocks === 0xffffffff)
    if (!isSame) return unit.invalidParameter(headerBytes)
    if (blockBytes !== unit.blockBytes) return unit.invalidParameter(headerBytes + (longLba ? 12 : 5))
  }
  return headerBytes + descriptorsBytes
}

/** The pages that would change, or why the list is refused. */
function checkPages(
  unit: LogicalUnit,
  list: Uint8Array,
  from: number,
): Map<ModePage, Uint8Array> | ScsiResult {
  const changes = new Map<ModePage, Uint8Array>()
  let at = from
  while (at < list.byteLength) {
    const code = (list[at] ?? 0) & 0x3f
    const hasSubpage = ((list[at] ?? 0) & 0x40) !== 0
    const headerBytes = hasSubpage ? 4 : 2
    if (at + headerBytes > list.byteLength) return tooShort(unit)
    const subpage = hasSubpage ? (list[at + 1] ?? 0) : 0
    const page = MODE_PAGES.find((known) => known.code === code && known.subpage === subpage)
    if (page === undefined) return unit.invalidParameter(at, 5)
    const pageBytes = headerBytes + (hasSubpage ? readU16(list, at + 2) : (list[at + 1] ?? 0))
    if (pageBytes !== page.defaults.byteLength) return unit.invalidParameter(at + headerBytes - 1)
    if (at + pageBytes > list.byteLength) return tooShort(unit)
    const current = changes.get(page) ?? unit.modes.current(page)
    const next = Uint8Array.from(current)
    for (let i = headerBytes; i < pageBytes; i++) {
      const mask = page.changeable[i] ?? 0
      const wrong = ((list[at + i] ?? 0) ^ (current[i] ?? 0)) & ~mask & 0xff
      if (wrong !== 0) return unit.invalidParameter(at + i, 31 - Math.clz32(wrong))
      next[i] = list[at + i] ?? 0
    }
    if (next.some((byte, i) => byte !== current[i])) changes.set(page, next)
    at += pageBytes
  }
  return changes
}

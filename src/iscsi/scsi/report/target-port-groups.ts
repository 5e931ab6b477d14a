/** REPORT TARGET PORT GROUPS (SPC-4): every group that leads to the volume, with its asymmetric access state. */
import { putU16, putU32, readU32 } from '../bytes.ts'
import type { CommandHandler } from '../command.ts'
import { ACCESS_STATES, type TargetPortGroup } from '../path-state.ts'

const FORMAT = { LENGTH_ONLY: 0, EXTENDED: 1 } as const
/** T_SUP, O_SUP, U_SUP, S_SUP, AN_SUP, AO_SUP: every state but LBA dependent may occur. */
const SUPPORTED_STATES = 0xcf
/** The state was changed by the target, not by SET TARGET PORT GROUPS. */
const STATUS_IMPLICIT = 0x02

export const reportTargetPortGroups: CommandHandler = (unit, request) => {
  const { cdb } = request
  const format = (cdb[1] ?? 0) >>> 5
  if (format > FORMAT.EXTENDED) return unit.invalidCdb(1, 7)
  const headerBytes = format === FORMAT.EXTENDED ? 8 : 4
  const groups = unit.path.groups()
  const data = new Uint8Array(groups.reduce((sum, group) => sum + groupBytes(group), headerBytes))
  putU32(data, 0, data.byteLength - 4)
  if (format === FORMAT.EXTENDED) data[4] = FORMAT.EXTENDED << 4 // implicit transition time 0: not stated
  let at = headerBytes
  for (const group of groups) at = putGroup(data, at, group)
  return unit.dataIn(request, data, readU32(cdb, 6))
}

const groupBytes = (group: TargetPortGroup): number => 8 + 4 * group.relativePorts.length

function putGroup(data: Uint8Array, at: number, group: TargetPortGroup): number {
  data[at] = (group.preferred ? 0x80 : 0) | ACCESS_STATES[group.state]
  data[at + 1] = SUPPORTED_STATES
  putU16(data, at + 2, group.id)
  data[at + 5] = STATUS_IMPLICIT
  data[at + 7] = group.relativePorts.length
  for (const [i, port] of group.relativePorts.entries()) putU16(data, at + 8 + 4 * i + 2, port)
  return at + groupBytes(group)
}

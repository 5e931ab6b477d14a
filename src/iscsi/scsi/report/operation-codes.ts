/**
 * REPORT SUPPORTED OPERATION CODES and REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4). The first is made
 * from the table that dispatch uses.
 */
import { putU16, putU32, readU16, readU32 } from '../bytes.ts'
import type { CommandHandler, CommandSet, CompiledCommand } from '../command.ts'

const OPTION = { ALL: 0, OPCODE: 1, OPCODE_AND_ACTION: 2, EITHER: 3 } as const
const SUPPORT = { NOT_SUPPORTED: 0x01, AS_STANDARD: 0x03 } as const
const CTDP = 0x80
/** A command timeouts descriptor: its length, and zeros for times that are not stated. */
const TIMEOUTS_BYTES = 12

/** The handler needs the table in which it stands itself. */
export const reportSupportedOperationCodes =
  (commandSet: () => CommandSet): CommandHandler =>
  (unit, request) => {
    const { cdb } = request
    const hasTimeouts = ((cdb[2] ?? 0) & 0x80) !== 0
    const option = (cdb[2] ?? 0) & 0x07
    const supported = commandSet().commands.filter((command) => command.isSupported?.(unit) !== false)
    if (option === OPTION.ALL) {
      return unit.dataIn(request, allCommands(supported, hasTimeouts), readU32(cdb, 6))
    }
    if (option > OPTION.EITHER) return unit.invalidCdb(2, 2)
    const found = findOne(supported, cdb, option)
    if (found === 'wrong-option') return unit.invalidCdb(2, 2)
    return unit.dataIn(request, oneCommand(found, hasTimeouts), readU32(cdb, 6))
  }

/** By requested operation code and service action; 'wrong-option' where the option does not suit the code. */
function findOne(
  commands: readonly CompiledCommand[],
  cdb: Uint8Array,
  option: number,
): CompiledCommand | undefined | 'wrong-option' {
  const action = readU16(cdb, 4)
  const sameCode = commands.filter((command) => command.opcode === cdb[3])
  const hasActions = sameCode.some((command) => command.serviceAction !== undefined)
  if (sameCode.length === 0) return undefined
  if (option === OPTION.OPCODE && hasActions) return 'wrong-option'
  if (option === OPTION.OPCODE_AND_ACTION && !hasActions) return 'wrong-option'
  if (option === OPTION.OPCODE) return sameCode[0]
  return sameCode.find((command) => (command.serviceAction ?? 0) === action)
}

function allCommands(commands: readonly CompiledCommand[], hasTimeouts: boolean): Uint8Array {
  const descriptorBytes = 8 + (hasTimeouts ? TIMEOUTS_BYTES : 0)
  const data = new Uint8Array(4 + commands.length * descriptorBytes)
  putU32(data, 0, data.byteLength - 4)
  for (const [i, command] of commands.entries()) {
    const at = 4 + i * descriptorBytes
    data[at] = command.opcode
    putU16(data, at + 2, command.serviceAction ?? 0)
    data[at + 5] = (hasTimeouts ? 0x02 : 0) | (command.serviceAction === undefined ? 0 : 0x01)
    putU16(data, at + 6, command.usageMap.byteLength)
    if (hasTimeouts) putU16(data, at + 8, TIMEOUTS_BYTES - 2)
  }
  return data
}

function oneCommand(command: CompiledCommand | undefined, hasTimeouts: boolean): Uint8Array {
  if (command === undefined) return Uint8Array.of(0, SUPPORT.NOT_SUPPORTED, 0, 0)
  const { usageMap } = command
  const data = new Uint8Array(4 + usageMap.byteLength + (hasTimeouts ? TIMEOUTS_BYTES : 0))
  data[1] = SUPPORT.AS_STANDARD | (hasTimeouts ? CTDP : 0)
  putU16(data, 2, usageMap.byteLength)
  data.set(usageMap, 4)
  if (hasTimeouts) putU16(data, 4 + usageMap.byteLength, TIMEOUTS_BYTES - 2)
  return data
}

/**
 * What the session carries out: ABORT TASK, ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET and TARGET RESET
 * (the warm and cold reset of RFC 7143).
 */
const TASK_MANAGEMENT_FUNCTIONS = 0x80 | 0x40 | 0x10 | 0x08 | 0x02

const EXTENDED_BYTES = 16

export const reportSupportedTaskManagementFunctions: CommandHandler = (unit, request) => {
  const { cdb } = request
  const isExtended = ((cdb[2] ?? 0) & 0x80) !== 0
  const allocationLength = readU32(cdb, 6)
  if (allocationLength < 4) return unit.invalidCdb(6)
  const data = new Uint8Array(isExtended ? EXTENDED_BYTES : 4)
  data[0] = TASK_MANAGEMENT_FUNCTIONS
  if (isExtended) data[3] = EXTENDED_BYTES - 4
  return unit.dataIn(request, data, allocationLength)
}

/**
 * The I/O commands that are carried out; any other opcode is Invalid Command Opcode. `access` is the group of the figure
 * "Command Behavior in the Presence of a Reservation" (NVM Express Base 2.0, Reservations): Flush changes nothing, and is
 * in the group of writes all the same.
 */
import {
  type CommandHandler,
  compare,
  datasetManagement,
  flush,
  read,
  verify,
  write,
  writeZeroes,
} from './blocks.ts'
import { report } from './reservation-report.ts'
import { acquire, register, release } from './reservations.ts'
import { OPCODE } from './sqe.ts'

export interface CommandEntry {
  readonly handler: CommandHandler
  /** What a reservation must allow the host before it begins; 'any': the command itself looks. */
  readonly access: 'read' | 'write' | 'any'
  /** Sanitize operations: all I/O commands but Flush are refused. */
  readonly isAllowedWhileSanitizing: boolean
}

const reading = (handler: CommandHandler): CommandEntry => ({
  handler,
  access: 'read',
  isAllowedWhileSanitizing: false,
})
const writing = (handler: CommandHandler): CommandEntry => ({
  handler,
  access: 'write',
  isAllowedWhileSanitizing: false,
})

const reserving = (handler: CommandHandler): CommandEntry => ({
  handler,
  access: 'any',
  isAllowedWhileSanitizing: false,
})

const TABLE: readonly (CommandEntry | undefined)[] = table({
  [OPCODE.FLUSH]: { handler: flush, access: 'write', isAllowedWhileSanitizing: true },
  [OPCODE.WRITE]: writing(write),
  [OPCODE.READ]: reading(read),
  [OPCODE.COMPARE]: reading(compare),
  [OPCODE.WRITE_ZEROES]: writing(writeZeroes),
  [OPCODE.DATASET_MANAGEMENT]: writing(datasetManagement),
  [OPCODE.VERIFY]: reading(verify),
  [OPCODE.RESERVATION_REGISTER]: reserving(register),
  [OPCODE.RESERVATION_REPORT]: reserving(report),
  [OPCODE.RESERVATION_ACQUIRE]: reserving(acquire),
  [OPCODE.RESERVATION_RELEASE]: reserving(release),
})

function table(entries: Readonly<Record<number, CommandEntry>>): (CommandEntry | undefined)[] {
  return Array.from({ length: 256 }, (_, opcode) => entries[opcode])
}

export const commandOf = (opcode: number): CommandEntry | undefined => TABLE[opcode]

/** Opcodes that are carried out, in order. */
export const supportedOpcodes = (): number[] =>
  TABLE.flatMap((entry, opcode) => (entry === undefined ? [] : [opcode]))

/**
 * What the device server knows of a command besides how to execute it. The list of all commands
 * (command-table.ts) is the one source of dispatch, of REPORT SUPPORTED OPERATION CODES and of the
 * documentation, so that what is advertised is what is implemented.
 */
import type { LogicalUnit } from './lun.ts'
import type { ScsiRequest, ScsiResult } from './task.ts'

export type CommandHandler = (unit: LogicalUnit, request: ScsiRequest) => ScsiResult | Promise<ScsiResult>

/**
 * In which conflicts with reservations of others the command is refused (the tables of commands allowed in the
 * presence of reservations in SPC-2, SPC-4 and SBC-3): 'never'; 'reserve', only that of RESERVE; 'read' and
 * 'write', also persistent reservations that forbid such access.
 */
export type ConflictClass = 'never' | 'reserve' | 'read' | 'write'

/** In which target port group states the command is executed: active ones; standby also; all. */
type PathClass = 'active' | 'standby' | 'any'

export interface Command {
  readonly name: string
  /**
   * CDB usage map in hex, spaces ignored: the operation code, then the bits that this device server looks at;
   * with a service action, its value stands in the low five bits of byte 1. Other bits must be zero.
   */
  readonly usage: string
  readonly hasServiceAction?: boolean
  readonly conflicts: ConflictClass | ((cdb: Uint8Array) => ConflictClass)
  readonly paths: PathClass
  /** Executed although a unit attention condition is pending. */
  readonly ignoresAttention?: boolean
  /**
   * Executed while the volume is being sanitized, and after that has failed ('always'); or only after that
   * ('failed'), as what may end this state. Other commands are refused in both.
   */
  readonly whileSanitizing?: 'always' | 'failed'
  /** Length of the data that the initiator has to send; 0 for what `execute` will refuse because of it. */
  readonly dataOutBytes?: (cdb: Uint8Array, logicalBlockBytes: number) => number
  /** False: the command is not there on this logical unit. */
  readonly isSupported?: (unit: LogicalUnit) => boolean
  readonly execute: CommandHandler
}

/** A command as dispatch uses it. */
export interface CompiledCommand extends Command {
  readonly opcode: number
  readonly serviceAction: number | undefined
  /** The map as REPORT SUPPORTED OPERATION CODES gives it. */
  readonly usageMap: Uint8Array
  /** Bits that may be set. */
  readonly mask: Uint8Array
}

const SERVICE_ACTIONS = 32

export class CommandSet {
  readonly commands: readonly CompiledCommand[]
  /** By operation code and the low bits of byte 1; commands without service action stand at all 32. */
  readonly #slots: (CompiledCommand | undefined)[] = new Array(256 * SERVICE_ACTIONS).fill(undefined)

  constructor(commands: readonly Command[]) {
    this.commands = commands.map(compile)
    for (const command of this.commands) {
      const first = command.opcode * SERVICE_ACTIONS
      if (command.serviceAction === undefined) this.#slots.fill(command, first, first + SERVICE_ACTIONS)
      else this.#slots[first + command.serviceAction] = command
    }
  }

  find(cdb: Uint8Array): CompiledCommand | undefined {
    return this.#slots[(cdb[0] ?? 0) * SERVICE_ACTIONS + ((cdb[1] ?? 0) & 0x1f)]
  }

  /** Whether some command, of whatever service action, has this operation code. */
  hasOpcode(opcode: number): boolean {
    return this.commands.some((command) => command.opcode === opcode)
  }
}

function compile(command: Command): CompiledCommand {
  const usageMap = Uint8Array.from(Buffer.from(command.usage.replaceAll(' ', ''), 'hex'))
  const mask = Uint8Array.from(usageMap)
  const hasServiceAction = command.hasServiceAction === true
  if (hasServiceAction) mask[1] = (mask[1] ?? 0) | 0x1f
  return {
    ...command,
    opcode: usageMap[0] ?? 0,
    serviceAction: hasServiceAction ? (usageMap[1] ?? 0) & 0x1f : undefined,
    usageMap,
    mask,
  }
}

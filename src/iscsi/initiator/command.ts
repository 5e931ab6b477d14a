/** What the users of an initiator session hand in and get back. */
import type { BlockError } from '../../base/errors.ts'
import type { TaskAttribute } from '../pdu/opcodes.ts'

export interface CommandRequest {
  /** 6 to 260 bytes; copied. */
  readonly cdb: Uint8Array
  /** Logical unit, 0 to 16383; the session's own when absent. */
  readonly lun?: number
  /** Data for the target; lent until the command is over. Not together with `dataIn`. */
  readonly dataOut?: Uint8Array
  /** Where data from the target goes; lent until the command is over. Its length is what is expected. */
  readonly dataIn?: Uint8Array
  /** Simple when absent. */
  readonly attr?: TaskAttribute
  /** Immediate delivery: not held back by the command window. */
  readonly immediate?: boolean
  /** After which it is aborted; the session's own when absent. */
  readonly timeoutMs?: number
}

/** A command that came to its end with a status, good or not. */
export interface CommandResult {
  /** SAM status: 0 GOOD, 2 CHECK CONDITION, 8 BUSY, 0x18 RESERVATION CONFLICT, 0x28 TASK SET FULL … */
  readonly status: number
  /** Sense data as it came; empty when there is none. A copy. */
  readonly sense: Uint8Array
  /** Bytes of `dataIn` that were filled, from its start. */
  readonly dataInBytes: number
  /** Bytes of what was expected that were not transferred. */
  readonly underflowBytes: number
  /** Bytes that the target had or wanted beyond what was expected. */
  readonly overflowBytes: number
}

/** Told the end of one command, by exactly one call. It may submit commands from within. */
export interface CommandHandler {
  completed(result: CommandResult): void
  /**
   * No status came: DISCONNECTED (connection lost), ABORTED (by task management), TIMED_OUT (aborted because it took
   * too long), PROTOCOL: whether it was executed is unknown. INVALID_ARGUMENT, BUSY (too many commands wait): it was
   * not.
   */
  failed(error: BlockError): void
}

/** SAM-5 status codes. */
export const ScsiStatus = {
  good: 0x00,
  checkCondition: 0x02,
  conditionMet: 0x04,
  busy: 0x08,
  reservationConflict: 0x18,
  taskSetFull: 0x28,
  acaActive: 0x30,
  taskAborted: 0x40,
} as const

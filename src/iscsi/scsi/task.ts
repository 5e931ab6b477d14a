/**
 * What passes between the iSCSI session and a logical unit: one SCSI command in, one result out. No sockets,
 * no PDUs. A result is given at once where the device had the bytes at hand, else as a promise; a promise is
 * rejected only by a broken invariant, never by a bad day of the device.
 */
import type { TaskSignal } from '../../frontend/task-signal.ts'
import type { Nexus } from './nexus.ts'

/** Status codes of SAM-5 that this device server, or the session for it, answers. */
export const STATUS = {
  GOOD: 0x00,
  CHECK_CONDITION: 0x02,
  CONDITION_MET: 0x04,
  BUSY: 0x08,
  RESERVATION_CONFLICT: 0x18,
  TASK_SET_FULL: 0x28,
  TASK_ABORTED: 0x40,
} as const

export type ScsiStatus = (typeof STATUS)[keyof typeof STATUS]

export interface ScsiRequest {
  /** As received: the 16 bytes of the PDU, longer with an extended CDB. */
  readonly cdb: Uint8Array
  /** What the initiator sent, `dataOutLengthBytes` at most; lent until the result is there. Empty when none. */
  readonly dataOut: Uint8Array
  /** What the initiator announced to send: its expected data transfer length for writes, 0 without the W bit. */
  readonly dataOutLengthExpected: number
  /** What the initiator will take: its expected data transfer length for reads, 0 without the R bit. */
  readonly dataInLengthMax: number
  readonly nexus: Nexus
  readonly signal: TaskSignal
}

export interface ScsiResult {
  /** `TASK_ABORTED` when `signal.aborted` stopped it: the session decides whether anybody is told. */
  readonly status: ScsiStatus
  /** Sense data, only with CHECK CONDITION: at most 252 bytes, without the length field that iSCSI puts before. */
  readonly sense: Uint8Array | undefined
  /** At most `dataInLengthMax` bytes. Belongs to the receiver until it calls `release`. */
  readonly dataIn: Uint8Array | undefined
  /** To be called exactly once when it is there: after `dataIn` was sent, or when it will not be sent. */
  readonly release: (() => void) | undefined
  /**
   * Bytes that the command wanted to move in its one direction. Above what the initiator expected: overflow by
   * the difference; below: underflow (RFC 7143 §11.4.5.2).
   */
  readonly transferLengthBytes: number
}

/** A result without data. */
export const plainResult = (status: ScsiStatus, transferLengthBytes = 0): ScsiResult => ({
  status,
  sense: undefined,
  dataIn: undefined,
  release: undefined,
  transferLengthBytes,
})

/** Shared, for commands that move nothing. */
export const GOOD: ScsiResult = plainResult(STATUS.GOOD)

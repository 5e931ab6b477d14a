/**
 * What the host is told when the device fails. One row per code, checked for totality by the compiler.
 *
 * BUSY is for what passes: Linux repeats the command until its timeout times its retries are used up, whatever
 * the cause, and neither fails the path nor the file system before. A replica that is poisoned or closing
 * answers it too; the host's connection is reset soon after, and the command is repeated where the volume is
 * served next. NOT READY would be given up after a few repeats.
 */
import { type BlockError, type BlockErrorCode, isBlockError } from '../../base/errors.ts'
import { SENSE, type Sense } from './sense.ts'
import { STATUS } from './task.ts'

/** A status without sense data, or the sense of a CHECK CONDITION. */
export type DeviceVerdict =
  | typeof STATUS.BUSY
  | typeof STATUS.RESERVATION_CONFLICT
  | typeof STATUS.TASK_ABORTED
  | Sense

export const DEVICE_VERDICTS = {
  OUT_OF_RANGE: SENSE.LBA_OUT_OF_RANGE,
  BUSY: STATUS.BUSY,
  NO_SPACE: SENSE.SPACE_ALLOCATION_FAILED,
  MEDIUM: SENSE.UNRECOVERED_READ_ERROR,
  POISONED: STATUS.BUSY,
  CLOSED: STATUS.BUSY,
  READ_ONLY: SENSE.WRITE_PROTECTED,
  RESERVATION_CONFLICT: STATUS.RESERVATION_CONFLICT,
  NOT_FOUND: SENSE.INTERNAL_TARGET_FAILURE,
  CONFLICT: SENSE.INTERNAL_TARGET_FAILURE,
  IN_USE: STATUS.BUSY,
  UNKNOWN_FORMAT: SENSE.MANUAL_INTERVENTION_REQUIRED,
  CORRUPT: SENSE.UNRECOVERED_READ_ERROR,
  LOG_DAMAGED: SENSE.MANUAL_INTERVENTION_REQUIRED,
  INVALID_ARGUMENT: SENSE.INTERNAL_TARGET_FAILURE,
  PROTOCOL: SENSE.INTERNAL_TARGET_FAILURE,
  ACCESS_DENIED: SENSE.INTERNAL_TARGET_FAILURE,
  DISCONNECTED: STATUS.BUSY,
  TIMED_OUT: STATUS.BUSY,
  ABORTED: STATUS.TASK_ABORTED,
  DISK: SENSE.INTERNAL_TARGET_FAILURE,
} as const satisfies Record<BlockErrorCode, DeviceVerdict>

/**
 * LBA of a medium error, for the INFORMATION field: from the error's fact `offsetBytes`, where the device knows
 * the first bad byte of the volume.
 */
export function badLba(error: BlockError, logicalBlockBytes: number): number | undefined {
  const offset = error.facts.offsetBytes
  return isBlockError(error, 'MEDIUM') && typeof offset === 'number' && offset >= 0
    ? Math.floor(offset / logicalBlockBytes)
    : undefined
}

/** Thrown from `WriteOptions.admit` for a command that was aborted: nothing was done. */
export class TaskAbortedError extends Error {
  override readonly name = 'TaskAbortedError'
}

/** Thrown from `WriteOptions.admit` for a change that comes after a sanitize operation began: nothing was done. */
export class SanitizingError extends Error {
  override readonly name = 'SanitizingError'
}

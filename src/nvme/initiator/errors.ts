/** The error that a status other than success becomes. */
import { BlockError, type BlockErrorCode } from '../../base/errors.ts'
import { formatStatus, SCT, STATUS } from '../status.ts'

const CODE_MASK = 0x7ff

const CODES: ReadonlyMap<number, BlockErrorCode> = new Map<number, BlockErrorCode>([
  [STATUS.INVALID_OPCODE, 'INVALID_ARGUMENT'],
  [STATUS.INVALID_FIELD, 'INVALID_ARGUMENT'],
  [STATUS.INVALID_NAMESPACE, 'NOT_FOUND'],
  [STATUS.ABORT_REQUESTED, 'ABORTED'],
  [STATUS.ABORTED_SQ_DELETION, 'ABORTED'],
  [STATUS.ABORTED_FAILED_FUSED, 'ABORTED'],
  [STATUS.ABORTED_MISSING_FUSED, 'ABORTED'],
  [STATUS.ABORTED_PREEMPT, 'ABORTED'],
  [STATUS.NAMESPACE_WRITE_PROTECTED, 'READ_ONLY'],
  [STATUS.COMMAND_INTERRUPTED, 'BUSY'],
  [STATUS.TRANSIENT_TRANSPORT_ERROR, 'BUSY'],
  [STATUS.LBA_OUT_OF_RANGE, 'OUT_OF_RANGE'],
  [STATUS.CAPACITY_EXCEEDED, 'NO_SPACE'],
  [STATUS.NAMESPACE_NOT_READY, 'BUSY'],
  [STATUS.RESERVATION_CONFLICT, 'RESERVATION_CONFLICT'],
  [STATUS.CONNECT_CONTROLLER_BUSY, 'BUSY'],
  [STATUS.CONNECT_INVALID_HOST, 'ACCESS_DENIED'],
  [STATUS.AUTHENTICATION_REQUIRED, 'ACCESS_DENIED'],
  [STATUS.WRITE_FAULT, 'DISK'],
  [STATUS.UNRECOVERED_READ_ERROR, 'MEDIUM'],
  [STATUS.ACCESS_DENIED, 'ACCESS_DENIED'],
])

/** Of `what`, which ended with `status`; the status is among the facts. */
export function nvmeError(what: string, status: number): BlockError {
  return new BlockError(codeOf(status), `${what}: status ${formatStatus(status)}`, { facts: { status } })
}

/** Whether the command failed for its path: another path of the same namespace may do better. */
export const isPathStatus = (status: number): boolean => ((status >>> 8) & 7) === SCT.PATH

function codeOf(status: number): BlockErrorCode {
  return isPathStatus(status) ? 'BUSY' : (CODES.get(status & CODE_MASK) ?? 'PROTOCOL')
}

/**
 * The data pointer of an entry (NVMe Base 2.0 §4.1.2; NVMe/TCP transport, figure "SGL descriptors"): where a command's
 * data is. Over TCP there are two kinds of descriptor: an offset into the capsule, for data that comes with the command,
 * and the transport's, for data that goes by PDUs of its own.
 */
import { FABRICS_OPCODE, PSDT_MASK, SglIdentifier } from '../commands.ts'
import { TRANSFER_BYTES_MAX } from '../controller/capabilities.ts'
import { final, STATUS } from '../status.ts'
import type { Command } from './command.ts'

const FLAGS_AT = 1
const FCTYPE_AT = 4
const ADDRESS_AT = 24
const LENGTH_AT = 32
const IDENTIFIER_AT = 39
const TO_CONTROLLER = 1
const FROM_CONTROLLER = 2

/** Where in the capsule the data is, when it is there. */
export interface CapsuleRange {
  start: number
  end: number
}

/**
 * Sets the lengths of `command` from its entry; `capsuleBytes` of data came with it, and `range` is set when they are
 * its data. Returns 0 or the status that it is refused with.
 */
export function readDataPointer(command: Command, capsuleBytes: number, range: CapsuleRange): number {
  const { sqe, view } = command
  range.start = 0
  range.end = 0
  const psdt = sqe[FLAGS_AT]! & PSDT_MASK
  if (psdt === 0 || psdt === PSDT_MASK) return final(STATUS.INVALID_FIELD)
  const opcode = sqe[0]!
  const direction = (opcode === FABRICS_OPCODE ? sqe[FCTYPE_AT]! : opcode) & 3
  const lengthBytes = view.getUint32(LENGTH_AT, true)
  if (lengthBytes === 0) return 0
  const identifier = sqe[IDENTIFIER_AT]!
  switch (direction) {
    case TO_CONTROLLER:
      if (lengthBytes > TRANSFER_BYTES_MAX) return final(STATUS.INVALID_FIELD)
      if (identifier === SglIdentifier.transport) {
        command.wantedBytes = lengthBytes
        return 0
      }
      if (identifier !== SglIdentifier.inCapsule) return typeRefusal(identifier)
      return inCapsule(view, lengthBytes, capsuleBytes, range)
    case FROM_CONTROLLER:
      if (identifier !== SglIdentifier.transport) return typeRefusal(identifier)
      if (lengthBytes > TRANSFER_BYTES_MAX) return final(STATUS.INVALID_FIELD)
      command.dataInLengthMax = lengthBytes
      return 0
    default:
      return 0
  }
}

function inCapsule(view: DataView, lengthBytes: number, capsuleBytes: number, range: CapsuleRange): number {
  const offset = view.getUint32(ADDRESS_AT, true)
  const isFar = view.getUint32(ADDRESS_AT + 4, true) !== 0
  if (isFar || offset > capsuleBytes) return final(STATUS.SGL_OFFSET_INVALID)
  if (offset + lengthBytes > capsuleBytes) return final(STATUS.DATA_SGL_LENGTH_INVALID)
  range.start = offset
  range.end = offset + lengthBytes
  return 0
}

function typeRefusal(identifier: number): number {
  const isSegment = identifier >> 4 === 2 || identifier >> 4 === 3
  return final(isSegment ? STATUS.INVALID_SGL_SEGMENT : STATUS.SGL_TYPE_INVALID)
}

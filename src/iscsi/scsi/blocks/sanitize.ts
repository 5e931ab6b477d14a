/**
 * SANITIZE (SBC-4): OVERWRITE, BLOCK ERASE and EXIT FAILURE MODE; there is no CRYPTOGRAPHIC ERASE, since nothing is
 * encrypted. The operation itself is the volume's (src/frontend/sanitize): it outlives the command, the session and
 * the process. Without IMMED the status comes when it has ended; an abort ends only the waiting.
 */
import type { SanitizeRequest } from '../../../frontend/sanitize/operation.ts'
import type { SanitizeEnd } from '../../../frontend/sanitize/sanitizer.ts'
import { readU16 } from '../bytes.ts'
import type { CommandHandler } from '../command.ts'
import type { LogicalUnit } from '../lun.ts'
import { SENSE } from '../sense.ts'
import { GOOD, plainResult, type ScsiRequest, type ScsiResult, STATUS } from '../task.ts'

const IMMED = 0x80
const AUSE = 0x20
const LIST_LENGTH_AT = 7
const LIST_HEADER_BYTES = 4
const INVERT = 0x80
const TEST = 0x60
const COUNT = 0x1f

const hasFlag = ({ cdb }: ScsiRequest, flag: number): boolean => ((cdb[1] ?? 0) & flag) !== 0

/** The parameter list is a header and a pattern of 1 byte to one block; 0 for a length that is refused. */
export function overwriteDataOut(cdb: Uint8Array, blockBytes: number): number {
  const listBytes = readU16(cdb, LIST_LENGTH_AT)
  return listBytes > LIST_HEADER_BYTES && listBytes <= LIST_HEADER_BYTES + blockBytes ? listBytes : 0
}

export const overwrite: CommandHandler = (unit, request) => {
  const listBytes = overwriteDataOut(request.cdb, unit.blockBytes)
  if (listBytes === 0) return unit.invalidCdb(LIST_LENGTH_AT)
  const refused = refuse(unit, request)
  if (refused !== undefined) return refused
  const list = request.dataOut.subarray(0, listBytes)
  if (list.byteLength < listBytes) return unit.check(SENSE.PARAMETER_LIST_LENGTH_ERROR, {}, listBytes)
  const asked = parseList(unit, list)
  if ('status' in asked) return asked
  return start(unit, request, { ...asked, method: 'overwrite', unrestricted: hasFlag(request, AUSE) })
}

/** SBC-4, OVERWRITE service action parameter list; the result that refuses it. */
function parseList(
  unit: LogicalUnit,
  list: Uint8Array,
): Pick<SanitizeRequest, 'passes' | 'invert' | 'pattern'> | ScsiResult {
  const flags = list[0] ?? 0
  const passes = flags & COUNT
  const patternBytes = readU16(list, 2)
  // A count of zero is reserved; the standard does not say how it is refused, and initiators expect it so.
  if (passes === 0) return unit.invalidCdb(LIST_LENGTH_AT)
  if ((flags & TEST) !== 0) return unit.invalidParameter(0, 6)
  if (list[1] !== 0) return unit.invalidParameter(1)
  if (patternBytes === 0 || patternBytes > unit.blockBytes) return unit.invalidParameter(2)
  if (LIST_HEADER_BYTES + patternBytes > list.byteLength) return unit.check(SENSE.PARAMETER_LIST_LENGTH_ERROR)
  // of its own: the operation outlives the command's buffer
  const pattern = Uint8Array.from(list.subarray(LIST_HEADER_BYTES, LIST_HEADER_BYTES + patternBytes))
  return { passes, invert: (flags & INVERT) !== 0, pattern }
}

export const blockErase: CommandHandler = (unit, request) =>
  refuse(unit, request) ??
  start(unit, request, {
    method: 'block-erase',
    unrestricted: hasFlag(request, AUSE),
    passes: 1,
    invert: false,
    pattern: new Uint8Array(0),
  })

/** What forbids a new operation: write protection, or one that failed and must not be left by way of this one. */
function refuse(unit: LogicalUnit, request: ScsiRequest): ScsiResult | undefined {
  const { operation } = unit.sanitizer
  const wouldLoosen = operation?.unrestricted === false && hasFlag(request, AUSE)
  return unit.refuseWrite() ?? (wouldLoosen ? unit.invalidCdb(1, 5) : undefined)
}

/**
 * After a failure in unrestricted mode the volume is usable again, with every block deallocated: nothing of what the
 * operation left is ever read. Without a failure there is nothing to do.
 */
export const exitFailureMode: CommandHandler = (unit, request) => {
  const { sanitizer } = unit
  if (sanitizer.operation === undefined) return GOOD
  if (!sanitizer.operation.unrestricted) return unit.invalidCdb(1, 4)
  const refused = unit.refuseWrite()
  return refused ?? carryOut(unit, request, (admit) => sanitizer.exit(admit))
}

const start = (unit: LogicalUnit, request: ScsiRequest, asked: SanitizeRequest): Promise<ScsiResult> =>
  carryOut(unit, request, (admit) => unit.sanitizer.start(asked, admit))

/** The status comes when the operation is durable in the records, without IMMED when it has ended. */
async function carryOut(
  unit: LogicalUnit,
  request: ScsiRequest,
  begin: (admit: () => void) => Promise<void>,
): Promise<ScsiResult> {
  const movedBytes = request.dataOut.byteLength
  await begin(() => unit.admit(request))
  return hasFlag(request, IMMED) ? plainResult(STATUS.GOOD, movedBytes) : ended(unit, request, movedBytes)
}

function ended(unit: LogicalUnit, { signal }: ScsiRequest, movedBytes: number): Promise<ScsiResult> {
  return new Promise((resolve) => {
    const forget = unit.sanitizer.whenEnded((end) => resolve(resultOf(unit, end, movedBytes)))
    signal.onAbort(() => {
      forget()
      resolve(plainResult(STATUS.TASK_ABORTED, movedBytes))
    })
  })
}

function resultOf(unit: LogicalUnit, end: SanitizeEnd, movedBytes: number): ScsiResult {
  switch (end) {
    case 'done':
      return plainResult(STATUS.GOOD, movedBytes)
    case 'failed':
      return unit.check(SENSE.SANITIZE_COMMAND_FAILED, {}, movedBytes)
    case 'lost':
      return plainResult(STATUS.BUSY, movedBytes)
  }
}

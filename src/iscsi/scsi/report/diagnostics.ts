/** REQUEST SENSE and SEND DIAGNOSTIC (SPC-4), and REPORT LUNS on the logical unit itself. */
import { readU16 } from '../bytes.ts'
import type { CommandHandler } from '../command.ts'
import { UNIT_ATTENTION } from '../nexus.ts'
import { encodeSense, SENSE, SENSE_KEY } from '../sense.ts'
import { GOOD } from '../task.ts'
import { lunList, lunListAllocation, SELECT_REPORT_AT } from './luns.ts'

/**
 * A pending unit attention condition is reported as data, with GOOD status, and counts as reported. Else it tells of
 * a sanitize operation, with its progress.
 */
export const requestSense: CommandHandler = (unit, request) => {
  const attention = request.nexus.take()
  const told =
    attention === undefined
      ? unit.sanitizeSense()
      : { sense: { key: SENSE_KEY.UNIT_ATTENTION, ...attention }, details: {} }
  const { sense, details } = told ?? { sense: SENSE.NO_SENSE, details: {} }
  const isDescriptor = ((request.cdb[1] ?? 0) & 0x01) !== 0
  return unit.dataIn(request, encodeSense(sense, details, isDescriptor), request.cdb[4] ?? 0)
}

/** The default self-test passes on a unit that answers; there are no other tests and no diagnostic pages. */
export const sendDiagnostic: CommandHandler = (unit, request) => {
  const flags = request.cdb[1] ?? 0
  const selfTestCode = flags >>> 5
  if (selfTestCode !== 0) return unit.invalidCdb(1, 7)
  return readU16(request.cdb, 3) === 0 ? GOOD : unit.invalidCdb(3)
}

/** A target has one logical unit, LUN 0. */
const LUNS: readonly number[] = [0]

export const reportLuns: CommandHandler = (unit, request) => {
  request.nexus.drop(UNIT_ATTENTION.REPORTED_LUNS_CHANGED)
  const data = lunList(request.cdb, LUNS)
  if (data === undefined) return unit.invalidCdb(SELECT_REPORT_AT)
  return unit.dataIn(request, data, lunListAllocation(request.cdb))
}

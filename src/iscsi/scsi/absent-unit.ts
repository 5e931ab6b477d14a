/**
 * Commands to a LUN where there is no logical unit (SPC-4, Incorrect logical unit number selection): INQUIRY
 * and REPORT LUNS are answered, REQUEST SENSE tells what is wrong, all else is refused.
 */
import { readU16 } from './bytes.ts'
import { VERSION_SPC4 } from './inquiry/inquiry.ts'
import { lunList, lunListAllocation, SELECT_REPORT_AT } from './report/luns.ts'
import { encodeSense, SENSE, type Sense, type SenseDetails } from './sense.ts'
import { type ScsiRequest, type ScsiResult, STATUS } from './task.ts'

const INQUIRY = 0x12
const REPORT_LUNS = 0xa0
const REQUEST_SENSE = 0x03
const STANDARD_BYTES = 36
/** Peripheral qualifier 011b, device type 1Fh: the target cannot have a unit there. */
const NO_UNIT = 0x7f

/** The answer; `luns` are those that the target has, for REPORT LUNS. The request's nexus is not used. */
export function executeAbsent(
  request: Omit<ScsiRequest, 'nexus' | 'signal'>,
  luns: readonly number[],
): ScsiResult {
  const { cdb } = request
  switch (cdb[0]) {
    case INQUIRY:
      return inquiry(request)
    case REPORT_LUNS: {
      const data = lunList(cdb, luns)
      if (data !== undefined) return dataIn(request, data, lunListAllocation(cdb))
      return check(SENSE.INVALID_FIELD_IN_CDB, { field: { in: 'cdb', byte: SELECT_REPORT_AT } })
    }
    case REQUEST_SENSE: {
      const isDescriptor = ((cdb[1] ?? 0) & 0x01) !== 0
      return dataIn(request, encodeSense(SENSE.LOGICAL_UNIT_NOT_SUPPORTED, {}, isDescriptor), cdb[4] ?? 0)
    }
    default:
      return check(SENSE.LOGICAL_UNIT_NOT_SUPPORTED)
  }
}

/** Standard data only: there is nothing to give vital product data of. */
function inquiry(request: Omit<ScsiRequest, 'nexus' | 'signal'>): ScsiResult {
  const { cdb } = request
  const isVpd = ((cdb[1] ?? 0) & 0x01) !== 0
  if (isVpd) return check(SENSE.INVALID_FIELD_IN_CDB, { field: { in: 'cdb', byte: 1, bit: 0 } })
  if (cdb[2] !== 0) return check(SENSE.INVALID_FIELD_IN_CDB, { field: { in: 'cdb', byte: 2 } })
  const data = new Uint8Array(STANDARD_BYTES)
  data[0] = NO_UNIT
  data[2] = VERSION_SPC4
  data[3] = 0x02
  data[4] = STANDARD_BYTES - 5
  return dataIn(request, data, readU16(cdb, 3))
}

function dataIn(
  request: Pick<ScsiRequest, 'dataInLengthMax'>,
  data: Uint8Array,
  allocationLength: number,
): ScsiResult {
  const transferLengthBytes = Math.min(data.byteLength, allocationLength)
  return {
    status: STATUS.GOOD,
    sense: undefined,
    dataIn: data.subarray(0, Math.min(transferLengthBytes, request.dataInLengthMax)),
    release: undefined,
    transferLengthBytes,
  }
}

const check = (sense: Sense, details: SenseDetails = {}): ScsiResult => ({
  status: STATUS.CHECK_CONDITION,
  sense: encodeSense(sense, details, false),
  dataIn: undefined,
  release: undefined,
  transferLengthBytes: 0,
})

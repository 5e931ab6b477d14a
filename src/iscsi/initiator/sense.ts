/** Sense data as an initiator reads it (SPC-4 §4.5), and the error that a status other than GOOD becomes. */
import { viewOf } from '../../base/binary.ts'
import { BlockError, type BlockErrorCode } from '../../base/errors.ts'
import { SENSE, SENSE_KEY } from '../scsi/sense.ts'
import { ScsiStatus } from './command.ts'

export interface SenseData {
  readonly key: number
  readonly asc: number
  readonly ascq: number
  /** INFORMATION, when it is there and valid: the block of a medium error, the offset of a miscompare. */
  readonly information: number | undefined
}

const RESPONSE_CODE = 0x7f
const VALID = 0x80
const INFORMATION_DESCRIPTOR = 0x00

/** Reads fixed (70h, 71h) or descriptor (72h, 73h) format; undefined when it is neither or too short. */
export function parseSense(sense: Uint8Array): SenseData | undefined {
  switch ((sense[0] ?? 0) & RESPONSE_CODE) {
    case 0x70:
    case 0x71:
      if (sense.byteLength < 14) return undefined
      return {
        key: sense[2]! & 0x0f,
        asc: sense[12]!,
        ascq: sense[13]!,
        information: (sense[0]! & VALID) === 0 ? undefined : viewOf(sense).getUint32(3),
      }
    case 0x72:
    case 0x73:
      if (sense.byteLength < 8) return undefined
      return { key: sense[1]! & 0x0f, asc: sense[2]!, ascq: sense[3]!, information: informationOf(sense) }
    default:
      return undefined
  }
}

function informationOf(sense: Uint8Array): number | undefined {
  let at = 8
  while (at + 2 <= sense.byteLength) {
    const next = at + 2 + sense[at + 1]!
    if (sense[at] === INFORMATION_DESCRIPTOR && next === at + 12 && next <= sense.byteLength) {
      return (sense[at + 2]! & VALID) === 0 ? undefined : Number(viewOf(sense).getBigUint64(at + 4))
    }
    at = next
  }
  return undefined
}

/** The error for a command that ended with `status`, which is not GOOD. */
export function scsiError(what: string, status: number, sense: Uint8Array): BlockError {
  if (status !== ScsiStatus.checkCondition) {
    return new BlockError(codeOfStatus(status), `${what}: status 0x${status.toString(16)}`, {
      facts: { status },
    })
  }
  const parsed = parseSense(sense)
  if (parsed === undefined) return new BlockError('PROTOCOL', `${what}: sense data cannot be read`)
  const { key, asc, ascq, information } = parsed
  const hex = [key, asc, ascq].map((byte) => byte.toString(16).padStart(2, '0')).join('/')
  return new BlockError(codeOfSense(parsed), `${what}: sense ${hex}`, {
    facts: { status, senseKey: key, asc, ascq, information },
  })
}

function codeOfStatus(status: number): BlockErrorCode {
  switch (status) {
    case ScsiStatus.reservationConflict:
      return 'RESERVATION_CONFLICT'
    case ScsiStatus.taskAborted:
      return 'ABORTED'
    case ScsiStatus.busy:
    case ScsiStatus.taskSetFull:
    case ScsiStatus.acaActive:
      return 'BUSY'
    default:
      return 'PROTOCOL'
  }
}

function codeOfSense({ key, asc, ascq }: SenseData): BlockErrorCode {
  switch (key) {
    case SENSE_KEY.MEDIUM_ERROR:
      return 'MEDIUM'
    case SENSE_KEY.ILLEGAL_REQUEST:
      return asc === SENSE.LBA_OUT_OF_RANGE.asc ? 'OUT_OF_RANGE' : 'INVALID_ARGUMENT'
    case SENSE_KEY.DATA_PROTECT: {
      const full = SENSE.SPACE_ALLOCATION_FAILED
      return asc === full.asc && ascq === full.ascq ? 'NO_SPACE' : 'READ_ONLY'
    }
    case SENSE_KEY.NOT_READY:
    case SENSE_KEY.UNIT_ATTENTION:
      return 'BUSY'
    case SENSE_KEY.MISCOMPARE:
      return 'CONFLICT'
    default:
      return 'DISK'
  }
}

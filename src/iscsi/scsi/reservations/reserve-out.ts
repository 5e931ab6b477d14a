/**
 * PERSISTENT RESERVE OUT (SPC-4): checks the CDB and the parameter list and hands the command to the state
 * machine in src/frontend. Also RESERVE and RELEASE of SPC-2, which exclude persistent reservations: neither
 * kind works while the other is in use.
 */
import { viewOf } from '../../../base/binary.ts'
import type { ReservationCommand, ReservationVerdict } from '../../../frontend/reservations/transition.ts'
import { readU32 } from '../bytes.ts'
import type { CommandHandler } from '../command.ts'
import type { LogicalUnit } from '../lun.ts'
import { SENSE } from '../sense.ts'
import { GOOD, plainResult, type ScsiRequest, type ScsiResult, STATUS } from '../task.ts'
import { typeOf } from './codes.ts'

const LIST_BYTES = 24
const FLAGS_AT = 20
const SPEC_I_PT = 0x08
const ALL_TG_PT = 0x04
const APTPL = 0x01
const TYPE_AT = 2

/** The basic parameter list has one length; any other is refused without being fetched. */
export const reserveOutDataOut = (cdb: Uint8Array): number =>
  readU32(cdb, 5) === LIST_BYTES ? LIST_BYTES : 0

/** A command for the state machine, or the result that refuses the request. */
type Builder = (unit: LogicalUnit, request: ScsiRequest) => ReservationCommand | ScsiResult

const keyOf = (request: ScsiRequest): bigint => viewOf(request.dataOut).getBigUint64(0)
const actionKeyOf = (request: ScsiRequest): bigint => viewOf(request.dataOut).getBigUint64(8)
/** Scope 0 (logical unit) and a type that exists, else undefined. */
const typeOfRequest = (request: ScsiRequest) => typeOf(request.cdb[TYPE_AT] ?? 0)

const reserveOut =
  (build: Builder, isAborting = false): CommandHandler =>
  (unit, request) => {
    if (unit.reservations.unitHolder !== undefined) return plainResult(STATUS.RESERVATION_CONFLICT)
    if (reserveOutDataOut(request.cdb) !== LIST_BYTES || request.dataOut.byteLength < LIST_BYTES) {
      return unit.check(SENSE.PARAMETER_LIST_LENGTH_ERROR)
    }
    const command = build(unit, request)
    return 'kind' in command ? execute(unit, request, command, isAborting) : command
  }

async function execute(
  unit: LogicalUnit,
  request: ScsiRequest,
  command: ReservationCommand,
  isAborting: boolean,
): Promise<ScsiResult> {
  const outcome = await unit.reservationPort.request(command, isAborting ? { abort: request.signal } : {})
  if (outcome === 'unit-held') return plainResult(STATUS.RESERVATION_CONFLICT, LIST_BYTES)
  if (!outcome.ok) return refusal(unit, outcome.reason)
  return plainResult(STATUS.GOOD, LIST_BYTES)
}

function refusal(
  unit: LogicalUnit,
  reason: Extract<ReservationVerdict, { ok: false }>['reason'],
): ScsiResult {
  switch (reason) {
    case 'conflict':
      return plainResult(STATUS.RESERVATION_CONFLICT, LIST_BYTES)
    case 'wrong-type':
      return unit.check(SENSE.INVALID_RELEASE, {}, LIST_BYTES)
    case 'invalid-key':
      return unit.invalidParameter(8)
    case 'invalid-type':
      return unit.invalidCdb(TYPE_AT)
    case 'too-many-registrants':
      return unit.check(SENSE.INSUFFICIENT_REGISTRATION_RESOURCES, {}, LIST_BYTES)
  }
}

const registration =
  (ignoresKey: boolean): Builder =>
  (unit, request) => {
    const flags = request.dataOut[FLAGS_AT] ?? 0
    if ((flags & SPEC_I_PT) !== 0) return unit.invalidParameter(FLAGS_AT, 3)
    if ((flags & ALL_TG_PT) !== 0) return unit.invalidParameter(FLAGS_AT, 2)
    return {
      kind: 'register',
      from: request.nexus.registrant,
      currentKey: ignoresKey ? 'ignore' : keyOf(request),
      newKey: actionKeyOf(request),
      persistent: (flags & APTPL) !== 0,
    }
  }

export const register = reserveOut(registration(false))
export const registerAndIgnoreExistingKey = reserveOut(registration(true))

export const reserve = reserveOut((unit, request) => {
  const type = typeOfRequest(request)
  if (type === undefined) return unit.invalidCdb(TYPE_AT)
  return { kind: 'reserve', from: request.nexus.registrant, key: keyOf(request), type }
})

export const release = reserveOut((unit, request) => {
  const type = typeOfRequest(request)
  if (type === undefined) return unit.invalidCdb(TYPE_AT)
  return { kind: 'release', from: request.nexus.registrant, key: keyOf(request), type }
})

export const clear = reserveOut((_unit, request) => ({
  kind: 'clear',
  from: request.nexus.registrant,
  key: keyOf(request),
}))

const preemption: Builder = (_unit, request) => ({
  kind: 'preempt',
  from: request.nexus.registrant,
  key: keyOf(request),
  victimKey: actionKeyOf(request),
  type: typeOfRequest(request),
})

export const preempt = reserveOut(preemption)
/** Resolves when no task of a preempted nexus can change anything any more. */
export const preemptAndAbort = reserveOut(preemption, true)

/** RESERVE(6) and RESERVE(10), SPC-2: the whole logical unit for this nexus, until it ends or releases. */
export const reserveUnit: CommandHandler = (unit, request) => {
  const { reservations } = unit
  const { registrant } = request.nexus
  const isFree = reservations.unitHolder === undefined || reservations.unitHolder === registrant
  if (!isFree || reservations.state.registrants.size > 0) return plainResult(STATUS.RESERVATION_CONFLICT)
  reservations.setUnitHolder(registrant)
  return GOOD
}

/** RELEASE(6) and RELEASE(10), SPC-2: without effect for a nexus that holds nothing. */
export const releaseUnit: CommandHandler = (unit, request) => {
  const { reservations } = unit
  if (reservations.state.registrants.size > 0) return plainResult(STATUS.RESERVATION_CONFLICT)
  if (reservations.unitHolder === request.nexus.registrant) reservations.setUnitHolder(undefined)
  return GOOD
}

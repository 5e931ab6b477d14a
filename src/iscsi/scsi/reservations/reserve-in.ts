/** PERSISTENT RESERVE IN (SPC-4): READ KEYS, READ RESERVATION, REPORT CAPABILITIES, READ FULL STATUS. */
import { viewOf } from '../../../base/binary.ts'
import type { ReservationReading } from '../../../frontend/reservations/port.ts'
import { isHolder, type ReservationState } from '../../../frontend/reservations/state.ts'
import { putU16, putU32, readU16 } from '../bytes.ts'
import type { CommandHandler } from '../command.ts'
import { plainResult, type ScsiResult, STATUS } from '../task.ts'
import { TYPE_CODES, transportOf } from './codes.ts'

const HEADER_BYTES = 8
const KEY_BYTES = 8
const RESERVATION_BYTES = 16
const STATUS_BYTES = 24
const R_HOLDER = 0x01

/** PRGENERATION and ADDITIONAL LENGTH, and room for `bodyBytes`. */
function withHeader(state: ReservationState, bodyBytes: number): Uint8Array {
  const data = new Uint8Array(HEADER_BYTES + bodyBytes)
  putU32(data, 0, state.generation)
  putU32(data, 4, bodyBytes)
  return data
}

/** While anybody holds the unit by RESERVE, persistent reservations are out of use for all (SPC-2). */
const reporter =
  (report: (state: ReservationState) => Uint8Array): CommandHandler =>
  (unit, request) => {
    const answer = (reading: ReservationReading): ScsiResult =>
      reading === 'unit-held'
        ? plainResult(STATUS.RESERVATION_CONFLICT)
        : unit.dataIn(request, report(reading), readU16(request.cdb, 7))
    const reading = unit.reservationPort.read()
    return reading instanceof Promise ? reading.then(answer) : answer(reading)
  }

export const readKeys = reporter((state) => {
  const data = withHeader(state, state.registrants.size * KEY_BYTES)
  const view = viewOf(data)
  let at = HEADER_BYTES
  for (const key of state.registrants.values()) {
    view.setBigUint64(at, key)
    at += KEY_BYTES
  }
  return data
})

/** The key is 0 when all registrants hold the reservation. */
export const readReservation = reporter((state) => {
  const { reservation } = state
  if (reservation === undefined) return withHeader(state, 0)
  const data = withHeader(state, RESERVATION_BYTES)
  const key = reservation.holder === undefined ? 0n : (state.registrants.get(reservation.holder) ?? 0n)
  viewOf(data).setBigUint64(HEADER_BYTES, key)
  data[HEADER_BYTES + 13] = TYPE_CODES[reservation.type]
  return data
})

/** PTPL_C; TMV with every type; PTPL_A as it is now. No CRH, SIP_C, ATP_C. */
export const reportCapabilities = reporter((state) =>
  Uint8Array.of(0, 8, 0x01, 0x80 | (state.persistent ? 0x01 : 0), 0xea, 0x01, 0, 0),
)

export const readFullStatus = reporter((state) => {
  const entries = [...state.registrants].map(([id, key]) => ({ id, key, ...transportOf(id) }))
  const bodyBytes = entries.reduce((sum, entry) => sum + STATUS_BYTES + entry.transportId.byteLength, 0)
  const data = withHeader(state, bodyBytes)
  const view = viewOf(data)
  let at = HEADER_BYTES
  for (const { id, key, relativePort, transportId } of entries) {
    view.setBigUint64(at, key)
    if (state.reservation !== undefined && isHolder(state, id)) {
      data[at + 12] = R_HOLDER
      data[at + 13] = TYPE_CODES[state.reservation.type]
    }
    putU16(data, at + 18, relativePort)
    putU32(data, at + 20, transportId.byteLength)
    data.set(transportId, at + STATUS_BYTES)
    at += STATUS_BYTES + transportId.byteLength
  }
  return data
})

/**
 * Persistent reservations of one volume: who is registered with which key, and who holds what. One state for
 * all front ends, so that an iSCSI host and an NVMe host of the same volume respect each other. Types are
 * those of SPC-5 PERSISTENT RESERVE and of NVMe (Reservations), which have the same rules for access.
 *
 * A state is immutable: `transition` (transition.ts) makes the next one.
 */

/**
 * An opaque identity, equal only for the same registrant: for iSCSI an I_T nexus (initiator port and target
 * port), for NVMe a host identifier. The front end that made it can read it; it begins with the protocol's
 * name and a comma. At most `REGISTRANT_ID_BYTES_MAX` bytes of UTF-8.
 */
export type RegistrantId = string

export const REGISTRANT_ID_BYTES_MAX = 300
/** More registrations are refused. Keeps the encoded state far below the 1 MiB that the device takes. */
export const REGISTRANTS_MAX = 1024

export const RESERVATION_TYPES = [
  'write-exclusive',
  'exclusive-access',
  'write-exclusive-registrants-only',
  'exclusive-access-registrants-only',
  'write-exclusive-all-registrants',
  'exclusive-access-all-registrants',
] as const
export type ReservationType = (typeof RESERVATION_TYPES)[number]

export interface Reservation {
  readonly type: ReservationType
  /** Undefined for the types of which every registrant is a holder. */
  readonly holder: RegistrantId | undefined
}

export interface ReservationState {
  /** PRGENERATION, and Generation of NVMe: counts changes of registrations modulo 2^32. */
  readonly generation: number
  /** Whether the state survives a loss of power (APTPL, and PTPL of NVMe), as the last registration chose. */
  readonly persistent: boolean
  /** Keys, never 0, in the order of registration. */
  readonly registrants: ReadonlyMap<RegistrantId, bigint>
  /** Only while there are registrants; a named holder is one of them. */
  readonly reservation: Reservation | undefined
}

export const NO_RESERVATIONS: ReservationState = {
  generation: 0,
  persistent: false,
  registrants: new Map(),
  reservation: undefined,
}

export const isAllRegistrants = (type: ReservationType): boolean =>
  type === 'write-exclusive-all-registrants' || type === 'exclusive-access-all-registrants'

const isExclusiveAccess = (type: ReservationType): boolean =>
  type === 'exclusive-access' ||
  type === 'exclusive-access-registrants-only' ||
  type === 'exclusive-access-all-registrants'

/** Whether `id` holds the reservation. */
export function isHolder(state: ReservationState, id: RegistrantId): boolean {
  const { reservation } = state
  if (reservation === undefined) return false
  return reservation.holder === undefined ? state.registrants.has(id) : reservation.holder === id
}

/**
 * Whether the reservation in force refuses `id` this access (SPC-5 table "Persistent reservations that conflict
 * with commands", NVMe figure "Command Behavior in the Presence of a Reservation"): holders may do all, under
 * the registrants-only and all-registrants types every registrant may, and write exclusive lets all read.
 */
export function conflicts(state: ReservationState, id: RegistrantId, access: 'read' | 'write'): boolean {
  const { reservation } = state
  if (reservation === undefined || reservation.holder === id) return false
  if (access === 'read' && !isExclusiveAccess(reservation.type)) return false
  const holdersOnly = reservation.type === 'write-exclusive' || reservation.type === 'exclusive-access'
  return holdersOnly || !state.registrants.has(id)
}

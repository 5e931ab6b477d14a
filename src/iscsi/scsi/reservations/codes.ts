/**
 * Numbers of PERSISTENT RESERVE (SPC-4) for what src/frontend names: reservation types, and registrants as I_T
 * nexuses with a TransportID.
 */
import type { RegistrantId, ReservationType } from '../../../frontend/reservations/state.ts'
import { putU16 } from '../bytes.ts'
import { terminated } from '../inquiry/designators.ts'

export const TYPE_CODES = {
  'write-exclusive': 1,
  'exclusive-access': 3,
  'write-exclusive-registrants-only': 5,
  'exclusive-access-registrants-only': 6,
  'write-exclusive-all-registrants': 7,
  'exclusive-access-all-registrants': 8,
} as const satisfies Record<ReservationType, number>

const TYPES = new Map<number, ReservationType>(
  Object.entries(TYPE_CODES).map(([type, code]) => [code, type as ReservationType]),
)

/** The type of a TYPE field, undefined where the field names none. */
export const typeOf = (code: number): ReservationType | undefined => TYPES.get(code)

const PROTOCOL = { ISCSI: 5, NONE: 0xf } as const
/** TransportID in the form of an initiator port name. */
const FORMAT_PORT = 0x40
const TRANSPORT_ID_BYTES_MIN = 24

/** Identity of an I_T nexus. */
export const registrantOf = (relativePort: number, initiatorPort: string): RegistrantId =>
  `iscsi,${relativePort},${initiatorPort}`

/**
 * The relative target port and the TransportID of a registrant. One of another protocol has no port here and no
 * standard TransportID: it is given with protocol identifier Fh (no specific protocol) and its name.
 */
export function transportOf(id: RegistrantId): { relativePort: number; transportId: Uint8Array } {
  const nexus = /^iscsi,(\d+),(.*)$/s.exec(id)
  const name = terminated(nexus?.[2] ?? id)
  const transportId = new Uint8Array(Math.max(TRANSPORT_ID_BYTES_MIN, 4 + name.byteLength))
  transportId[0] = nexus === null ? PROTOCOL.NONE : FORMAT_PORT | PROTOCOL.ISCSI
  putU16(transportId, 2, transportId.byteLength - 4)
  transportId.set(name, 4)
  return { relativePort: Number(nexus?.[1] ?? 0), transportId }
}

/**
 * The front ends' records as bytes, for `BlockDevice.setFrontendState`. Little-endian:
 *
 * | offset | length | field                                                        |
 * |--------|--------|--------------------------------------------------------------|
 * | 0      | 4      | magic `BRSV`                                                 |
 * | 4      | 2      | version: 1, or 2 with a sanitize operation                   |
 * | 6      | 1      | type: 0 none, else 1 + index in `RESERVATION_TYPES`          |
 * | 7      | 1      | flags: bit 0 persistent                                      |
 * | 8      | 4      | length of the whole in bytes                                 |
 * | 12     | 4      | generation                                                   |
 * | 16     | 4      | number of registrants                                        |
 * | 20     | 4      | index of the holder, 0xffffffff when none or all             |
 * | 24     | …      | registrants: key (8), length of the id (2), id (UTF-8)       |
 * |        | …      | version 2: the operation (sanitize/codec.ts)                 |
 * | end−4  | 4      | CRC-32C of all before                                        |
 *
 * Empty bytes are a volume that never had any. Nothing is believed before all is validated. Version 2 is written only
 * while there is an operation: a program that does not know it must not serve what is half wiped.
 */
import { viewOf } from '../base/binary.ts'
import { crc32c } from '../base/crc32c.ts'
import { BlockError } from '../base/errors.ts'
import { layout, u8, u16, u32 } from '../base/layout.ts'
import {
  isAllRegistrants,
  NO_RESERVATIONS,
  REGISTRANT_ID_BYTES_MAX,
  REGISTRANTS_MAX,
  RESERVATION_TYPES,
  type RegistrantId,
  type Reservation,
  type ReservationState,
} from './reservations/state.ts'
import { decodeSanitize, encodeSanitize } from './sanitize/codec.ts'
import type { SanitizeOperation } from './sanitize/operation.ts'

const Header = layout('ReservationsHeader', 24, {
  magic: u32(0),
  version: u16(4),
  type: u8(6),
  flags: u8(7),
  lengthBytes: u32(8),
  generation: u32(12),
  registrants: u32(16),
  holder: u32(20),
})
const AT = Header.at
const MAGIC = 0x56535242 // 'BRSV' as bytes
const VERSION = { RESERVATIONS: 1, SANITIZE: 2 } as const
const FLAG_PERSISTENT = 1
const NO_INDEX = 0xffffffff
const CRC_BYTES = 4
const REGISTRANT_HEADER_BYTES = 10

export interface FrontendState {
  readonly reservations: ReservationState
  readonly sanitize: SanitizeOperation | undefined
}

export function encodeFrontendState({ reservations: state, sanitize }: FrontendState): Uint8Array {
  const operation = sanitize === undefined ? new Uint8Array(0) : encodeSanitize(sanitize)
  const ids = [...state.registrants.keys()]
  const names = ids.map((id) => new TextEncoder().encode(id))
  let lengthBytes = Header.lengthBytes + operation.byteLength + CRC_BYTES
  for (const name of names) lengthBytes += REGISTRANT_HEADER_BYTES + name.byteLength
  const bytes = new Uint8Array(lengthBytes)
  const view = viewOf(bytes)
  const { reservation } = state
  const holder = reservation?.holder === undefined ? -1 : ids.indexOf(reservation.holder)
  view.setUint32(AT.magic, MAGIC, true)
  view.setUint16(AT.version, sanitize === undefined ? VERSION.RESERVATIONS : VERSION.SANITIZE, true)
  bytes[AT.type] = reservation === undefined ? 0 : 1 + RESERVATION_TYPES.indexOf(reservation.type)
  bytes[AT.flags] = state.persistent ? FLAG_PERSISTENT : 0
  view.setUint32(AT.lengthBytes, lengthBytes, true)
  view.setUint32(AT.generation, state.generation, true)
  view.setUint32(AT.registrants, ids.length, true)
  view.setUint32(AT.holder, holder < 0 ? NO_INDEX : holder, true)
  let offset = Header.lengthBytes
  for (const [index, key] of [...state.registrants.values()].entries()) {
    const name = names[index]!
    view.setBigUint64(offset, key, true)
    view.setUint16(offset + 8, name.byteLength, true)
    bytes.set(name, offset + REGISTRANT_HEADER_BYTES)
    offset += REGISTRANT_HEADER_BYTES + name.byteLength
  }
  bytes.set(operation, offset)
  const end = lengthBytes - CRC_BYTES
  view.setUint32(end, crc32c(bytes.subarray(0, end)), true)
  return bytes
}

/** Throws CORRUPT, or UNKNOWN_FORMAT for a version of a later program. */
export function decodeFrontendState(bytes: Uint8Array): FrontendState {
  if (bytes.byteLength === 0) return { reservations: NO_RESERVATIONS, sanitize: undefined }
  if (bytes.byteLength < Header.lengthBytes + CRC_BYTES) throw corrupt('too short')
  const view = viewOf(bytes)
  if (view.getUint32(AT.magic, true) !== MAGIC) throw corrupt('wrong magic')
  const version = view.getUint16(AT.version, true)
  if (version !== VERSION.RESERVATIONS && version !== VERSION.SANITIZE) {
    throw new BlockError(
      'UNKNOWN_FORMAT',
      `the front ends' records have version ${version}, this program knows ${VERSION.SANITIZE}`,
    )
  }
  const end = bytes.byteLength - CRC_BYTES
  if (view.getUint32(AT.lengthBytes, true) !== bytes.byteLength) throw corrupt('wrong length')
  if (view.getUint32(end, true) !== crc32c(bytes.subarray(0, end))) throw corrupt('wrong checksum')
  const { registrants, rest } = decodeRegistrants(bytes.subarray(0, end), view)
  if (version === VERSION.RESERVATIONS && rest.byteLength > 0)
    throw corrupt('bytes after the last registrant')
  return {
    reservations: {
      generation: view.getUint32(AT.generation, true),
      persistent: (view.getUint8(AT.flags) & FLAG_PERSISTENT) !== 0,
      registrants,
      reservation: decodeReservation(view, [...registrants.keys()]),
    },
    sanitize: version === VERSION.SANITIZE ? decodeSanitize(rest) : undefined,
  }
}

/** The registrants, and what follows them. */
function decodeRegistrants(
  bytes: Uint8Array,
  view: DataView,
): { registrants: Map<RegistrantId, bigint>; rest: Uint8Array } {
  const count = view.getUint32(AT.registrants, true)
  if (count > REGISTRANTS_MAX) throw corrupt('too many registrants')
  const registrants = new Map<RegistrantId, bigint>()
  let offset = Header.lengthBytes
  for (let i = 0; i < count; i++) {
    if (offset + REGISTRANT_HEADER_BYTES > bytes.byteLength) throw corrupt('a registrant is cut off')
    const key = view.getBigUint64(offset, true)
    const nameBytes = view.getUint16(offset + 8, true)
    const start = offset + REGISTRANT_HEADER_BYTES
    offset = start + nameBytes
    if (offset > bytes.byteLength) throw corrupt('a registrant is cut off')
    if (key === 0n || nameBytes === 0 || nameBytes > REGISTRANT_ID_BYTES_MAX)
      throw corrupt('a registrant is bad')
    registrants.set(new TextDecoder().decode(bytes.subarray(start, offset)), key)
  }
  if (registrants.size !== count) throw corrupt('a registrant is there twice')
  return { registrants, rest: bytes.subarray(offset) }
}

function decodeReservation(view: DataView, ids: readonly RegistrantId[]): Reservation | undefined {
  const code = view.getUint8(AT.type)
  const index = view.getUint32(AT.holder, true)
  const type = RESERVATION_TYPES[code - 1]
  if (code === 0 ? index !== NO_INDEX : type === undefined) throw corrupt('unknown type')
  if (type === undefined) return undefined
  const holder = ids[index]
  const isRight = isAllRegistrants(type) ? index === NO_INDEX && ids.length > 0 : holder !== undefined
  if (!isRight) throw corrupt('wrong holder')
  return { type, holder }
}

const corrupt = (what: string): BlockError =>
  new BlockError('CORRUPT', `stored records of the front ends: ${what}`)

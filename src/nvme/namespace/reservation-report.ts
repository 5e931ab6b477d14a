/**
 * Reservation Report (NVM Express Base 2.0, Reservation Report command). Hosts of Fabrics have identifiers of 128 bits,
 * so it is always the extended data structure; a command that asks for the other is told so.
 *
 *     0   4  GEN      24..63 reserved, then for each registered controller 64 bytes:
 *     4   1  RTYPE     0   2  CNTLID, FFFFh when the host has no controller here
 *     5   2  REGCTL    2   1  RCSTS, bit 0: holds the reservation
 *     9   1  PTPLS     8   8  RKEY
 *                     16  16  HOSTID
 */
import { createHash } from 'node:crypto'
import { isHolder, type RegistrantId, type ReservationState } from '../../frontend/reservations/state.ts'
import { final, STATUS } from '../status.ts'
import type { CommandHandler } from './blocks.ts'
import { hostIdOf } from './registrant.ts'
import { TYPE_CODES } from './reservations.ts'
import { plainResult } from './result.ts'
import { cdw10Of, cdw11Of } from './sqe.ts'

const HEADER_BYTES = 64
const ENTRY_BYTES = 64
/** Of a host that has no controller here: one of iSCSI, or one that uses another path. */
const CONTROLLER_NONE = 0xffff
/** More is not given, whatever the command asks for. */
const REPORT_BYTES_MAX = 1 << 20

export const report: CommandHandler = (namespace, { sqe, dataInLengthMax }) => {
  const isExtended = (cdw11Of(sqe) & 0x01) !== 0
  if (!isExtended) return plainResult(final(STATUS.HOST_ID_INCONSISTENT))
  const wantedBytes = (cdw10Of(sqe) + 1) * 4 // NUMD counts from 0
  if (dataInLengthMax !== wantedBytes) return plainResult(final(STATUS.DATA_SGL_LENGTH_INVALID))
  const whole = encodeReport(namespace.reservations.state, (id) => namespace.controllers.controllerIdsOf(id))
  const dataIn = new Uint8Array(Math.min(wantedBytes, REPORT_BYTES_MAX))
  dataIn.set(whole.subarray(0, dataIn.byteLength))
  return { status: STATUS.SUCCESS, dword0: 0, dataIn, release: undefined }
}

function encodeReport(
  state: ReservationState,
  controllerIdsOf: (registrant: RegistrantId) => readonly number[],
): Uint8Array {
  const entries = [...state.registrants].flatMap(([id, key]) => {
    const ids = controllerIdsOf(id)
    return (ids.length === 0 ? [CONTROLLER_NONE] : ids).map((controllerId) => ({ id, key, controllerId }))
  })
  const data = new Uint8Array(HEADER_BYTES + entries.length * ENTRY_BYTES)
  const view = new DataView(data.buffer)
  view.setUint32(0, state.generation, true)
  data[4] = state.reservation === undefined ? 0 : TYPE_CODES[state.reservation.type]
  view.setUint16(5, entries.length, true)
  data[9] = state.persistent ? 1 : 0
  for (const [i, { id, key, controllerId }] of entries.entries()) {
    const at = HEADER_BYTES + i * ENTRY_BYTES
    view.setUint16(at, controllerId, true)
    data[at + 2] = isHolder(state, id) ? 1 : 0
    view.setBigUint64(at + 8, key, true)
    data.set(hostIdOf(id) ?? foreignIdOf(id), at + 16)
  }
  return data
}

/** A registrant of iSCSI has no host identifier: it is given one that is the same each time, made of its name. */
const foreignIdOf = (id: RegistrantId): Uint8Array =>
  Uint8Array.from(createHash('sha256').update(id).digest().subarray(0, 16))

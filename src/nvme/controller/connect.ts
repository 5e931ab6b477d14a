/**
 * Fabrics Connect (NVMe Base 2.0 §6.3): what it asks for, and the answers. A refusal names the field that is wrong:
 * dword 0 holds its offset in bits 15:0 (IPO), and in bit 16 (IATTR) whether it is in the data or in the entry.
 */
import { viewOf } from '../../base/binary.ts'
import {
  CATTR_DISABLE_SQ_FLOW_CONTROL,
  CNTLID_DYNAMIC,
  ConnectData,
  ConnectSqe,
  NQN_FIELD_BYTES,
  readNqn,
} from '../fabrics.ts'
import { final, STATUS } from '../status.ts'
import { type AdminCommand, type AdminResult, adminStatus, adminValue } from './admin-types.ts'

export interface ConnectRequest {
  readonly queueId: number
  /** Entries of the submission queue. */
  readonly entries: number
  readonly sqFlowControl: boolean
  /** Rounded up to whole seconds; of the admin queue. */
  readonly keepAliveMs: number
  readonly hostId: Uint8Array
  readonly controllerId: number
  readonly subsystemNqn: string
  readonly hostNqn: string
}

const SQE = ConnectSqe.at
const DATA = ConnectData.at
const IN_DATA = 0x1_0000
/** AUTHREQ of the answer: the host shall authenticate by the transaction protocol (ATR). */
const AUTHENTICATE = 0x2_0000
const SECOND_MS = 1000

const inEntry = (offset: number, status: number = STATUS.CONNECT_INVALID_PARAMETERS): AdminResult => ({
  ...adminStatus(final(status), offset),
  dword0: offset,
})
const inData = (offset: number, status: number = STATUS.CONNECT_INVALID_PARAMETERS): AdminResult => ({
  ...adminStatus(final(status)),
  dword0: IN_DATA | offset,
})

/** Fields that a Connect may be refused for. */
export const CONNECT_REFUSAL = {
  queueId: inEntry(SQE.qid),
  queueSize: inEntry(SQE.sqsize),
  keepAlive: inEntry(SQE.kato),
  hostId: inData(DATA.hostId),
  controllerId: inData(DATA.cntlid),
  subsystemNqn: inData(DATA.subNqn),
  hostNqn: inData(DATA.hostNqn),
  /** The host may not use this subsystem. */
  host: inData(DATA.hostNqn, STATUS.CONNECT_INVALID_HOST),
  format: { ...adminStatus(final(STATUS.CONNECT_INCOMPATIBLE_FORMAT), SQE.recfmt), dword0: SQE.recfmt },
  /** No more controllers, or the volume is not here yet: the host shall try again. */
  busy: adminStatus(STATUS.CONNECT_CONTROLLER_BUSY),
  /** The queue is connected already, or the controller is not ready. */
  sequence: adminStatus(final(STATUS.COMMAND_SEQUENCE_ERROR)),
} as const

/** Reads a Connect; the result of its refusal when it cannot be one of anybody. */
export function readConnect(
  command: AdminCommand,
  limits: {
    readonly queueEntries: number
    readonly ioQueuesMax: number
    readonly keepAliveMsMax: number
  },
): { readonly request: ConnectRequest } | { readonly refusal: AdminResult } {
  const { view, dataOut } = command
  if (view.getUint16(SQE.recfmt, true) !== 0) return { refusal: CONNECT_REFUSAL.format }
  if (dataOut.byteLength !== ConnectData.lengthBytes) {
    return { refusal: adminStatus(final(STATUS.DATA_SGL_LENGTH_INVALID)) }
  }
  const queueId = view.getUint16(SQE.qid, true)
  const size = view.getUint16(SQE.sqsize, true)
  const keepAliveMs = queueId === 0 ? view.getUint32(SQE.kato, true) : 0
  if (queueId > limits.ioQueuesMax) return { refusal: CONNECT_REFUSAL.queueId }
  if (size === 0 || size >= limits.queueEntries) return { refusal: CONNECT_REFUSAL.queueSize }
  if (keepAliveMs > limits.keepAliveMsMax) return { refusal: CONNECT_REFUSAL.keepAlive }
  const data = viewOf(dataOut)
  const controllerId = data.getUint16(DATA.cntlid, true)
  if (queueId === 0 && controllerId !== CNTLID_DYNAMIC) return { refusal: CONNECT_REFUSAL.controllerId }
  const subsystemNqn = readNqn(dataOut.subarray(DATA.subNqn, DATA.subNqn + NQN_FIELD_BYTES))
  if (subsystemNqn === undefined) return { refusal: CONNECT_REFUSAL.subsystemNqn }
  const hostNqn = readNqn(dataOut.subarray(DATA.hostNqn, DATA.hostNqn + NQN_FIELD_BYTES))
  if (hostNqn === undefined) return { refusal: CONNECT_REFUSAL.hostNqn }
  return {
    request: {
      queueId,
      entries: size + 1,
      sqFlowControl: (view.getUint8(SQE.cattr) & CATTR_DISABLE_SQ_FLOW_CONTROL) === 0,
      keepAliveMs: Math.ceil(keepAliveMs / SECOND_MS) * SECOND_MS,
      // The data is lent.
      hostId: Uint8Array.from(dataOut.subarray(DATA.hostId, DATA.hostId + 16)),
      controllerId,
      subsystemNqn,
      hostNqn,
    },
  }
}

/** The answer to a Connect that succeeded. */
export const connected = (controllerId: number, mustAuthenticate: boolean): AdminResult =>
  adminValue(controllerId | (mustAuthenticate ? AUTHENTICATE : 0))

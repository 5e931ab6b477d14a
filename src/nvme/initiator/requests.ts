/** Commands as requests: Fabrics and admin commands that a host sends (NVM Express Base Specification 2.0 §5, §6). */
import { viewOf } from '../../base/binary.ts'
import { AdminOpcode, FABRICS_OPCODE, FabricsType } from '../commands.ts'
import { CATTR_DISABLE_SQ_FLOW_CONTROL, ConnectData, NQN_FIELD_BYTES, writeNqn } from '../fabrics.ts'
import type { NvmeRequest } from './command.ts'

export interface ConnectFields {
  readonly qid: number
  /** Entries of the queue; SQSIZE is one less. */
  readonly entries: number
  /** Keep alive time in ms; 0 for none, and on I/O queues. */
  readonly keepAliveMs: number
  /** FFFFh for a new controller, else the one that the I/O queue belongs to. */
  readonly controllerId: number
  /** 16 bytes. */
  readonly hostId: Uint8Array
  readonly hostNqn: string
  readonly subsystemNqn: string
  /** The host counts what is outstanding by itself; a read may then end with its last data. False by default. */
  readonly withoutFlowControl?: boolean
}

const WITHOUT_FLOW_CONTROL = CATTR_DISABLE_SQ_FLOW_CONTROL << 16

export function connect(fields: ConnectFields): NvmeRequest {
  const dataOut = new Uint8Array(ConnectData.lengthBytes)
  const { at } = ConnectData
  dataOut.set(fields.hostId, at.hostId)
  viewOf(dataOut).setUint16(at.cntlid, fields.controllerId, true)
  writeNqn(dataOut.subarray(at.subNqn, at.subNqn + NQN_FIELD_BYTES), fields.subsystemNqn)
  writeNqn(dataOut.subarray(at.hostNqn, at.hostNqn + NQN_FIELD_BYTES), fields.hostNqn)
  return {
    opcode: FABRICS_OPCODE,
    fctype: FabricsType.connect,
    cdw10: (fields.qid << 16) >>> 0,
    cdw11: (fields.entries - 1) | (fields.withoutFlowControl === true ? WITHOUT_FLOW_CONTROL : 0),
    cdw12: fields.keepAliveMs,
    dataOut,
  }
}

/** `lengthBytes`: 4 or 8. */
export const propertyGet = (offset: number, lengthBytes: 4 | 8): NvmeRequest => ({
  opcode: FABRICS_OPCODE,
  fctype: FabricsType.propertyGet,
  cdw10: lengthBytes === 8 ? 1 : 0,
  cdw11: offset,
})

/** A property of four bytes. */
export const propertySet = (offset: number, value: number): NvmeRequest => ({
  opcode: FABRICS_OPCODE,
  fctype: FabricsType.propertySet,
  cdw11: offset,
  cdw12: value,
})

/** `dataIn`: 4096 bytes. */
export const identify = (cns: number, dataIn: Uint8Array, nsid = 0): NvmeRequest => ({
  opcode: AdminOpcode.identify,
  nsid,
  cdw10: cns,
  dataIn,
})

/** Fills `dataIn`, of whole dwords, from `offset` of the page. `retain`: the event that it belongs to stays masked. */
export function getLogPage(
  page: number,
  dataIn: Uint8Array,
  options: { offset?: number; retain?: boolean; nsid?: number; specific?: number } = {},
): NvmeRequest {
  const dwords = dataIn.byteLength / 4 - 1
  const { offset = 0, retain = false, nsid = 0, specific = 0 } = options
  return {
    opcode: AdminOpcode.getLogPage,
    nsid,
    cdw10: (page | (specific << 8) | (retain ? 0x8000 : 0) | ((dwords & 0xffff) << 16)) >>> 0,
    cdw11: dwords >>> 16,
    cdw12: offset % 2 ** 32,
    cdw13: Math.floor(offset / 2 ** 32),
    dataIn,
  }
}

export const setFeatures = (feature: number, value: number): NvmeRequest => ({
  opcode: AdminOpcode.setFeatures,
  cdw10: feature,
  cdw11: value,
})

export const keepAlive: NvmeRequest = { opcode: AdminOpcode.keepAlive }

export const asynchronousEvent: NvmeRequest = {
  opcode: AdminOpcode.asynchronousEventRequest,
  timeoutMs: Number.POSITIVE_INFINITY,
}

/** Feature identifiers. */
export const Feature = {
  numberOfQueues: 0x07,
  asynchronousEventConfiguration: 0x0b,
  keepAliveTimer: 0x0f,
  hostIdentifier: 0x81,
  reservationNotificationMask: 0x82,
  reservationPersistence: 0x83,
} as const

/** Log page identifiers. */
export const LogPage = {
  errorInformation: 0x01,
  health: 0x02,
  changedNamespaces: 0x04,
  commandsSupported: 0x05,
  ana: 0x0c,
  discovery: 0x70,
  reservationNotification: 0x80,
} as const

/** CNS values of Identify. */
export const Cns = {
  namespace: 0x00,
  controller: 0x01,
  activeNamespaces: 0x02,
  namespaceDescriptors: 0x03,
} as const

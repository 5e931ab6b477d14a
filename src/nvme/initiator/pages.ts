/** What a host reads of Identify data and log pages; the rest of those pages is not looked at. */
import { readU64, viewOf } from '../../base/binary.ts'
import { BlockError } from '../../base/errors.ts'
import {
  DiscoveryLogEntry,
  DiscoveryLogHeader,
  NQN_FIELD_BYTES,
  readNqn,
  SubsystemType,
  TransportType,
} from '../fabrics.ts'

export const IDENTIFY_BYTES = 4096

export interface ControllerIdentity {
  readonly serial: string
  readonly model: string
  readonly controllerId: number
  /** Bytes that a command moves at most; Infinity when the controller sets no limit. */
  readonly transferBytesMax: number
  /** Data that a command on an I/O queue may bring in its capsule. */
  readonly capsuleDataBytes: number
  /** Asynchronous event requests that it takes. */
  readonly eventRequestsMax: number
  readonly hasAna: boolean
  readonly subsystemNqn: string | undefined
  readonly maxCommands: number
}

const PAGE_BYTES = 4096
const CMIC_ANA = 0x08
const SQE_UNITS = 4

export function readController(page: Uint8Array): ControllerIdentity {
  const view = viewOf(page)
  const mdts = view.getUint8(77)
  const ioccsz = view.getUint32(1792, true)
  return {
    serial: text(page, 4, 20),
    model: text(page, 24, 40),
    controllerId: view.getUint16(78, true),
    transferBytesMax: mdts === 0 ? Number.POSITIVE_INFINITY : PAGE_BYTES * 2 ** mdts,
    capsuleDataBytes: Math.max(0, ioccsz - SQE_UNITS) * 16,
    eventRequestsMax: view.getUint8(259) + 1,
    hasAna: (view.getUint8(76) & CMIC_ANA) !== 0,
    subsystemNqn: readNqn(page.subarray(768, 768 + NQN_FIELD_BYTES)),
    maxCommands: view.getUint16(514, true),
  }
}

export interface NamespaceIdentity {
  readonly blocks: number
  readonly logicalBlockBytes: number
  readonly anaGroup: number
  readonly nguid: Uint8Array
}

/** Of CNS 00h. PROTOCOL when it makes no sense. */
export function readNamespace(page: Uint8Array): NamespaceIdentity {
  const view = viewOf(page)
  const blocks = readU64(view, 0)
  const format = view.getUint8(26) & 0x0f
  const dataShift = view.getUint8(128 + 4 * format + 2)
  if (blocks <= 0 || dataShift < 9 || dataShift > 16) {
    throw new BlockError('PROTOCOL', 'the Identify data of the namespace cannot be read')
  }
  return {
    blocks,
    logicalBlockBytes: 2 ** dataShift,
    anaGroup: view.getUint32(92, true),
    nguid: Uint8Array.from(page.subarray(104, 120)),
  }
}

/** ANA states (§8.1.1). */
export const AnaState = {
  optimized: 1,
  nonOptimized: 2,
  inaccessible: 3,
  persistentLoss: 4,
  change: 15,
} as const

interface AnaGroup {
  readonly group: number
  /** An `AnaState`, or what the controller says instead. */
  readonly state: number
  readonly namespaces: readonly number[]
}

export interface AnaLog {
  readonly changeCount: number
  readonly groups: readonly AnaGroup[]
}

const ANA_DESCRIPTOR_BYTES = 32

/** Descriptors that do not fit `page` are left out. */
export function readAnaLog(page: Uint8Array): AnaLog {
  const view = viewOf(page)
  const groups: AnaGroup[] = []
  const count = view.getUint16(8, true)
  let at = 16
  for (let i = 0; i < count && at + ANA_DESCRIPTOR_BYTES <= page.byteLength; i++) {
    const namespaceCount = view.getUint32(at + 4, true)
    const listAt = at + ANA_DESCRIPTOR_BYTES
    if (listAt + 4 * namespaceCount > page.byteLength) break
    const namespaces = Array.from({ length: namespaceCount }, (_, n) => view.getUint32(listAt + 4 * n, true))
    groups.push({
      group: view.getUint32(at, true),
      state: view.getUint8(at + 16) & 0x0f,
      namespaces,
    })
    at = listAt + 4 * namespaceCount
  }
  return { changeCount: readU64(view, 0), groups }
}

export interface DiscoveryEntry {
  readonly kind: 'nvm' | 'referral' | 'current' | 'unknown'
  readonly subsystemNqn: string
  readonly address: string
  readonly port: string
  readonly portId: number
  /** FFFFh: the subsystem gives controllers as it likes. */
  readonly controllerId: number
  readonly isTcp: boolean
  readonly addressFamily: number
}

export const DISCOVERY_UNIT_BYTES = 1024

export function readDiscoveryHeader(page: Uint8Array): { generation: number; records: number } {
  const view = viewOf(page)
  const { at } = DiscoveryLogHeader
  return { generation: readU64(view, at.genctr), records: readU64(view, at.numrec) }
}

/** Entry `index` of `entries`: the page without its header, or a part of it. */
export function readDiscoveryEntry(entries: Uint8Array, index: number): DiscoveryEntry {
  const start = DISCOVERY_UNIT_BYTES * index
  const entry = entries.subarray(start, start + DISCOVERY_UNIT_BYTES)
  const view = viewOf(entry)
  const { at } = DiscoveryLogEntry
  const kinds: Record<number, DiscoveryEntry['kind']> = {
    [SubsystemType.nvm]: 'nvm',
    [SubsystemType.referral]: 'referral',
    [SubsystemType.current]: 'current',
  }
  return {
    kind: kinds[view.getUint8(at.subtype)] ?? 'unknown',
    subsystemNqn: readNqn(entry.subarray(at.subNqn, at.subNqn + NQN_FIELD_BYTES)) ?? '',
    address: text(entry, at.traddr, 256),
    port: text(entry, at.trsvcid, 32),
    portId: view.getUint16(at.portid, true),
    controllerId: view.getUint16(at.cntlid, true),
    isTcp: view.getUint8(at.trtype) === TransportType.tcp,
    addressFamily: view.getUint8(at.adrfam),
  }
}

/** ASCII up to the padding, of spaces or NULs. */
function text(page: Uint8Array, offset: number, lengthBytes: number): string {
  const field = Buffer.from(page.buffer, page.byteOffset + offset, lengthBytes).toString('latin1')
  return field.replace(/[\0 ]+$/, '')
}

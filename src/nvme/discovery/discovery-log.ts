/**
 * The discovery log page (70h; NVMe Base 2.0 §5.16.1.23): a header, and an entry of 1024 bytes for each way to a
 * subsystem that the host may use.
 */
import { viewOf, writeU64 } from '../../base/binary.ts'
import type { LogPart } from '../controller/controller.ts'
import { writeAscii } from '../controller/facts.ts'
import {
  AddressFamily,
  CNTLID_DYNAMIC,
  DISCOVERY_NQN,
  DiscoveryLogEntry,
  DiscoveryLogHeader,
  SubsystemType,
  TransportType,
  writeNqn,
} from '../fabrics.ts'

export interface DiscoveryEntry {
  readonly nqn: string
  /** Without brackets. */
  readonly host: string
  readonly port: number
  /** Tells the ports of the service apart. */
  readonly portId: number
}

const HEADER = DiscoveryLogHeader.at
const AT = DiscoveryLogEntry.at
/**
 * TREQ, bit 2: SQ flow control may be disabled. Bits 1:0 say nothing of a secure channel (00b), since there is none to be
 * had: hosts with libnvme take "not required" (10b) for an offer of TLS and ask their kernel for it.
 */
const TREQ = 0x04
/** EFLAGS bit 1: the discovery service keeps the connections of hosts that ask for it. */
const EFLAGS_PERSISTENT = 0x02
const ENTRY_BYTES = DiscoveryLogEntry.lengthBytes
const NOTHING = new Uint8Array(0)

/**
 * The page from `offset` on, at most `lengthBytes` of it: with thousands of volumes it is megabytes long, and hosts read
 * it in pieces.
 */
export function discoveryLog(options: {
  readonly generation: number
  readonly entries: readonly DiscoveryEntry[]
  readonly adminEntries: number
  readonly offset: number
  readonly lengthBytes: number
}): LogPart {
  const { generation, entries, adminEntries, offset, lengthBytes } = options
  const totalBytes = (1 + entries.length) * ENTRY_BYTES
  // Header and entries are units of one size.
  const first = Math.floor(offset / ENTRY_BYTES)
  const end = Math.min(1 + entries.length, Math.ceil((offset + lengthBytes) / ENTRY_BYTES))
  if (first >= end) return { part: NOTHING, totalBytes }
  const page = new Uint8Array((end - first) * ENTRY_BYTES)
  const view = viewOf(page)
  for (let unit = first; unit < end; unit++) {
    const at = (unit - first) * ENTRY_BYTES
    const entry = entries[unit - 1]
    if (entry === undefined) {
      writeU64(view, HEADER.genctr, generation)
      writeU64(view, HEADER.numrec, entries.length)
      continue
    }
    const { nqn, host, port, portId } = entry
    const isDiscovery = nqn === DISCOVERY_NQN
    view.setUint8(at + AT.trtype, TransportType.tcp)
    view.setUint8(at + AT.adrfam, host.includes(':') ? AddressFamily.ipv6 : AddressFamily.ipv4)
    view.setUint8(at + AT.subtype, isDiscovery ? SubsystemType.current : SubsystemType.nvm)
    view.setUint8(at + AT.treq, TREQ)
    view.setUint16(at + AT.portid, portId, true)
    view.setUint16(at + AT.cntlid, CNTLID_DYNAMIC, true)
    view.setUint16(at + AT.asqsz, adminEntries, true)
    view.setUint16(at + AT.eflags, isDiscovery ? EFLAGS_PERSISTENT : 0, true)
    writeAscii(page, at + AT.trsvcid, 32, String(port))
    writeNqn(page.subarray(at + AT.subNqn, at + AT.traddr), nqn)
    writeAscii(page, at + AT.traddr, 256, host)
  }
  const start = offset - first * ENTRY_BYTES
  return { part: page.subarray(start, start + lengthBytes), totalBytes }
}

/**
 * What Fabrics commands carry (NVM Express Base Specification 2.0 §6, §3.1.3): Connect, properties, the discovery log.
 */
import { bytes, layout, u8, u16, u32 } from '../base/layout.ts'

/** NQN of every discovery service. */
export const DISCOVERY_NQN = 'nqn.2014-08.org.nvmexpress.discovery'
/** A field of an NQN; the name is at most 223 bytes, padded with NULs. */
export const NQN_FIELD_BYTES = 256
export const NQN_BYTES_MAX = 223
/** CNTLID of a Connect to the admin queue under the dynamic controller model. */
export const CNTLID_DYNAMIC = 0xffff
/** IANA's port of NVMe/TCP. */
export const NVME_PORT = 4420

/** CDW10 to CDW12 of Connect. SQSIZE is minus one; KATO in milliseconds, for the admin queue. */
export const ConnectSqe = layout('ConnectSqe', 64, {
  opcode: u8(0),
  flags: u8(1),
  cid: u16(2),
  fctype: u8(4),
  reserved1: bytes(5, 19),
  sgl1: bytes(24, 16),
  recfmt: u16(40),
  qid: u16(42),
  sqsize: u16(44),
  cattr: u8(46),
  reserved2: u8(47),
  kato: u32(48),
  reserved3: bytes(52, 12),
})

/** CATTR bit 2: the host does not want SQ flow control. */
export const CATTR_DISABLE_SQ_FLOW_CONTROL = 0x04

/** Data of Connect. */
export const ConnectData = layout('ConnectData', 1024, {
  hostId: bytes(0, 16),
  cntlid: u16(16),
  reserved1: bytes(18, 238),
  subNqn: bytes(256, NQN_FIELD_BYTES),
  hostNqn: bytes(512, NQN_FIELD_BYTES),
  reserved2: bytes(768, 256),
})

/** Offsets of the properties that there are over Fabrics. */
export const Property = { cap: 0x00, vs: 0x08, cc: 0x14, csts: 0x1c, nssr: 0x20 } as const

/** Header of the discovery log page (70h). */
export const DiscoveryLogHeader = layout('DiscoveryLogHeader', 1024, {
  genctr: bytes(0, 8),
  numrec: bytes(8, 8),
  recfmt: u16(16),
  reserved: bytes(18, 1006),
})

/** Entry of the discovery log page. Text is ASCII, padded with spaces, but of SUBNQN with NULs. */
export const DiscoveryLogEntry = layout('DiscoveryLogEntry', 1024, {
  trtype: u8(0),
  adrfam: u8(1),
  subtype: u8(2),
  treq: u8(3),
  portid: u16(4),
  cntlid: u16(6),
  asqsz: u16(8),
  eflags: u16(10),
  reserved1: bytes(12, 20),
  trsvcid: bytes(32, 32),
  reserved2: bytes(64, 192),
  subNqn: bytes(256, NQN_FIELD_BYTES),
  traddr: bytes(512, 256),
  tsas: bytes(768, 256),
})

export const TransportType = { rdma: 1, fibreChannel: 2, tcp: 3 } as const
export const AddressFamily = { ipv4: 1, ipv6: 2 } as const
/** SUBTYPE: a referral to another discovery service, an NVM subsystem, this discovery service itself. */
export const SubsystemType = { referral: 1, nvm: 2, current: 3 } as const

/** The name in an NQN field: up to the first NUL; undefined when there is none, or it is not text. */
export function readNqn(field: Uint8Array): string | undefined {
  const end = field.indexOf(0)
  if (end <= 0 || end > NQN_BYTES_MAX) return undefined
  const name = Buffer.from(field.buffer, field.byteOffset, end)
  const text = name.toString('utf8')
  return Buffer.byteLength(text) === end && !text.includes('\ufffd') ? text : undefined
}

/** Fills an NQN field, 256 bytes. */
export function writeNqn(field: Uint8Array, nqn: string): void {
  field.fill(0)
  Buffer.from(field.buffer, field.byteOffset, field.byteLength).write(nqn, 'utf8')
}

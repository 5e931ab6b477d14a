/** Identify Controller data structures (NVMe Base 2.0, figure "Identify Controller Data Structure"; CNS 01h and 06h). */
import { viewOf } from '../../base/binary.ts'
import { DISCOVERY_NQN } from '../fabrics.ts'
import { ANA_GROUP, compareAndWriteBytesMax, type NamespaceFacts } from '../namespace/identify.ts'
import { NSID } from '../namespace/namespace.ts'
import { ASYNC_REQUESTS_MAX } from './async-events.ts'
import {
  ABORT_LIMIT,
  ADMIN_CAPSULE_BYTES,
  ANA_TRANSITION_SECONDS,
  ANACAP,
  CMIC,
  CQES,
  CTRATT,
  DSM_RANGES_MAX,
  ERROR_LOG_ENTRIES,
  FUSES,
  KEEP_ALIVE_GRANULARITY,
  LPA,
  MDTS,
  OAES_DISCOVERY,
  OAES_VOLUME,
  OFCS,
  ONCS,
  SGLS,
  SQES,
  VWC,
} from './capabilities.ts'
import { FIRMWARE, MODEL, serialOf, writeAscii } from './facts.ts'
import { VERSION } from './properties.ts'

export const IDENTIFY_BYTES = 4096

/** Offsets of what is filled in. */
const AT = {
  sn: 4,
  mn: 24,
  fr: 64,
  cmic: 76,
  mdts: 77,
  cntlid: 78,
  ver: 80,
  oaes: 92,
  ctratt: 96,
  cntrltype: 111,
  acl: 258,
  aerl: 259,
  frmw: 260,
  lpa: 261,
  elpe: 262,
  avscc: 264,
  wctemp: 266,
  cctemp: 268,
  kas: 320,
  anatt: 342,
  anacap: 343,
  anagrpmax: 344,
  nanagrpid: 348,
  sqes: 512,
  cqes: 513,
  maxcmd: 514,
  nn: 516,
  oncs: 520,
  fuses: 522,
  vwc: 525,
  awun: 526,
  awupf: 528,
  acwu: 532,
  sgls: 536,
  mnan: 540,
  subnqn: 768,
  ioccsz: 1792,
  iorcsz: 1796,
  msdbd: 1803,
  ofcs: 1804,
} as const

const CNTRLTYPE_IO = 1
const CNTRLTYPE_DISCOVERY = 2
/** FRMW: one slot, which is read-only. */
const FRMW = 0x03
/** Kelvin; there is no sensor, and 0 would mean that nothing is reported. */
const WARNING_KELVIN = 343
const CRITICAL_KELVIN = 353
const UNIT_BYTES = 16
const SQE_BYTES = 64

interface Common {
  readonly controllerId: number
  readonly subsystemNqn: string
  readonly queueEntries: number
}

function common(page: Uint8Array, { controllerId, subsystemNqn, queueEntries }: Common): DataView {
  const view = viewOf(page)
  writeAscii(page, AT.mn, 40, MODEL)
  writeAscii(page, AT.fr, 8, FIRMWARE)
  view.setUint8(AT.mdts, MDTS)
  view.setUint16(AT.cntlid, controllerId, true)
  view.setUint32(AT.ver, VERSION, true)
  view.setUint8(AT.aerl, ASYNC_REQUESTS_MAX - 1)
  view.setUint8(AT.lpa, LPA)
  view.setUint8(AT.elpe, ERROR_LOG_ENTRIES - 1)
  view.setUint8(AT.frmw, FRMW)
  view.setUint16(AT.kas, KEEP_ALIVE_GRANULARITY, true)
  view.setUint16(AT.maxcmd, queueEntries, true)
  view.setUint32(AT.sgls, SGLS, true)
  Buffer.from(page.buffer, page.byteOffset, page.byteLength).write(subsystemNqn, AT.subnqn, 256, 'utf8')
  view.setUint32(AT.iorcsz, 1, true)
  view.setUint8(AT.msdbd, 1)
  view.setUint16(AT.ofcs, OFCS, true)
  return view
}

/** CNS 01h of a controller of a volume. */
export function identifyController(
  facts: NamespaceFacts,
  options: Common & { readonly inCapsuleBytes: number },
): Uint8Array {
  const page = new Uint8Array(IDENTIFY_BYTES)
  const view = common(page, options)
  writeAscii(page, AT.sn, 20, serialOf(facts.uuid))
  view.setUint8(AT.cmic, CMIC)
  view.setUint32(AT.oaes, OAES_VOLUME, true)
  view.setUint32(AT.ctratt, CTRATT, true)
  view.setUint8(AT.cntrltype, CNTRLTYPE_IO)
  view.setUint8(AT.acl, ABORT_LIMIT)
  view.setUint8(AT.avscc, 1)
  view.setUint16(AT.wctemp, WARNING_KELVIN, true)
  view.setUint16(AT.cctemp, CRITICAL_KELVIN, true)
  view.setUint8(AT.anatt, ANA_TRANSITION_SECONDS)
  view.setUint8(AT.anacap, ANACAP)
  view.setUint32(AT.anagrpmax, ANA_GROUP, true)
  view.setUint32(AT.nanagrpid, 1, true)
  view.setUint8(AT.sqes, SQES)
  view.setUint8(AT.cqes, CQES)
  view.setUint32(AT.nn, NSID, true)
  view.setUint32(AT.mnan, 1, true)
  view.setUint16(AT.oncs, ONCS, true)
  view.setUint16(AT.fuses, FUSES, true)
  view.setUint8(AT.vwc, VWC)
  const atomicBlocks = fromZero(facts.atomicWriteBytesMax, facts)
  view.setUint16(AT.awun, atomicBlocks, true)
  view.setUint16(AT.awupf, atomicBlocks, true)
  view.setUint16(AT.acwu, fromZero(compareAndWriteBytesMax(facts), facts), true)
  view.setUint32(AT.ioccsz, (SQE_BYTES + options.inCapsuleBytes) / UNIT_BYTES, true)
  return page
}

/** CNS 01h of a discovery controller. */
export function identifyDiscovery(options: Common): Uint8Array {
  const page = new Uint8Array(IDENTIFY_BYTES)
  const view = common(page, { ...options, subsystemNqn: DISCOVERY_NQN })
  view.setUint32(AT.oaes, OAES_DISCOVERY, true)
  view.setUint8(AT.cntrltype, CNTRLTYPE_DISCOVERY)
  view.setUint32(AT.ioccsz, (SQE_BYTES + ADMIN_CAPSULE_BYTES) / UNIT_BYTES, true)
  return page
}

/** CNS 06h, CSI 00h (NVM Command Set 1.0, I/O Command Set specific Identify Controller). */
export function identifyNvmController(): Uint8Array {
  const page = new Uint8Array(IDENTIFY_BYTES)
  page[3] = DSM_RANGES_MAX
  return page
}

/** Blocks of `bytes`, at least one, as a field that counts from 0. */
const fromZero = (bytes: number, { logicalBlockBytes }: NamespaceFacts): number =>
  Math.min(0xffff, Math.max(1, Math.floor(bytes / logicalBlockBytes)) - 1)

/**
 * The log pages of a controller (NVMe Base 2.0 §5.16), but for those of discovery (`src/nvme/discovery`) and of
 * reservations (`src/nvme/namespace`). Each is made when it is asked for.
 */
import { viewOf, writeU64 } from '../../base/binary.ts'
import { AdminOpcode, IoOpcode } from '../commands.ts'
import { ANA_GROUP } from '../namespace/identify.ts'
import { NSID } from '../namespace/namespace.ts'
import { ANA_STATE, type AnaState, FIRMWARE, writeAscii } from './facts.ts'

export const LogPage = {
  supported: 0x00,
  errors: 0x01,
  smart: 0x02,
  firmware: 0x03,
  changedNamespaces: 0x04,
  effects: 0x05,
  ana: 0x0c,
  features: 0x12,
  discovery: 0x70,
  reservations: 0x80,
} as const

const LOG_SUPPORTED = 0x01
/** CSUPP, and LBCC: logical block content may change. */
const EFFECT_SUPPORTED = 0x01
const EFFECT_CONTENT = 0x02
/** FSUPP of a feature, and bit 4 CCC... of those that change the controller. */
const FEATURE_SUPPORTED = 0x01

/** 00h. */
export function supportedPages(pages: readonly number[]): Uint8Array {
  const page = new Uint8Array(1024)
  for (const id of pages) page[id * 4] = LOG_SUPPORTED
  return page
}

/** 02h. Counts of all queues of the controller. */
export interface SmartFacts {
  readonly readBytes: number
  readonly writtenBytes: number
  readonly reads: number
  readonly writes: number
  readonly mediaErrors: number
  readonly errorEntries: number
  readonly onHours: number
  readonly isReadOnly: boolean
}

const KELVIN = 303
const DATA_UNIT_BYTES = 512_000
const CRITICAL_READ_ONLY = 0x08

export function smart(facts: SmartFacts): Uint8Array {
  const page = new Uint8Array(512)
  const view = viewOf(page)
  page[0] = facts.isReadOnly ? CRITICAL_READ_ONLY : 0
  view.setUint16(1, KELVIN, true)
  page[3] = 100
  page[4] = 10
  writeU64(view, 32, Math.ceil(facts.readBytes / DATA_UNIT_BYTES))
  writeU64(view, 48, Math.ceil(facts.writtenBytes / DATA_UNIT_BYTES))
  writeU64(view, 64, facts.reads)
  writeU64(view, 80, facts.writes)
  writeU64(view, 128, facts.onHours)
  writeU64(view, 160, facts.mediaErrors)
  writeU64(view, 176, facts.errorEntries)
  return page
}

/** 03h: slot 1 is active. */
export function firmwareSlots(): Uint8Array {
  const page = new Uint8Array(512)
  page[0] = 0x01
  writeAscii(page, 8, 8, FIRMWARE)
  return page
}

/** 04h. */
export function changedNamespaces(isChanged: boolean): Uint8Array {
  const page = new Uint8Array(4096)
  if (isChanged) viewOf(page).setUint32(0, NSID, true)
  return page
}

const ADMIN_COMMANDS: readonly number[] = [
  AdminOpcode.getLogPage,
  AdminOpcode.identify,
  AdminOpcode.abort,
  AdminOpcode.setFeatures,
  AdminOpcode.getFeatures,
  AdminOpcode.asynchronousEventRequest,
  AdminOpcode.keepAlive,
]
const DISCOVERY_COMMANDS: readonly number[] = ADMIN_COMMANDS.filter((opcode) => opcode !== AdminOpcode.abort)
const CHANGING_COMMANDS: readonly number[] = [
  IoOpcode.write,
  IoOpcode.writeZeroes,
  IoOpcode.datasetManagement,
]

/** 05h. `ioCommands`: opcodes of the namespace. */
export function commandEffects(ioCommands: readonly number[]): Uint8Array {
  const page = new Uint8Array(4096)
  for (const opcode of ADMIN_COMMANDS) page[opcode * 4] = EFFECT_SUPPORTED
  for (const opcode of ioCommands) {
    const changes = CHANGING_COMMANDS.includes(opcode)
    page[1024 + opcode * 4] = EFFECT_SUPPORTED | (changes ? EFFECT_CONTENT : 0)
  }
  return page
}

export const isSupportedAdmin = (opcode: number, isDiscovery: boolean): boolean =>
  (isDiscovery ? DISCOVERY_COMMANDS : ADMIN_COMMANDS).includes(opcode)

/** 12h. */
export function featureEffects(features: readonly number[]): Uint8Array {
  const page = new Uint8Array(1024)
  for (const id of features) page[id * 4] = FEATURE_SUPPORTED
  return page
}

/** 0Ch. RGO: without the namespaces of the group. */
export function anaPage(options: {
  readonly state: AnaState
  readonly changeCount: number
  readonly groupsOnly: boolean
}): Uint8Array {
  const { state, changeCount, groupsOnly } = options
  const page = new Uint8Array(groupsOnly ? 48 : 52)
  const view = viewOf(page)
  writeU64(view, 0, changeCount)
  view.setUint16(8, 1, true)
  view.setUint32(16, ANA_GROUP, true)
  view.setUint32(20, groupsOnly ? 0 : 1, true)
  writeU64(view, 24, changeCount)
  page[32] = ANA_STATE[state]
  if (!groupsOnly) view.setUint32(48, NSID, true)
  return page
}

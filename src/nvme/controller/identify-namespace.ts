/** Identify lists and what is alike for every volume (CNS 02h, 07h, 08h, 12h, 13h, 1Ch); CNS 00h and 03h are the namespace's. */
import { viewOf } from '../../base/binary.ts'
import { ANA_GROUP } from '../namespace/identify.ts'
import { NSID } from '../namespace/namespace.ts'
import { IDENTIFY_BYTES } from './identify-controller.ts'

/** NMIC: attached to several controllers at once. */
const NMIC_SHARED = 0x01
/** RESCAP: persistence through power loss, every type, IEKEY as of NVMe 1.3. */
const RESCAP = 0xff
const NAMESPACE_READY = 0x01
/** CNS 08h: what is alike in all I/O command sets. */
export function identifyIndependent(): Uint8Array {
  const page = new Uint8Array(IDENTIFY_BYTES)
  page[1] = NMIC_SHARED
  page[2] = RESCAP
  viewOf(page).setUint32(4, ANA_GROUP, true)
  page[14] = NAMESPACE_READY
  return page
}

/** CNS 02h, 07h, 10h: ids above `after`, in rising order. */
export function namespaceList(after: number): Uint8Array {
  const page = new Uint8Array(IDENTIFY_BYTES)
  if (after < NSID) viewOf(page).setUint32(0, NSID, true)
  return page
}

/** CNS 12h, 13h: controllers from `first` on. `ids` rise. */
export function controllerList(ids: readonly number[], first: number): Uint8Array {
  const page = new Uint8Array(IDENTIFY_BYTES)
  const view = viewOf(page)
  const listed = ids.filter((id) => id >= first).slice(0, IDENTIFY_BYTES / 2 - 1)
  view.setUint16(0, listed.length, true)
  for (const [i, id] of listed.entries()) view.setUint16(2 + 2 * i, id, true)
  return page
}

/** CNS 1Ch: one combination of I/O command sets, NVM alone. */
export function commandSetCombinations(): Uint8Array {
  const page = new Uint8Array(IDENTIFY_BYTES)
  page[0] = 0x01
  return page
}

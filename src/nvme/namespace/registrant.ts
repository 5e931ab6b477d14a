/** NVMe hosts as reservations know them. */
import { assert } from '../../base/assert.ts'
import type { RegistrantId } from '../../frontend/reservations/state.ts'

const PREFIX = 'nvme,'
const HOST_ID_BYTES = 16

/** The registrant of a host identifier, 16 bytes: one for all controllers of the host, on every server. */
export function registrantOf(hostId: Uint8Array): RegistrantId {
  assert(hostId.byteLength === HOST_ID_BYTES, 'a host identifier has 16 bytes')
  return PREFIX + Buffer.from(hostId).toString('hex')
}

/** The host identifier of a registrant that is an NVMe host, else undefined. */
export function hostIdOf(id: RegistrantId): Uint8Array | undefined {
  const hex = id.startsWith(PREFIX) ? id.slice(PREFIX.length) : ''
  return /^[0-9a-f]{32}$/.test(hex) ? Uint8Array.from(Buffer.from(hex, 'hex')) : undefined
}

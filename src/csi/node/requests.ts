/** What requests must have, before anything is done. */
import type { VolumeCapability__Output } from '../../gen/csi/v1/VolumeCapability.ts'
import { type Capability, parseCapability, refuseUnsupported } from '../core/capabilities.ts'
import { isVolumeId } from '../core/ids.ts'
import { CsiError } from '../server/csi-error.ts'

/** INVALID_ARGUMENT without one. What is no id at all is looked at when the rest of the request is there: `refuseStranger`. */
export function needVolumeId(text: string): string {
  if (text === '') throw new CsiError('INVALID_ARGUMENT', 'volume_id is missing')
  return text
}

/** NOT_FOUND for what cannot be the id of a volume. */
export function refuseStranger(volumeId: string): void {
  if (!isVolumeId(volumeId)) throw new CsiError('NOT_FOUND', `there is no volume '${volumeId.slice(0, 80)}'`)
}

/** Where a volume is said to be: any text, since there is none at a path that is odd. INVALID_ARGUMENT without one. */
export function needVolumePath(text: string): string {
  if (text === '') throw new CsiError('INVALID_ARGUMENT', 'volume_path is missing')
  return withoutSlash(text)
}

/** As an absolute path; INVALID_ARGUMENT. */
export function needPath(text: string, what: string): string {
  if (text === '') throw new CsiError('INVALID_ARGUMENT', `${what} is missing`)
  if (!text.startsWith('/') || text.includes('\0') || text.split('/').includes('..')) {
    throw new CsiError('INVALID_ARGUMENT', `${what}: give an absolute path`)
  }
  return withoutSlash(text)
}

const withoutSlash = (text: string): string =>
  text.length > 1 && text.endsWith('/') ? text.slice(0, -1) : text

/** INVALID_ARGUMENT for what Basalt does not give. Groups of files are the orchestrator's to set. */
export function checkedCapability(given: VolumeCapability__Output | null): Capability {
  const capability = parseCapability(given)
  refuseUnsupported([capability])
  const { access } = capability
  if (access.kind === 'block') return capability
  if (access.mountGroup !== null) {
    throw new CsiError('INVALID_ARGUMENT', 'volume_mount_group: this node does not have VOLUME_MOUNT_GROUP')
  }
  const odd = access.mountFlags.find((flag) => !/^[a-zA-Z0-9_=.:/+-]+$/.test(flag))
  if (odd !== undefined) throw new CsiError('INVALID_ARGUMENT', `mount flag '${odd.slice(0, 80)}' is none`)
  return capability
}

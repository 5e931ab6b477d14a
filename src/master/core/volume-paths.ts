/** The paths of a volume, from its record and from what servers said last. Pure. */
import { type PathRole, PORTALS_MAX, type VolumePath, type VolumePaths } from '../../frontend/paths.ts'
import type { ReplicaRecord, ServerAddresses, VolumeRecord } from '../records.ts'
import { effectiveAccess } from './effective-access.ts'

/** What the paths of a volume rest on beside its record. */
export interface PathSources {
  /** Undefined: not in the cluster. */
  addresses(server: string): Pick<ServerAddresses, 'iscsi' | 'nvme'> | undefined
  isConnected(server: string): boolean
  /** The primary of the record leads its epoch, is connected, and serves hosts. */
  isServed(volume: string): boolean
}

/**
 * Null for a volume that hosts cannot have: it is being deleted, or none of its replicas is made. A replica that is being
 * made is no path yet; one that leaves is until it is gone.
 */
export function pathsOfVolume(volume: VolumeRecord, sources: PathSources): VolumePaths | null {
  if (volume.state === 'deleting') return null
  const isServed = volume.lead.state === 'serving' && sources.isServed(volume.uuid)
  const paths = volume.replicas.flatMap((replica) => pathOf(volume, replica, sources, isServed) ?? [])
  if (paths.length === 0) return null
  const { initiators, hosts } = effectiveAccess(volume)
  return {
    volume: volume.uuid,
    name: volume.name,
    sizeBytes: volume.sizeBytes,
    logicalBlockBytes: volume.logicalBlockBytes,
    isMultipath: volume.isMultipath,
    initiators,
    hosts,
    paths: paths.sort((a, b) => a.slot - b.slot),
  }
}

function pathOf(
  volume: VolumeRecord,
  { server, state, slot }: ReplicaRecord,
  sources: PathSources,
  isServed: boolean,
): VolumePath | null {
  const addresses = sources.addresses(server)
  if (state === 'allocating' || addresses === undefined) return null
  const { iscsi, nvme } = addresses
  return {
    server,
    slot,
    role: roleOf(server === volume.lead.primary, isServed, sources.isConnected(server)),
    iscsi: iscsi.slice(0, PORTALS_MAX),
    nvme: nvme.slice(0, PORTALS_MAX),
  }
}

function roleOf(isPrimary: boolean, isServed: boolean, isConnected: boolean): PathRole {
  if (!isConnected) return 'unavailable'
  if (!isServed) return 'transitioning'
  return isPrimary ? 'active' : 'standby'
}

/** Whether hosts would be told the same of both. */
export const isSamePaths = (a: VolumePaths, b: VolumePaths): boolean =>
  a.name === b.name &&
  a.sizeBytes === b.sizeBytes &&
  a.logicalBlockBytes === b.logicalBlockBytes &&
  a.isMultipath === b.isMultipath &&
  isSameList(a.initiators, b.initiators) &&
  isSameList(a.hosts, b.hosts) &&
  a.paths.length === b.paths.length &&
  a.paths.every((path, at) => isSamePath(path, b.paths[at]))

const isSamePath = (a: VolumePath, b: VolumePath | undefined): boolean =>
  a.server === b?.server &&
  a.slot === b.slot &&
  a.role === b.role &&
  isSameList(a.iscsi, b.iscsi) &&
  isSameList(a.nvme, b.nvme)

// most are the very list of the record
const isSameList = (a: readonly string[] | null, b: readonly string[] | null): boolean =>
  a === b || (a !== null && b !== null && a.length === b.length && a.every((text, at) => text === b[at]))

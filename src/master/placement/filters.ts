/** Which servers may take a replica, and why the others may not. The first reason that holds is told. */
import { formatSize } from '../../base/sizes.ts'
import type { Rejection, RejectionReason } from '../master-api.ts'
import type { PlacementWish } from '../records.ts'
import type { PlacementServer } from './servers.ts'
import type { PlacementSettings } from './settings.ts'
import { rackOf, zoneOf } from './topology.ts'

export interface Need {
  readonly placement: PlacementWish
  readonly footprintBytes: number
  /** The log and what has been written; the rest is taken as it is written. */
  readonly atOnceBytes: number
}

/** Servers that have, or are given, a replica of the volume. Those that are to lose theirs do not count for spread. */
export interface Holders {
  readonly all: ReadonlySet<string>
  readonly staying: readonly PlacementServer[]
}

/** Undefined: it may. */
export function rejectionOf(
  server: PlacementServer,
  need: Need,
  holders: Holders,
  settings: PlacementSettings,
): Rejection | undefined {
  const why = reasonOf(server, need, holders, settings)
  if (why === undefined) return undefined
  const [reason, message] = why
  return { server: server.id, serverName: server.name, reason, message }
}

function reasonOf(
  server: PlacementServer,
  { placement, footprintBytes, atOnceBytes }: Need,
  { all, staying }: Holders,
  settings: PlacementSettings,
): [RejectionReason, string] | undefined {
  const { name, zone, rack } = server
  if (all.has(server.id)) return ['has_replica', `${name} has a replica of this volume already`]
  if (!server.isConnected)
    return ['not_connected', `${name} is not connected; start it, or see why it does not join`]
  if (server.isDraining) return ['draining', `${name} is being drained or in maintenance`]
  if (server.isCordoned)
    return ['cordoned', `${name} is cordoned; basalt server uncordon lets it take replicas`]
  if (placement.diskType !== null && server.diskType !== placement.diskType) {
    return [
      'disk_type_mismatch',
      `${name} has ${server.diskType} disks, and ${placement.diskType} is asked for`,
    ]
  }
  if (placement.zones.length > 0 && (zone === null || !placement.zones.includes(zone))) {
    return [
      'zone_not_allowed',
      `${name} is in ${zone ?? 'no zone'}, and not in ${placement.zones.join(', ')}`,
    ]
  }
  const short = spaceShort(server, { footprintBytes, atOnceBytes }, settings)
  if (short !== undefined) return ['insufficient_space', `${name} ${short}`]
  if (placement.zoneSpread === 'required' && staying.some((other) => zoneOf(other) === zoneOf(server))) {
    return ['zone_taken', `${name} is in ${zone ?? 'no zone'}, where this volume has a replica`]
  }
  if (placement.rackSpread === 'required' && staying.some((other) => rackOf(other) === rackOf(server))) {
    return ['rack_taken', `${name} is in ${rack ?? 'no rack'}, where this volume has a replica`]
  }
  return undefined
}

/** What may be promised of its capacity. */
export const promisableBytes = (
  { capacityBytes }: Pick<PlacementServer, 'capacityBytes'>,
  { overcommitRatio }: PlacementSettings,
): number => capacityBytes * overcommitRatio

/** Why it has not the space, as the rest of a sentence; undefined: it has. */
function spaceShort(
  server: PlacementServer,
  { footprintBytes, atOnceBytes }: Pick<Need, 'footprintBytes' | 'atOnceBytes'>,
  settings: PlacementSettings,
): string | undefined {
  const left = promisableBytes(server, settings) - server.allocatedBytes
  if (footprintBytes > left) {
    const ratio = `${settings.overcommitRatio} times its capacity`
    return `may promise ${formatSize(Math.max(0, Math.floor(left)))} more (${ratio} in all), and ${formatSize(footprintBytes)} are needed`
  }
  const reserveBytes = Math.ceil(server.capacityBytes * settings.reserveRatio)
  if (server.freeBytes - atOnceBytes < reserveBytes) {
    return `has ${formatSize(server.freeBytes)} free; ${formatSize(atOnceBytes)} are needed at once, and ${formatSize(reserveBytes)} stay in reserve`
  }
  return undefined
}

/**
 * How good a server is for a replica: greater is better. The parts are apart by powers of ten, so that a greater one is
 * never outweighed: first no second replica in a zone, then none in a rack, then the disks that the preset prefers, then
 * room and an even spread of the work.
 *
 *     −1000 for each replica of the volume in the same zone     −10 for each disk type that is preferred to its own
 *     −100 for each in the same rack                            0 to 9.9 for room, few replicas and few primaries
 */
import type { PresetName } from '../records.ts'
import { type Need, promisableBytes } from './filters.ts'
import { PRESETS } from './presets.ts'
import type { PlacementServer } from './servers.ts'
import type { PlacementSettings } from './settings.ts'
import { rackOf, zoneOf } from './topology.ts'

const WEIGHT = {
  zone: 1000,
  rack: 100,
  diskType: 10,
  promisable: 5,
  free: 2,
  replicas: 2,
  primaries: 0.9,
} as const
/** Free space changes all the time: only its twentieths count, so that equal servers stay equal. */
const FREE_STEPS = 20

/** The greatest counts among the servers that are compared. */
interface Scale {
  readonly replicas: number
  readonly primaries: number
}

export const scaleOf = (servers: readonly PlacementServer[]): Scale => ({
  replicas: servers.reduce((most, { replicas }) => Math.max(most, replicas), 0),
  primaries: servers.reduce((most, { primaries }) => Math.max(most, primaries), 0),
})

export function scoreOf(
  server: PlacementServer,
  {
    need,
    preset,
    staying,
    scale,
  }: {
    readonly need: Need
    readonly preset: PresetName
    /** Servers of the volume's other replicas. */
    readonly staying: readonly PlacementServer[]
    readonly scale: Scale
  },
  settings: PlacementSettings,
): number {
  const promisable = promisableBytes(server, settings)
  const left = promisable > 0 ? (promisable - server.allocatedBytes - need.footprintBytes) / promisable : 0
  const free = server.capacityBytes > 0 ? server.freeBytes / server.capacityBytes : 0
  const score =
    -WEIGHT.zone * count(staying, (other) => zoneOf(other) === zoneOf(server)) -
    WEIGHT.rack * count(staying, (other) => rackOf(other) === rackOf(server)) -
    WEIGHT.diskType * disksPreferredTo(server, preset) +
    WEIGHT.promisable * share(left) +
    (WEIGHT.free * Math.floor(share(free) * FREE_STEPS)) / FREE_STEPS +
    WEIGHT.replicas * (1 - server.replicas / (scale.replicas + 1)) +
    WEIGHT.primaries * (1 - server.primaries / (scale.primaries + 1))
  return Math.round(score * 1e6) / 1e6
}

const share = (value: number): number => Math.min(1, Math.max(0, value))

const count = <T>(items: readonly T[], test: (item: T) => boolean): number => items.filter(test).length

export function disksPreferredTo({ diskType }: PlacementServer, preset: PresetName): number {
  const { preferredDiskTypes } = PRESETS[preset]
  const place = preferredDiskTypes.indexOf(diskType)
  return place === -1 ? preferredDiskTypes.length : place
}

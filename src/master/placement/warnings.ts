/** What this cluster, as it is, will not give a volume: told before it is made. Placement itself refuses. */
import type { Policy } from '../../v2engine/policy.ts'
import type { PlacementWish, PresetName, ServerRecord } from '../records.ts'
import type { Findings } from './findings.ts'
import { PRESETS } from './presets.ts'
import { rackOf, zoneOf } from './topology.ts'

export function warnOfCluster(
  volume: { readonly policy: Policy; readonly preset: PresetName; readonly placement: PlacementWish },
  servers: readonly ServerRecord[],
  found: Findings,
): void {
  const { policy, preset, placement } = volume
  const { replicaFactor } = policy
  const there = servers.filter(({ state }) => state !== 'left')
  const allowed = there.filter(
    ({ zone }) => placement.zones.length === 0 || (zone !== null && placement.zones.includes(zone)),
  )
  if (there.length < replicaFactor) {
    found.warn('few_servers', `${replicaFactor} replicas need as many servers, and there are ${there.length}`)
  }
  for (const zone of placement.zones) {
    if (!there.some((server) => server.zone === zone))
      found.warn('unknown_zone', `no server is in zone ${zone}`)
  }
  const zones = new Set(allowed.map(zoneOf)).size
  if (placement.zoneSpread === 'required' && zones < replicaFactor) {
    found.warn(
      'few_zones',
      `${replicaFactor} replicas in different zones need as many zones, and there are ${zones}`,
    )
  }
  const racks = new Set(allowed.map(rackOf)).size
  if (placement.rackSpread === 'required' && racks < replicaFactor) {
    found.warn(
      'few_racks',
      `${replicaFactor} replicas in different racks need as many racks, and there are ${racks}`,
    )
  }
  const { diskType } = placement
  if (diskType !== null && !there.some((server) => server.diskType === diskType)) {
    found.warn('disk_type_missing', `no server has disks of type ${diskType}`)
  }
  const { preferredDiskTypes } = PRESETS[preset]
  if (diskType === null && preferredDiskTypes.length > 0) {
    const count = allowed.filter((server) => preferredDiskTypes.includes(server.diskType)).length
    if (count < replicaFactor) {
      found.warn(
        'preferred_disk_missing',
        `${preset} is best on ${preferredDiskTypes.join(' or ')}, and ${count} servers have it: other disks are used too`,
      )
    }
  }
}

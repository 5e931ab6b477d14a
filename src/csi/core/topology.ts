/**
 * Zones and racks. A volume is reachable from everywhere in the network: zones say where its replicas are to be, and a volume
 * that was asked for in zones is offered to the nodes of these. Keys that are not ours say nothing to us.
 */
import type { Topology__Output } from '../../gen/csi/v1/Topology.ts'
import type { TopologyRequirement__Output } from '../../gen/csi/v1/TopologyRequirement.ts'

export const ZONE_KEY = 'topology.basalt.io/zone'
export const RACK_KEY = 'topology.basalt.io/rack'

/** The zones asked for, preferred ones first, each once; empty: anywhere. */
export function zonesOf(requirement: TopologyRequirement__Output | null): string[] {
  if (requirement === null) return []
  const { preferred, requisite } = requirement
  // one place without a zone is anywhere, unless somebody prefers another
  const zones = [...preferred, ...requisite].flatMap(({ segments }) => segments[ZONE_KEY] ?? [])
  return [...new Set(zones.filter((zone) => zone !== ''))]
}

/** Of a volume in these zones; none: from everywhere. */
export const accessibleFrom = (zones: readonly string[]): { segments: Record<string, string> }[] =>
  zones.map((zone) => ({ segments: { [ZONE_KEY]: zone } }))

/** Whether what is in this zone and rack is in the topology; null is everywhere. */
export function isIn(
  topology: Topology__Output | null,
  { zone, rack }: { readonly zone: string | null; readonly rack: string | null },
): boolean {
  const segments = topology?.segments ?? {}
  const fits = (wanted: string | undefined, there: string | null): boolean =>
    wanted === undefined || wanted === there
  return fits(segments[ZONE_KEY], zone) && fits(segments[RACK_KEY], rack)
}

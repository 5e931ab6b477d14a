/** Where a node says that it is. */
import { RACK_KEY, ZONE_KEY } from './topology.ts'

/** Says nothing about where; an orchestrator takes a node without any segment for one that cannot have volumes. */
const DRIVER_KEY = 'topology.basalt.io/driver'

/** Segments of a node by full key: zone and rack, or that it is a node of this driver. Never empty. */
export function nodeTopology(settings: {
  readonly zone: string | undefined
  readonly rack: string | undefined
  readonly 'driver-name': string
}): Readonly<Record<string, string>> {
  const { zone, rack } = settings
  if (zone === undefined && rack === undefined) return { [DRIVER_KEY]: settings['driver-name'] }
  return {
    ...(zone === undefined ? {} : { [ZONE_KEY]: zone }),
    ...(rack === undefined ? {} : { [RACK_KEY]: rack }),
  }
}

/** The servers as placement sees them: records, what they say of themselves, and what the registry has on them. */
import { defaultLogBytes } from '../../base/volume-limits.ts'
import type { LiveCluster } from '../core/live.ts'
import type { RecordsView } from '../core/records-view.ts'
import type { JobRecord, ServerRecord, VolumeRecord } from '../records.ts'

export interface PlacementServer
  extends Pick<ServerRecord, 'id' | 'name' | 'zone' | 'rack' | 'diskType' | 'isCordoned'> {
  /** It has a stream, has said what it has, and did not say goodbye. */
  readonly isConnected: boolean
  /** It is being emptied, is in maintenance, or is about to stop. */
  readonly isDraining: boolean
  readonly capacityBytes: number
  /** What its file system still has. */
  readonly freeBytes: number
  /** Footprints of its replicas, as if they were full. */
  readonly allocatedBytes: number
  /** Those that are leaving count until they are gone. */
  readonly replicas: number
  readonly primaries: number
}

/** What a replica takes when the volume is full; the log takes its part at once. */
export const footprintBytes = ({
  sizeBytes,
  logBytes,
}: Pick<VolumeRecord, 'sizeBytes' | 'logBytes'>): number =>
  sizeBytes + (logBytes ?? defaultLogBytes(sizeBytes))

/** In the order of their ids. Costs a pass over all volumes. */
export function placementServers(records: RecordsView, live: LiveCluster): PlacementServer[] {
  const loads = new Map<string, Load>()
  for (const volume of records.volumes()) addLoads(loads, volume)
  const drained = new Set(
    records
      .jobs()
      .filter(isDrain)
      .map(({ server }) => server),
  )
  return records
    .servers()
    .map((record) => {
      const { id, name, zone, rack, diskType, isCordoned, state } = record
      const now = live.server(id)
      const beat = now?.beat ?? null
      const load = loads.get(id) ?? NO_LOAD
      return {
        id,
        name,
        zone,
        rack,
        diskType,
        isCordoned,
        ...load,
        isConnected: now?.isConnected === true && beat !== null && state !== 'left',
        isDraining: state === 'maintenance' || beat?.isDraining === true || drained.has(id),
        capacityBytes: beat?.capacityBytes ?? record.capacityBytes,
        freeBytes: beat?.freeBytes ?? 0,
      }
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

const isDrain = ({ kind, state }: JobRecord): boolean => kind === 'drain' && state === 'running'

type Load = Pick<PlacementServer, 'allocatedBytes' | 'replicas' | 'primaries'>
const NO_LOAD: Load = { allocatedBytes: 0, replicas: 0, primaries: 0 }

function addLoads(loads: Map<string, Load>, volume: VolumeRecord): void {
  const bytes = footprintBytes(volume)
  for (const { server } of volume.replicas) {
    const load = loads.get(server) ?? NO_LOAD
    loads.set(server, {
      allocatedBytes: load.allocatedBytes + bytes,
      replicas: load.replicas + 1,
      primaries: load.primaries + Number(volume.lead.primary === server),
    })
  }
}

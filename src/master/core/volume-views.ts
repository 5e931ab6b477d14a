/** A volume and its replicas as people see them: the record, and what servers say at this moment. */
import { isSound } from '../../v2engine/marks.ts'
import { serverName } from '../jobs/volume-edits.ts'
import type { LedBeat, PeerBeat } from '../links.ts'
import type { ReplicaView, VolumeView } from '../master-api.ts'
import { healthOf, isServing } from '../placement/health.ts'
import type { JobRecord, ReplicaRecord, VolumeRecord } from '../records.ts'
import type { LiveCluster } from './live.ts'
import type { RecordsView } from './records-view.ts'
import { pathsOfVolume } from './volume-paths.ts'

export interface ViewSources {
  readonly records: RecordsView
  readonly live: LiveCluster
  /** What a volume's IQN and NQN begin with; the name follows after a colon. */
  readonly iqnPrefix: string
  readonly nqnPrefix: string
  /** Space that a volume's snapshots take, as it was asked last; null: not known. */
  readonly snapshotBytes: (volume: string) => number | null
  /** Jobs that have not ended. */
  readonly running: readonly JobRecord[]
}

export function volumeView(record: VolumeRecord, sources: ViewSources): VolumeView {
  const { records, live, iqnPrefix, nqnPrefix, running, snapshotBytes } = sources
  const { uuid, lead } = record
  const nameOf = (server: string): string => serverName(records, server)
  const { health, reasons } = healthOf(record, live, nameOf)
  const heard = live.server(lead.primary)?.isConnected === true ? live.replica(uuid, lead.primary) : undefined
  const peers = heard?.open?.peers ?? []
  const isServed = isServing(record, live) && heard?.open?.isServing === true
  const addresses = records.server(lead.primary)?.addresses
  const paths = pathsOfVolume(record, {
    addresses: (server) => records.server(server)?.addresses,
    isConnected: (server) => live.server(server)?.isConnected === true,
    isServed: () => isServed,
  })
  const used = record.replicas.map(({ server }) => live.replica(uuid, server)?.usedBytes ?? 0)
  return {
    record,
    health,
    healthReasons: reasons.map(({ message }) => message),
    isServing: isServed,
    iqn: `${iqnPrefix}:${record.name}`,
    nqn: `${nqnPrefix}:${record.name}`,
    iscsi: addresses?.iscsi ?? [],
    nvme: addresses?.nvme ?? [],
    paths: (paths?.paths ?? []).map((path) => ({ ...path, serverName: nameOf(path.server) })),
    replicas: record.replicas.map((replica) => replicaView(record, replica, sources, peers)),
    usedBytes: used.reduce((sum, bytes) => sum + bytes, 0),
    snapshots: { count: records.snapshotsOf(uuid).length, bytes: snapshotBytes(uuid) },
    clone: cloneOf(record, records, heard?.led ?? null),
    scrub: scrubOf(heard?.led ?? null),
    jobs: running.flatMap((job) => (job.volume === uuid ? [job.id] : [])),
  }
}

function cloneOf({ origin }: VolumeRecord, records: RecordsView, led: LedBeat | null): VolumeView['clone'] {
  if (origin === null) return null
  const volume = records.volume(origin.volume)?.name ?? origin.volume
  const snapshot = records.snapshot(origin.volume, origin.snapshot)?.name ?? origin.snapshot
  const { doneBytes, totalBytes } = led?.origin ?? { doneBytes: 0, totalBytes: 1 }
  return { source: `${volume}@${snapshot}`, ratio: Math.min(1, doneBytes / Math.max(1, totalBytes)) }
}

const scrubOf = (led: LedBeat | null): VolumeView['scrub'] =>
  led?.scrub == null
    ? null
    : { lastAt: led.scrub.endedWallMs, errors: led.scrub.errors, repaired: led.scrub.repaired }

function replicaView(
  { uuid, lead }: VolumeRecord,
  { server, state }: ReplicaRecord,
  { records, live }: ViewSources,
  peers: readonly PeerBeat[],
): ReplicaView {
  const isConnected = live.server(server)?.isConnected === true
  const beat = isConnected ? live.replica(uuid, server) : undefined
  const peer = peers.find((one) => one.server === server)
  const isPrimary = server === lead.primary
  const resync = peer?.resync ?? null
  return {
    server,
    serverName: serverName(records, server),
    role: isPrimary ? 'primary' : 'replica',
    state,
    // the set of a volume that nobody has led yet is only meant
    isInSync: lead.hasServed && lead.set.members.includes(server),
    isConnected,
    standing: standingOf(beat?.open?.standing),
    lagEntries: isPrimary ? 0 : (peer?.lagEntries ?? null),
    lagBytes: isPrimary ? 0 : (peer?.lagBytes ?? null),
    resyncRatio: resync === null ? null : Math.min(1, resync.scannedBlocks / Math.max(1, resync.sizeBlocks)),
  }
}

function standingOf(
  standing: { isDoubtful: boolean; isDamaged: boolean; isResyncing: boolean } | undefined,
): ReplicaView['standing'] {
  if (standing === undefined) return 'unknown'
  if (isSound(standing)) return 'sound'
  if (standing.isResyncing) return 'resyncing'
  return standing.isDamaged ? 'damaged' : 'doubtful'
}

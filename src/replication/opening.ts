/** What a replica is opened with, and its state from what storage kept of the opening before. */
import type { LatencySink } from '../base/latency-sink.ts'
import type { Net } from '../base/ports/net.ts'
import type { OriginSource } from '../base/ports/origin.ts'
import type { Epoch } from '../base/units.ts'
import type { RepairSource, VolumePorts } from '../blockvol/api.ts'
import type { ReplicaEvents } from '../blockvol/replica/replica-facts.ts'
import { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import type { Tuning } from '../blockvol/tuning.ts'
import type { Effects, Note } from '../v2engine/effects.ts'
import { type ServerId, opening as toOpening } from '../v2engine/identity.ts'
import type { Marks } from '../v2engine/marks.ts'
import type { ToAuthority } from '../v2engine/messages.ts'
import { openReplica } from '../v2engine/open.ts'
import type { Bounds } from '../v2engine/policy.ts'
import type { ReplicaState } from '../v2engine/state.ts'
import type { LedDevice } from './device.ts'
import { decodeMarks } from './marks.ts'
import type { ResyncSlots } from './resync/slots.ts'

/** Who is told how long things take. */
export interface ReplicaMeters {
  /** Each fdatasync of the log. */
  readonly logSync: LatencySink
  /** Until a replica, of that server, has a group of entries that it was sent. */
  acknowledged(server: ServerId): LatencySink
  /** What was left of a lease when it was renewed. */
  readonly leaseLeft: LatencySink
}

export interface ReplicaOptions {
  readonly ports: VolumePorts
  readonly net: Net
  /** Id of this server. */
  readonly server: ServerId
  /** 16 bytes. */
  readonly clusterId: Uint8Array
  readonly clusterKey: Uint8Array
  readonly bounds: Bounds
  readonly directory: string
  readonly logDirectory?: string
  readonly tuning?: Partial<Tuning>
  /** The registry's epoch when it had this directory made for a volume that is older; else null. */
  readonly madeIn: Epoch | null
  /** Places for resyncs, shared by the replicas of this server. */
  readonly slots: ResyncSlots
  /** Where a clone finds what it does not have itself. */
  readonly origin?: OriginSource
  readonly meters?: ReplicaMeters
  /** Of a shipper; default 8 MiB. */
  readonly windowBytes?: number
  readonly toAuthority: (message: ToAuthority) => void
  /** This server leads: hosts may be served from this device until it is lost. */
  readonly lead: (device: LedDevice) => void
  /** Before anything else happens to the volume: connections of hosts are reset. */
  readonly halt: (why: string) => void | Promise<void>
  readonly note: (note: Note) => void
  /** The replica carries nothing out any more (its disk failed): close it and open it from disk. */
  readonly failed?: (error: unknown) => void
}

/** The volume's files, recovered. `repairSource` is asked for good copies of bad blocks, perhaps at once. */
export function openStorage(
  options: ReplicaOptions,
  events: ReplicaEvents,
  repairSource: RepairSource,
): Promise<ReplicaVolume> {
  const { ports, directory, logDirectory, tuning, origin, meters } = options
  return ReplicaVolume.open(ports, {
    directory,
    ...(logDirectory !== undefined && { logDirectory }),
    ...(tuning !== undefined && { tuning }),
    ...(origin !== undefined && { origin }),
    ...(meters !== undefined && { logSyncTook: meters.logSync }),
    resyncPhase: (bytes) => (bytes === undefined ? undefined : decodeMarks(bytes, directory).resync?.phase),
    events,
    repairSource,
  })
}

interface Reopened {
  readonly stored: Marks | null
  readonly state: ReplicaState
  /** What has to be done first. */
  readonly effects: Effects
}

/** CORRUPT when the marks cannot be read. */
export function reopen(options: ReplicaOptions, storage: ReplicaVolume): Reopened {
  const { clock } = options.ports
  const { storedMarks, bootId, wasClean, isDamaged, local, savedCommitLsn, history } = storage
  const stored = storedMarks === undefined ? null : decodeMarks(storedMarks, options.directory)
  // no two openings of a server have one number, also when the directory was made anew between them
  const opening = toOpening(Math.max((stored?.opening ?? 0) + 1, Math.floor(clock.wallMs())))
  const { state, effects } = openReplica({
    self: options.server,
    bounds: options.bounds,
    nowMs: Math.floor(clock.bootMs()),
    madeIn: options.madeIn,
    committed: savedCommitLsn,
    ...{ opening, bootId, stored, wasClean, isDamaged, local, history },
  })
  return { stored, state, effects }
}

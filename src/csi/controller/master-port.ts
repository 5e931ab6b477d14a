/**
 * The master as the controller needs it. Volumes are meant by their UUID; `find…` answers null for what is not there, and every
 * other call then throws NOT_FOUND. Errors are `BlockError` with the API's code, and its reason in `facts.reason`. A call that
 * failed without an answer (DISCONNECTED, TIMED_OUT, ABORTED by its signal) may have been done: all of them can be made again.
 */
import type { SnapshotId } from '../core/ids.ts'
import type { QosParameters } from '../core/parameters.ts'
import type { ChapSecrets, DhchapSecrets } from '../core/secrets.ts'

interface PublicationInfo {
  readonly node: string
  readonly isReadOnly: boolean
  readonly isShared: boolean
}

export interface VolumeInfo {
  /** UUID. */
  readonly id: string
  readonly name: string
  readonly sizeBytes: number
  readonly status: 'creating' | 'active' | 'deleting'
  readonly logicalBlockBytes: number
  readonly preset: string
  readonly replicaFactor: number
  readonly durability: string
  readonly diskType: string | null
  readonly zones: readonly string[]
  readonly isMultipath: boolean
  readonly isServing: boolean
  readonly mayHaveLost: boolean
  /** `healthy`, `degraded`, `rebuilding` or `unsafe`, and why. */
  readonly health: string
  readonly healthReasons: readonly string[]
  /** It is a clone that lacks content of its own. */
  readonly isFilling: boolean
  /** UUID and snapshot id of what it was made of; null: of nothing. */
  readonly madeOf: SnapshotId | null
  readonly chapUser: string | null
  readonly publications: readonly PublicationInfo[]
  readonly iqn: string | null
  readonly nqn: string
  /** `host:port`, the primary's first. */
  readonly iscsiPortals: readonly string[]
  readonly nvmePortals: readonly string[]
}

export interface SnapshotInfo {
  /** Of the volume and in it. */
  readonly id: SnapshotId
  readonly name: string
  readonly state: 'creating' | 'ready' | 'deleting' | 'lost'
  readonly sizeBytes: number
  /** Wall clock of the master. */
  readonly createdAtMs: number
  /** It is one of several that were made at one moment, under one name. */
  readonly isOfGroup: boolean
  /** Made for a backup, and kept as the base of the next: nobody's but the master's. */
  readonly isOfBackup: boolean
}

export interface JobInfo {
  readonly id: string
  readonly state: 'running' | 'succeeded' | 'failed' | 'cancelling' | 'cancelled'
  readonly message: string | null
}

export interface ServerInfo {
  readonly zone: string | null
  readonly rack: string | null
  readonly diskType: string
  /** Connected, not cordoned, not in maintenance: it may be given replicas. */
  readonly isUsable: boolean
  readonly capacityBytes: number
  readonly freeBytes: number
  /** Sizes of the volumes that it has replicas of. */
  readonly allocatedBytes: number
}

/** What is absent is as the preset has it. */
export interface PolicyWish {
  readonly preset?: string
  readonly replicas?: number
  readonly durability?: string
  readonly diskType?: string
  readonly logicalBlockBytes?: number
  readonly isMultipath?: boolean
  readonly qos?: QosParameters
}

export interface VolumeWish extends PolicyWish {
  readonly name: string
  readonly sizeBytes: number
  /** Any of them; empty: any at all. */
  readonly zones: readonly string[]
}

/** What a wish comes to. */
export type ResolvedPolicy = Pick<
  VolumeInfo,
  'preset' | 'replicaFactor' | 'durability' | 'diskType' | 'logicalBlockBytes' | 'isMultipath'
>

export interface PublicationWish {
  /** IQN and NQN that the node logs in with. */
  readonly iqn: string
  readonly nqn: string
  /** What it proves itself with over NVMe. */
  readonly dhchap: DhchapSecrets | null
  readonly isReadOnly: boolean
  readonly isShared: boolean
}

export interface Page<T> {
  readonly items: readonly T[]
  /** For the page after it; null on the last. */
  readonly next: string | null
}
export interface PageWish {
  /** At least 1; the master may give fewer. */
  readonly limit: number
  readonly cursor?: string | undefined
}

export interface MasterPort {
  findVolume(id: string, signal: AbortSignal): Promise<VolumeInfo | null>
  findVolumeNamed(name: string, signal: AbortSignal): Promise<VolumeInfo | null>
  /** By name. INVALID_ARGUMENT `bad_cursor` for a cursor that the master did not give. */
  volumes(page: PageWish, signal: AbortSignal): Promise<Page<VolumeInfo>>
  /** Lets nobody in. The same again finds it; CONFLICT `exists_otherwise`, `being_deleted`. NO_SPACE. */
  createVolume(wish: VolumeWish, signal: AbortSignal): Promise<VolumeInfo>
  /** As `createVolume`, with the content of a snapshot. CONFLICT `clone_filling`, `not_ready` for what cannot be cloned yet. */
  cloneSnapshot(source: SnapshotId, wish: VolumeWish, signal: AbortSignal): Promise<VolumeInfo>
  /** INVALID_ARGUMENT for a wish that `createVolume` would refuse. */
  resolvePolicy(wish: VolumeWish, signal: AbortSignal): Promise<ResolvedPolicy>
  /**
   * Begins it, for good; CONFLICT `published`, `has_snapshots` (a base of backups is none that matters), `clone_filling`, `in_use`
   * while it is backed up.
   */
  deleteVolume(id: string, signal: AbortSignal): Promise<void>
  expandVolume(id: string, sizeBytes: number, signal: AbortSignal): Promise<JobInfo>
  /** The job that changes replicas; null when nothing differs. */
  setPreset(id: string, preset: string, signal: AbortSignal): Promise<JobInfo | null>
  setQos(id: string, qos: QosParameters, signal: AbortSignal): Promise<void>
  /** iSCSI logins need CHAP from here on, and still only publications let anybody in. */
  setChap(id: string, chap: ChapSecrets, signal: AbortSignal): Promise<void>
  /** CONFLICT `published_elsewhere` (`facts.node`), `secrets_mixed`, `published_differently`, `being_made`, `being_deleted`. */
  publish(id: string, node: string, wish: PublicationWish, signal: AbortSignal): Promise<void>
  /** Done when the node can do no more harm; BUSY when that is not certain yet. */
  unpublish(id: string, node: string, signal: AbortSignal): Promise<void>
  findSnapshot(id: SnapshotId, signal: AbortSignal): Promise<SnapshotInfo | null>
  /** Of all volumes unless told, oldest first; of a volume that is not there: none. */
  snapshots(
    query: PageWish & { readonly volume?: string | undefined; readonly name?: string | undefined },
    signal: AbortSignal,
  ): Promise<Page<SnapshotInfo>>
  /** CONFLICT `exists`, `clone_filling`, `being_made`. */
  createSnapshot(volume: string, name: string, signal: AbortSignal): Promise<SnapshotInfo>
  /** All or none. Errors as `createSnapshot`. */
  createSnapshotGroup(
    name: string,
    volumes: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly SnapshotInfo[]>
  /** CONFLICT `in_use`, `exposed`; BUSY `deleted_later`. */
  deleteSnapshot(id: SnapshotId, signal: AbortSignal): Promise<void>
  findJob(id: string, signal: AbortSignal): Promise<JobInfo | null>
  servers(signal: AbortSignal): Promise<readonly ServerInfo[]>
}

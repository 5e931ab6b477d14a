/**
 * What the master does for people and programs: the HTTP API, `basalt dev` and tests call this and nothing else of it.
 * Every call that changes something is recorded in the registry before its promise resolves. Errors are BlockErrors:
 * INVALID_ARGUMENT, NOT_FOUND, CONFLICT, NO_SPACE (placement), BUSY and CLOSED (try again), UNSAFE by way of CONFLICT
 * with `facts.unsafe`, ABORTED; `facts.reason` holds the stable reason where a list of them is documented.
 */
import type { VolumePath } from '../frontend/paths.ts'
import type {
  AccessRecord,
  DiskType,
  EventRecord,
  JobRecord,
  PlacementWish,
  PresetName,
  QosRecord,
  SealedDhchap,
  ServerRecord,
  VolumeRecord,
} from './records.ts'
import type { BackupApi, ScheduleApi, SnapshotApi } from './snapshot-api.ts'

/** Who asks, for events and jobs. */
export interface Caller {
  readonly actor: string
  readonly requestId: string | null
}

export interface CreateVolume {
  readonly name: string
  readonly sizeBytes: number
  readonly preset?: PresetName
  readonly replicas?: number
  readonly durability?: 'sync_all' | 'sync_quorum' | 'best_effort'
  readonly minInSync?: number
  readonly maxLagEntries?: number
  readonly maxLagMs?: number
  readonly logicalBlockBytes?: 512 | 4096
  readonly logBytes?: number
  readonly diskType?: DiskType
  readonly zones?: readonly string[]
  readonly zoneSpread?: PlacementWish['zoneSpread']
  readonly rackSpread?: PlacementWish['rackSpread']
  /** Hosts use several iSCSI paths at once. */
  readonly multipath?: boolean
  /** Nobody is let in until somebody says who. */
  readonly closed?: boolean
  readonly qos?: Partial<QosRecord>
}

/** To let a node in. */
export interface PublishWish {
  readonly node: string
  /** IQN and NQN; at least one. */
  readonly initiator: string | null
  readonly host: string | null
  /** Of `host`; null: it is let in by its name alone. */
  readonly dhchap: SealedDhchap | null
  readonly isReadOnly: boolean
  readonly isShared: boolean
}

/** `resolve`: what the wishes come to. Always an answer; errors are in it. */
export interface ResolvedPolicy {
  readonly policy: Pick<
    VolumeRecord,
    | 'preset'
    | 'policy'
    | 'placement'
    | 'isMultipath'
    | 'qos'
    | 'logicalBlockBytes'
    | 'logBytes'
    | 'sizeBytes'
    | 'name'
  > | null
  /** Fields that were given and differ from the preset. */
  readonly overrides: readonly string[]
  readonly warnings: readonly Finding[]
  readonly errors: readonly Finding[]
}
export interface Finding {
  /** Stable. */
  readonly code: string
  readonly message: string
}

export interface Rejection {
  readonly server: string
  readonly serverName: string
  readonly reason: RejectionReason
  readonly message: string
}
/** Stable; documented in docs/placement.md. */
export type RejectionReason =
  | 'disk_type_mismatch'
  | 'insufficient_space'
  | 'cordoned'
  | 'not_connected'
  | 'draining'
  | 'zone_not_allowed'
  | 'zone_taken'
  | 'rack_taken'
  | 'has_replica'

export interface PlacementPlan {
  readonly primary: string | null
  readonly replicas: readonly string[]
  readonly candidates: readonly {
    readonly server: string
    readonly serverName: string
    readonly score: number
  }[]
  readonly rejections: readonly Rejection[]
}
export interface VolumePlan extends ResolvedPolicy {
  readonly plan: PlacementPlan
}

export type Health = 'healthy' | 'degraded' | 'rebuilding' | 'unsafe'

/** A volume as it is now: the record, and what servers say. */
export interface VolumeView {
  readonly record: VolumeRecord
  readonly health: Health
  readonly healthReasons: readonly string[]
  /** Hosts are served. */
  readonly isServing: boolean
  readonly iqn: string | null
  readonly nqn: string
  /** Where hosts find it: the primary's portals. */
  readonly iscsi: readonly string[]
  readonly nvme: readonly string[]
  /** In the order of their slots. */
  readonly paths: readonly PathView[]
  readonly replicas: readonly ReplicaView[]
  readonly usedBytes: number
  readonly snapshots: {
    readonly count: number
    /** Space that they take at the primary; null while it is not known. */
    readonly bytes: number | null
  }
  /** A clone that is still filled: names of its origin, and how much of it is there, 0 to 1. */
  readonly clone: { readonly source: string; readonly ratio: number } | null
  /** The last pass over it; null: none that is known. */
  readonly scrub: { readonly lastAt: number; readonly errors: number; readonly repaired: number } | null
  readonly jobs: readonly string[]
}
/** A path of hosts to it, as servers are told. */
export interface PathView extends VolumePath {
  readonly serverName: string
}

/** How a host comes to use it. */
export interface AttachInfo {
  readonly view: VolumeView
  /** Null: no server of it serves hosts so. */
  readonly iscsi: {
    readonly iqn: string
    readonly portals: readonly AttachPortal[]
    readonly hasChap: boolean
  } | null
  readonly nvme: {
    readonly nqn: string
    readonly portals: readonly AttachPortal[]
    readonly hasDhchap: boolean
  } | null
  readonly sections: readonly AttachSection[]
  readonly warnings: readonly Finding[]
}
export interface AttachPortal {
  readonly address: string
  readonly path: PathView
}
/** Lines to be run on the host by root; or, with `file`, to stand in that file. */
export interface AttachSection {
  readonly protocol: 'iscsi' | 'nvme'
  readonly title: string
  readonly file: string | null
  readonly lines: readonly string[]
}
export interface ReplicaView {
  readonly server: string
  readonly serverName: string
  readonly role: 'primary' | 'replica'
  readonly state: VolumeRecord['replicas'][number]['state']
  readonly isInSync: boolean
  readonly isConnected: boolean
  readonly standing: 'sound' | 'doubtful' | 'damaged' | 'resyncing' | 'unknown'
  readonly lagEntries: number | null
  readonly lagBytes: number | null
  /** 0 to 1 while it is resynced. */
  readonly resyncRatio: number | null
}

export interface ServerView {
  readonly record: ServerRecord
  readonly connection: 'connected' | 'lost' | 'never'
  /** Since the last beat; null before the first. */
  readonly silentMs: number | null
  readonly freeBytes: number | null
  readonly allocatedBytes: number
  readonly replicas: number
  readonly primaries: number
}

export interface Page<T> {
  readonly items: readonly T[]
  /** To be given for the next page; null on the last. */
  readonly next: string | null
}

export interface Preflight {
  readonly isPromotable: boolean
  readonly reason: string
  readonly primary: string
  readonly isPrimaryAlive: boolean
  readonly candidate: string | null
  readonly rejections: readonly {
    readonly server: string
    readonly reason: string
    readonly message: string
  }[]
  /** What a forced promotion may lose. */
  readonly atRisk: { readonly firstLsn: number; readonly lastLsn: number } | null
  /** Members that a forced promotion cannot reach: they may still be serving. */
  readonly unreached: readonly string[]
  /** What it waits for now, the main reason first; empty while it serves. */
  readonly waits: readonly Wait[]
  readonly refusal: Refusal | null
}

export interface Wait {
  /** Stable; documented in docs/failover.md. */
  readonly reason: string
  readonly message: string
  /** How long from now on; null: until somebody does something. */
  readonly forMs: number | null
  /** Ids of servers that it is about. */
  readonly servers: readonly string[]
}
/** The last thing that was asked of a lead and did not happen. */
export interface Refusal {
  readonly what: 'move' | 'promote'
  readonly reason: string
  readonly message: string
  readonly agoMs: number
}

export interface ClusterView {
  readonly clusterId: string
  readonly registryId: string
  readonly registrySeq: number
  readonly lock: { readonly reason: string; readonly detail: string } | null
  readonly volumes: Readonly<Record<Health | 'total', number>>
  readonly servers: { readonly total: number; readonly connected: number; readonly cordoned: number }
  readonly capacityBytes: number
  readonly freeBytes: number
  readonly allocatedBytes: number
  readonly promotionsTotal: number
  readonly failoversTotal: number
  readonly rebuildsTotal: number
  readonly runningJobs: number
  /** Promotions that wait, by the volume's name, and why. */
  readonly pending: readonly {
    readonly volume: string
    readonly why: string
    readonly wait: Wait | null
    readonly isOperatorNeeded: boolean
  }[]
  /** By the volume's name, what was asked of its lead and did not happen. */
  readonly refused: readonly (Refusal & { readonly volume: string })[]
}

export interface RebalanceMove {
  /** `lead`: another server of the volume leads from then on, no bytes move. `replica`: with it goes the lead, if it has it. */
  readonly kind: 'replica' | 'lead'
  readonly volume: string
  readonly name: string
  readonly from: string
  readonly to: string
  readonly bytes: number
}

export interface EventFilter {
  /** UUID. */
  readonly volume?: string
  /** Id. */
  readonly server?: string
}

/** With `after`: the first events with greater numbers; without: the last ones. In the order of their numbers. */
export interface EventQuery extends EventFilter {
  readonly after?: number
  readonly limit: number
}

export interface MasterApi extends SnapshotApi, ScheduleApi, BackupApi {
  resolveVolume(wish: CreateVolume): ResolvedPolicy
  planVolume(wish: CreateVolume): VolumePlan
  /** Idempotent by name and parameters: the same again returns the volume that is there; other parameters are CONFLICT. */
  createVolume(
    caller: Caller,
    wish: CreateVolume,
  ): Promise<{ readonly volume: VolumeView; readonly job: JobRecord | null }>
  /** By name or UUID, here and below. */
  volume(name: string): VolumeView
  /** What a host does to use it. */
  attachInfo(name: string): AttachInfo
  volumes(page: {
    readonly after?: string
    readonly limit: number
    readonly server?: string
    readonly health?: Health
  }): Page<VolumeView>
  /**
   * With `keepSnapshots`, CONFLICT for a volume that has any (`has_snapshots`), but for bases of backups, which are in a
   * repository; `in_use` while a backup of it is made.
   */
  deleteVolume(
    caller: Caller,
    name: string,
    request?: { readonly keepSnapshots: boolean },
  ): Promise<JobRecord>
  expandVolume(caller: Caller, name: string, sizeBytes: number): Promise<JobRecord>
  preflight(name: string): Preflight
  /** CONFLICT with `facts.unsafe` unless safe or forced. */
  promoteVolume(
    caller: Caller,
    name: string,
    request: { readonly server?: string; readonly force: boolean; readonly reason: string },
  ): Promise<VolumeView>
  /** `lead`: the primary goes to `to`. `replica`: the replica of `from` is rebuilt at `to` and then removed. */
  moveVolume(
    caller: Caller,
    name: string,
    request: { readonly to?: string; readonly from?: string },
  ): Promise<JobRecord>
  setAccess(caller: Caller, name: string, access: AccessRecord): Promise<VolumeView>
  setQos(caller: Caller, name: string, qos: Partial<QosRecord>): Promise<VolumeView>
  /**
   * Number of replicas and `minInSync` become those of the preset, by a job; null when there is nothing to change. INVALID_ARGUMENT;
   * CONFLICT (`policy_changing`) while another such job runs; NO_SPACE and CONFLICT when replicas find no place.
   */
  setPreset(
    caller: Caller,
    name: string,
    preset: string,
  ): Promise<{
    readonly volume: VolumeView
    readonly job: JobRecord | null
    readonly warnings: readonly Finding[]
  }>
  /**
   * The node is let in when it resolves; the same again is answered alike. CONFLICT: `published_elsewhere`,
   * `published_differently`, `secrets_mixed`, `name_in_use` (of these `facts.node`), `being_made`, `being_deleted`. BUSY
   * (`not_confirmed`): it is recorded, and servers have not said yet that they go by it.
   */
  publishVolume(caller: Caller, name: string, wish: PublishWish): Promise<VolumeView>
  /**
   * When it resolves the node can do no more harm: its sessions are over and nothing of them is under way, and no server lets
   * it in, or leads before it heard of that. BUSY (`not_confirmed`): it is recorded, and that is not certain yet.
   */
  unpublishVolume(caller: Caller, name: string, node: string): Promise<void>

  servers(): readonly ServerView[]
  /** By name or id, here and below. */
  server(name: string): ServerView
  setCordoned(caller: Caller, name: string, isCordoned: boolean): Promise<ServerView>
  drainServer(caller: Caller, name: string): Promise<JobRecord>
  /** CONFLICT while replicas are on it unless forced; forced, each of them counts as lost. */
  removeServer(caller: Caller, name: string, request: { readonly force: boolean }): Promise<void>

  planRebalance(): readonly RebalanceMove[]
  rebalance(caller: Caller): Promise<JobRecord>
  cluster(): ClusterView
  /** Takes over what servers report, raises every epoch above theirs, and lifts the lock. CONFLICT when there is none, unless forced. */
  recover(caller: Caller, request: { readonly force: boolean }): Promise<ClusterView>

  jobs(filter: {
    readonly state?: JobRecord['state']
    readonly after?: string
    readonly limit: number
  }): Page<JobRecord>
  job(id: string): JobRecord
  cancelJob(caller: Caller, id: string): Promise<JobRecord>

  events(query: EventQuery): readonly EventRecord[]
  /** Called with every event recorded from now on; returns the call that ends it. */
  subscribe(listener: (event: EventRecord) => void): () => void
}

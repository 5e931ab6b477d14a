/**
 * What the registry holds, by kind of key. Times are milliseconds since 1970 and for people only: no decision compares
 * them. Ids of epochs are decimal strings here, for JSON has no 64-bit integers.
 *
 *   cluster/cluster      ClusterRecord, one
 *   server/SERVER-ID     ServerRecord
 *   volume/UUID          VolumeRecord
 *   name/NAME            NameRecord: which volume has the name; made and removed with the volume's record
 *   job/ID               JobRecord
 *   event/NUMBER         EventRecord, NUMBER in 12 digits so that keys sort
 *   token/ID             TokenRecord
 *   snapshot/UUID/ID     SnapshotRecord, of the volume with that UUID
 *   schedule/NAME        ScheduleRecord
 *   repository/NAME      RepositoryRecord
 *   head/head            which opening of a record store wrote last (src/master/core/record-schemas.ts)
 */
import type { KeepRules } from '../rpc/tasks.ts'
import type { Policy } from '../v2engine/policy.ts'

export interface ClusterRecord {
  /** UUID of the cluster, the same in every server's configuration. */
  readonly clusterId: string
  readonly createdAt: number
  /** Why nothing is promoted, removed or deleted until `basalt cluster recover`; null when all is well. */
  readonly lock: {
    readonly reason: 'seq' | 'registryId' | 'epoch'
    readonly detail: string
    readonly since: number
  } | null
  /** Registries that this one took over from, and how far servers had seen them. Absent: none. */
  readonly replaced?: readonly { readonly id: string; readonly seq: number }[]
}

export type DiskType = 'ssd' | 'hdd' | 'nvme'

/** How hosts and other servers reach it: replaced by each hello of the server. `HOST:PORT`. */
export interface ServerAddresses {
  readonly grpc: string
  readonly replication: string
  readonly http: string
  /** Told to initiators; the first is the one that volumes are published with. */
  readonly iscsi: readonly string[]
  /** Told to NVMe hosts; empty: it serves none. */
  readonly nvme: readonly string[]
}

export interface ServerRecord {
  /** UUID: the identity that its data directory holds. */
  readonly id: string
  /** For people: the host's name unless the server was told another; unique, or refused at joining. */
  readonly name: string
  readonly addresses: ServerAddresses
  readonly zone: string | null
  readonly rack: string | null
  readonly diskType: DiskType
  /** Size of the file system that its volumes are on. */
  readonly capacityBytes: number
  readonly isCordoned: boolean
  /** Drained: cordoned, and its replicas go elsewhere. `left`: it said goodbye, it is not to be waited for. */
  readonly state: 'active' | 'maintenance' | 'left'
  readonly joinedAt: number
}

/** The registry's word on who leads; only `src/master/failover` changes it. */
export interface LeadRecord {
  readonly epoch: { readonly number: number; readonly id: string }
  readonly state: 'sealing' | 'serving'
  readonly primary: string
  /** Opening whose answer won; null before the first promotion. */
  readonly opening: number | null
  readonly set: { readonly epoch: number; readonly version: number; readonly members: readonly string[] }
  readonly mayHaveLost: boolean
  /** Somebody has led it: a replica that is made from now on is made for an older volume. */
  readonly hasServed: boolean
}

export interface ReplicaRecord {
  readonly server: string
  /**
   * `allocating`: its server is being asked to make it; counts as there for placement. `ready`: it is made.
   * `leaving`: it is to be deleted once it is out of the set; an assignment no longer names it.
   */
  readonly state: 'allocating' | 'ready' | 'leaving'
  /**
   * Of the path that hosts have to it (src/frontend/paths.ts): 0 to 62, no two of a volume alike; the lowest that was free
   * when it was added, and its own until it is gone.
   */
  readonly slot: number
}

export type PresetName = 'database' | 'general' | 'throughput'

/** What an operator asked for of placement. */
export interface PlacementWish {
  readonly diskType: DiskType | null
  /** Only servers of these zones; empty: of any. */
  readonly zones: readonly string[]
  /** Replicas go to different zones (racks): never in one, or only when there is a choice. */
  readonly zoneSpread: 'required' | 'preferred'
  readonly rackSpread: 'required' | 'preferred'
}

export interface AccessRecord {
  /** IQNs; null: whoever the server's own configuration admits; empty: nobody. */
  readonly initiators: readonly string[] | null
  /** Encrypted with the cluster's secrets key (src/master/security): never shown. Null: no CHAP. */
  readonly chap: {
    readonly user: string
    readonly sealedSecret: string
    readonly mutual: { readonly user: string; readonly sealedSecret: string } | null
  } | null
  /** NQNs of NVMe hosts; null: whoever the server's own configuration admits; empty: nobody. */
  readonly hosts: readonly string[] | null
  /** DH-HMAC-CHAP. Empty: none is asked for; else a host without an entry is refused. */
  readonly dhchap: readonly (SealedDhchap & { /** NQN. */ readonly host: string })[]
}

/** Of one NVMe host, encrypted as above. */
export interface SealedDhchap {
  readonly sealedSecret: string
  /** What the controller proves itself with to that host; null: it does not. */
  readonly sealedControllerSecret: string | null
}

/** A node uses the volume, and is let in by these names beside those of `AccessRecord`. */
export interface PublicationRecord {
  readonly node: string
  /** IQN and NQN; null: not over that protocol. Not both are null. */
  readonly initiator: string | null
  readonly host: string | null
  /** What the node proves itself with over NVMe; null: it is let in by its NQN alone. */
  readonly dhchap: SealedDhchap | null
  readonly isReadOnly: boolean
  /** Others that are shared may stand beside it. */
  readonly isShared: boolean
  readonly since: number
}

/** Limits; 0 is no limit. A burst is what may pass at once after an idle time. */
export interface QosRecord {
  readonly iops: number
  readonly iopsBurst: number
  readonly bytesPerSecond: number
  readonly bytesBurst: number
}

export interface VolumeRecord {
  readonly uuid: string
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  /** Null: by the size. */
  readonly logBytes: number | null
  readonly preset: PresetName
  readonly policy: Policy
  readonly placement: PlacementWish
  /** Hosts use several iSCSI paths at once: its servers are ALUA paths instead of redirecting. */
  readonly isMultipath: boolean
  readonly replicas: readonly ReplicaRecord[]
  readonly lead: LeadRecord
  readonly access: AccessRecord
  /** By node, each once. With any of them, a list of `access` that is null stands for an empty one. */
  readonly publications: readonly PublicationRecord[]
  /** Rises with every change of `access` and `publications`: no two rules that were ever told are taken for each other. */
  readonly accessVersion: number
  readonly qos: QosRecord
  /** A clone that is still filled: from which snapshot (id) of which volume (UUID); null when it is whole. */
  readonly origin: { readonly volume: string; readonly snapshot: string; readonly sizeBytes: number } | null
  /** The snapshot (id) of the volume (UUID) that it was made of, which may be gone long since; null: of none. */
  readonly madeOf: { readonly volume: string; readonly snapshot: string } | null
  /** `creating` until the first promotion; `deleting` from the moment that was asked, for good. */
  readonly state: 'creating' | 'active' | 'deleting'
  readonly createdAt: number
}

export interface NameRecord {
  readonly uuid: string
}

/** A snapshot as the registry knows it: what was asked for, and what its volume's log said. The log is right. */
export interface SnapshotRecord {
  /** 16 hex digits, random. */
  readonly id: string
  /** UUID. */
  readonly volume: string
  /** Unique among the volume's. */
  readonly name: string
  /**
   * `creating`: its server is being asked to make it. `deleting`: to delete it. `lost`: the volume's log does not have it any
   * more, after a promotion that lost writes.
   */
  readonly state: 'creating' | 'ready' | 'deleting' | 'lost'
  /** Null while it is being made. */
  readonly lsn: number | null
  /** Of the volume, then. */
  readonly sizeBytes: number
  readonly createdAt: number
  /** Name of the schedule that made it, by whose rules it goes; null: it stays until somebody deletes it. */
  readonly schedule: string | null
  readonly isExposed: boolean
  /** Id of the group that it was made with, at one moment. */
  readonly group: string | null
  /**
   * Made for a backup to this repository, and kept as the base of the next; `id` null: that is not complete. `fullAt`: when the last
   * full one before it, or it, was made.
   */
  readonly backup: {
    readonly repository: string
    readonly id: string | null
    readonly fullAt: number | null
  } | null
}

export interface ScheduleRecord {
  readonly name: string
  /** Names of volumes, with `*` for any characters: those that are there when it is due. */
  readonly volumes: readonly string[]
  /** `every`: so long after the last one was due, counted from 1970. `at`: minute, hour, day, month, weekday as in crontab(5), UTC. */
  readonly when: { readonly everyMs: number } | { readonly at: string }
  /** Of its snapshots, by volume. Without any rule none is kept but for backups. */
  readonly keep: KeepRules
  /** Backups instead of snapshots alone. `fullEveryMs`: a full one when the last is so old; null: increments for ever. */
  readonly backup: {
    readonly repository: string
    readonly fullEveryMs: number | null
    /** Of the backups of its volumes; null: all stay. */
    readonly keep: KeepRules | null
  } | null
  readonly isPaused: boolean
  readonly createdAt: number
  /** The last run; null: there was none. `endedAt` null: it is under way. */
  readonly last: {
    readonly dueAt: number
    readonly startedAt: number
    readonly endedAt: number | null
    readonly made: number
    readonly failed: number
    /** Why the first that failed did. */
    readonly message: string | null
  } | null
}

/** Where backups go. Secrets are sealed as those of AccessRecord. */
export interface RepositoryRecord {
  readonly name: string
  readonly target:
    | {
        readonly kind: 's3'
        readonly endpoint: string | null
        readonly region: string
        readonly bucket: string
        readonly prefix: string
        readonly accessKeyId: string
        readonly sealedSecretAccessKey: string
        readonly sealedSessionToken: string | null
        readonly forcePathStyle: boolean
      }
    | { readonly kind: 'directory'; readonly path: string }
  /** 32 bytes in hex; null: backups are not encrypted. */
  readonly sealedEncryptionKey: string | null
  readonly createdAt: number
}

export type JobKind =
  | 'create'
  | 'expand'
  | 'delete'
  | 'replace'
  | 'move'
  | 'drain'
  | 'rebalance'
  | 'restore'
  | 'clone'
  | 'scrub'
  | 'backup'
  | 'restore_backup'
  | 'verify_backup'
  | 'delete_backup'
  | 'prune_backups'
  | 'policy'
type JobState = 'running' | 'succeeded' | 'failed' | 'cancelling' | 'cancelled'

export interface JobRecord {
  readonly id: string
  readonly kind: JobKind
  readonly state: JobState
  /** UUIDs of volumes and id of the server that it is about. */
  readonly volume: string | null
  readonly server: string | null
  /** Who asked: a token's name, `local` without tokens, or `master` for what the master does by itself. */
  readonly actor: string
  /** What it does now, a word for people; the steps are listed beside each job in src/master/jobs. */
  readonly step: string
  /** The rest of what the job must remember over a restart; by kind, in src/master/jobs. */
  readonly data: { readonly [key: string]: import('./registry/registry.ts').Json }
  readonly progress: {
    readonly done: number
    readonly total: number
    readonly unit: 'bytes' | 'volumes' | 'steps' | 'blocks' | 'objects'
  }
  /** Why it failed, or what it waits for. */
  readonly message: string | null
  readonly createdAt: number
  readonly updatedAt: number
}

export type Role = 'admin' | 'operator' | 'viewer'

export interface TokenRecord {
  readonly id: string
  readonly name: string
  /** `server` tokens let a block server join and nothing else. */
  readonly role: Role | 'server'
  /** SHA-256 of the token, hex. */
  readonly sha256: string
  readonly createdAt: number
  readonly expiresAt: number | null
}

/** One line of the cluster's log; repeated ones are counted instead of written again. */
export interface EventRecord {
  readonly number: number
  readonly at: number
  readonly lastAt: number
  readonly count: number
  readonly severity: 'info' | 'warning' | 'error'
  /** `volume.promoted`, `server.lost`, ...: stable, listed in docs/events.md. */
  readonly kind: string
  readonly actor: string
  readonly volume: string | null
  readonly server: string | null
  /** A sentence for people. */
  readonly message: string
  readonly reason: string | null
  readonly epoch: number | null
  readonly lsn: number | null
  readonly requestId: string | null
}

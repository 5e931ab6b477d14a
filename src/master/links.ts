/**
 * Between master and block servers, as the decisions see it. The stream carries what has no answer (beats, engine
 * messages, grants); calls make, delete and resize replicas. All of it may be lost, late, doubled or out of order; an
 * answer that does not come means nothing is known.
 */
import type { Epoch } from '../base/units.ts'
import type { VolumePaths } from '../frontend/paths.ts'
import type { Opening } from '../v2engine/identity.ts'
import type { SetRecord, Standing } from '../v2engine/marks.ts'
import type { AuthorityMessage, ToAuthority } from '../v2engine/messages.ts'
import type { AccessRecord, DiskType, QosRecord, ServerAddresses } from './records.ts'

/** First on a stream, and whenever one of these facts changes. */
export interface ServerHello {
  readonly id: string
  readonly name: string
  readonly clusterId: string
  readonly addresses: ServerAddresses
  readonly zone: string | null
  readonly rack: string | null
  readonly diskType: DiskType
  /** Of this process: a new one at each start. */
  readonly process: string
  /** The greatest registry sequence number that this server has stored, and of which registry; null at first. */
  readonly registrySeen: { readonly id: string; readonly seq: number } | null
}

/** What a beat says of one replica. */
export interface ReplicaBeat {
  /** UUID. */
  readonly volume: string
  readonly name: string
  readonly sizeBytes: number
  readonly state: 'opening' | 'open' | 'waiting' | 'closed'
  /** The rest is absent while it is not open. */
  readonly open: {
    readonly opening: Opening
    /** Of the server's clock when it sent this beat: a grant counts from here. */
    readonly askedAtMs: number
    /** The epoch that it leads. */
    readonly leads: Epoch | null
    /** It leads, and hosts are served at this moment. */
    readonly isServing: boolean
    /** The epoch that it obeys. */
    readonly sealed: Epoch
    readonly set: SetRecord | null
    readonly standing: Standing
    readonly appended: number
    readonly committed: number
    readonly durable: number
    /** Of a primary: peers that lag or resync, for progress and health. */
    readonly peers: readonly PeerBeat[]
    /** Hosts that are logged in. */
    readonly sessions: number
  } | null
  readonly outage: string | null
  readonly usedBytes: number
  /** `tag` of the last `settings` that it stored; 0 before the first. Other settings are sent when it differs. */
  readonly settingsTag: number
  /** In full beats: `keep` of those settings, as it came; null before the first. A lost registry is made again from it. */
  readonly kept: string | null
  readonly messages: readonly ToAuthority[]
}

export interface PeerBeat {
  readonly server: string
  readonly isConnected: boolean
  readonly lagEntries: number
  readonly lagBytes: number
  readonly resync: {
    readonly sentBytes: number
    readonly scannedBlocks: number
    readonly sizeBlocks: number
  } | null
}

/** Every 500 ms, and at once when there is something to say. */
export interface ServerBeat {
  /** Rises from beat to beat of a process: what is not greater came late or again. */
  readonly sentAtMs: number
  readonly freeBytes: number
  readonly capacityBytes: number
  readonly isDraining: boolean
  /** True: `replicas` lists all there are, and what is missing is not there. False: those that changed or lead. */
  readonly isFull: boolean
  readonly replicas: readonly ReplicaBeat[]
}

/** From the master on the stream. */
export type ToServer =
  | { readonly kind: 'replica'; readonly volume: string; readonly message: AuthorityMessage }
  /** To be stored before anything else on this stream is obeyed. */
  | { readonly kind: 'registry'; readonly id: string; readonly seq: number }
  /**
   * How the volume is to be served here. To every server with a replica; stored beside the replica with `tag` and `keep`,
   * which only the master reads (at most 64 KiB, no secrets in the clear).
   */
  | {
      readonly kind: 'settings'
      readonly volume: string
      readonly access: ClearAccess
      readonly qos: QosRecord
      readonly tag: number
      readonly keep: string
    }
  /**
   * The paths of volumes, whether or not this server has a replica of them. After a welcome the whole table comes in chunks:
   * with `isFirst` everything that was told before is forgotten, and after `isLast` a volume that was not named is not
   * there. Then changes, each a chunk of its own with neither. `removed`: UUIDs.
   */
  | {
      readonly kind: 'paths'
      readonly isFirst: boolean
      readonly isLast: boolean
      readonly volumes: readonly VolumePaths[]
      readonly removed: readonly string[]
    }
  /** Send a full beat. */
  | { readonly kind: 'tellAll' }

/** Access with its secrets in the clear, for the server that has to check them; over an encrypted connection or loopback. */
export interface ClearAccess {
  readonly initiators: AccessRecord['initiators']
  readonly chap: {
    readonly user: string
    readonly secret: string
    readonly mutual: { readonly user: string; readonly secret: string } | null
  } | null
  readonly hosts: AccessRecord['hosts']
  readonly dhchap: readonly {
    readonly host: string
    readonly secret: string
    readonly controllerSecret: string | null
  }[]
}

export interface AllocateRequest {
  readonly volume: string
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  readonly logBytes: number | null
  /** The registry's epoch when the volume is older than this replica; null for the first ones. */
  readonly madeIn: Epoch | null
}

export interface RemoveRequest {
  readonly volume: string
  /** Of the registry, when it was decided. */
  readonly epoch: number
  readonly set: { readonly epoch: number; readonly version: number }
}

/** The port by which decisions reach servers. Implemented over gRPC, and by the simulator. */
export interface ServerLinks {
  /** Sent in order if there is a stream; else dropped: it is said again when it matters. */
  send(server: string, message: ToServer): void
  /** Idempotent; resolves when the replica is made. DISCONNECTED, TIMED_OUT: nothing is known. CONFLICT, NO_SPACE: refused. */
  allocate(server: string, request: AllocateRequest): Promise<void>
  /**
   * Idempotent; resolves when nothing of the replica is left. Refused with CONFLICT while it leads, or obeys an epoch above,
   * or knows a later in-sync set: it may be in that one.
   */
  remove(server: string, request: RemoveRequest): Promise<void>
  /** At the primary, idempotent; resolves when the new size is committed. */
  expand(
    server: string,
    request: { readonly volume: string; readonly epoch: number; readonly sizeBytes: number },
  ): Promise<void>
}

/**
 * Between master and block servers, as the decisions see it. The stream carries what has no answer (beats, engine
 * messages, grants); calls make, delete and resize replicas. All of it may be lost, late, doubled or out of order; an
 * answer that does not come means nothing is known.
 */
import type { Epoch } from '../base/units.ts'
import type { VolumePaths } from '../frontend/paths.ts'
import type { TaskSpec, TaskView } from '../rpc/tasks.ts'
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
  /** Of a primary; null: it does not lead, or all is as this process said last of this volume. */
  readonly led: LedBeat | null
  readonly messages: readonly ToAuthority[]
}

/**
 * What a primary says of what it leads, whole each time: when it begins to lead, when something of it changed, and soon after
 * a full beat was asked for (in a beat of its own where a full one would grow too large).
 */
export interface LedBeat {
  /** The epoch that it leads: what is said of another one is old. */
  readonly epoch: number
  /** Committed ones, oldest first. */
  readonly snapshots: readonly SnapshotBeat[]
  /** A clone that is still filled from a snapshot of another volume. */
  readonly origin: (Origin & { readonly doneBytes: number; readonly totalBytes: number }) | null
  /** The last pass over this volume that ended; null: there was none since the process started. */
  readonly scrub: {
    /** Of the server's wall clock, for people. */
    readonly endedWallMs: number
    readonly errors: number
    readonly repaired: number
  } | null
}

/** A snapshot as the volume's log has it. */
export interface SnapshotFacts {
  /** 16 hex digits, not all zero. */
  readonly id: string
  readonly name: string
  /** It sees every change up to here. */
  readonly lsn: number
  readonly createdWallMs: number
  /** Of the volume, then. */
  readonly sizeBytes: number
}
export interface SnapshotBeat extends SnapshotFacts {
  /** Hosts can log in to it at this server. */
  readonly isExposed: boolean
}

/** What a clone is filled from. */
export interface Origin {
  /** UUID. */
  readonly volume: string
  /** Id. */
  readonly snapshot: string
  readonly sizeBytes: number
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

/** A volume at the server that leads it in the epoch of this number; CONFLICT (`not_led`) where it does not. */
export interface LedVolume {
  /** UUID. */
  readonly volume: string
  readonly epoch: number
}
export interface OneSnapshot extends LedVolume {
  readonly id: string
}

export interface VolumeSnapshots {
  /** Oldest first. */
  readonly snapshots: readonly (SnapshotBeat & {
    /** Kept for it and older ones: of the snapshots that see a kept block, the newest counts it. */
    readonly heldBytes: number
    /** What its deletion alone would give back. */
    readonly exclusiveBytes: number
  })[]
  /** Of no snapshot any more, and about to be given back. */
  readonly freeingBytes: number
  /** Of the lists of what is kept. */
  readonly metadataBytes: number
}

/**
 * What a server does for its master when it is called. All of it is idempotent: the same again is answered alike.
 * DISCONNECTED, TIMED_OUT: nothing is known.
 */
export interface ServerCalls {
  /** Resolves when the replica is made. CONFLICT, NO_SPACE: refused. */
  allocate(request: AllocateRequest): Promise<void>
  /**
   * Resolves when nothing of the replica is left. Refused with CONFLICT while it leads, or obeys an epoch above, or knows a
   * later in-sync set: it may be in that one.
   */
  remove(request: RemoveRequest): Promise<void>
  /** At the primary; resolves when the new size is committed. */
  expand(request: LedVolume & { readonly sizeBytes: number }): Promise<void>

  /**
   * Of all that was acknowledged before the call; committed when it resolves. CONFLICT: the name is another one's, or the volume
   * is a clone that is still filled. NO_SPACE: there are too many. UNKNOWN_FORMAT: a replica runs a release that knows none.
   */
  createSnapshot(request: OneSnapshot & { readonly name: string }): Promise<SnapshotFacts>
  /** No error when it is not there. CONFLICT while it is read: exposed with hosts logged in, or by a backup or a clone. */
  deleteSnapshot(request: OneSnapshot): Promise<void>
  /**
   * The volume is as the snapshot was, but for its size; hosts that are logged in are told that data changed. NOT_FOUND. A
   * request (UUID) that was carried out in this epoch is not carried out again: hosts may have written since. IN_USE while hosts
   * are logged in at that moment, unless `force`.
   */
  restoreSnapshot(request: OneSnapshot & { readonly request: string; readonly force: boolean }): Promise<void>
  snapshotUsage(request: LedVolume): Promise<VolumeSnapshots>
  /** Hosts may log in to it, read-only, at this server as long as it leads; or no longer. NOT_FOUND. */
  exposeSnapshot(request: OneSnapshot & { readonly isExposed: boolean }): Promise<void>
  /** The volume, on which nobody wrote yet, is a clone from here on. CONFLICT: it has another origin, or was written to. */
  setOrigin(request: LedVolume & { readonly origin: Origin }): Promise<void>
  /**
   * New writes wait, and those under way are over when it resolves. It ends by itself after `holdMs` (at most 5000), and
   * whenever the server stops leading. BUSY: somebody holds them already.
   */
  holdWrites(request: LedVolume & { readonly holdMs: number }): Promise<{ readonly hold: string }>
  /** `wasHeld`: it never ended in between. */
  releaseWrites(request: LedVolume & { readonly hold: string }): Promise<{ readonly wasHeld: boolean }>
  /**
   * Opens a snapshot for another server, which reads it by the calls of `Images` with this ticket. A ticket ends with the
   * process, with the lead, and when it was not used for a minute; one that was never used when the snapshot is to be deleted,
   * or when the task that it is for, `reader` (UUID), gets another one.
   */
  openImage(
    request: LedVolume & { readonly snapshot: string; readonly reader: string | null },
  ): Promise<{ readonly ticket: string }>

  /**
   * Begins a task, or finds it running or succeeded under this UUID; one that failed or was cancelled begins anew. `led`: the volume that it is of, which this server leads; null for tasks
   * of no volume. A task of a volume ends as failed with CONFLICT when the lead is lost. BUSY: too many run here, or another
   * one writes what the volume is to be.
   */
  startTask(request: {
    readonly task: string
    readonly led: LedVolume | null
    readonly spec: TaskSpec
  }): Promise<void>
  /** How it is with a task; `unknown` of one that this process did not begin, or ended an hour ago. */
  task(request: { readonly task: string }): Promise<TaskView>
  /** It ends as soon as it can, leaving nothing that a later one could take for whole. No error when there is none. */
  cancelTask(request: { readonly task: string }): Promise<void>
}

type AtServer<Calls> = {
  readonly [Name in keyof Calls]: Calls[Name] extends (request: infer Request) => infer Answer
    ? (server: string, request: Request) => Answer
    : never
}

/** The port by which decisions reach servers. Implemented over gRPC, and by the simulator. */
export interface ServerLinks extends AtServer<ServerCalls> {
  /** Sent in order if there is a stream; else dropped: it is said again when it matters. */
  send(server: string, message: ToServer): void
}

/**
 * The cluster runtime, as the rest of the master sees it: servers' streams come in (`ServerStreams`), who leads which
 * volume is decided and told, and jobs and the API look at it and ask for moves, promotions and ends by `Leads`.
 *
 * Nothing here has to be told what to do for a volume that is in the registry: the record says it. Who changes a volume's
 * record or its replicas' calls `wake`, and what follows from it is done: a volume whose replicas are all `ready` is
 * sealed and gets its first primary; an assignment goes to the primary when replicas came, went or moved; a replica that
 * is `leaving` leaves the in-sync set.
 */

import type { LeadWait } from '../failover/waits.ts'
import type { ServerBeat, ServerHello } from '../links.ts'
import type { LeadRecord } from '../records.ts'
import type { LeadRefusal } from './lead-refusals.ts'
import type { LiveCluster } from './live.ts'

export type HelloVerdict =
  /** `stream` names this stream in the calls below; of an older stream of the same server nothing is heard any more. */
  | { readonly kind: 'welcome'; readonly stream: number }
  | {
      readonly kind: 'refused'
      readonly reason: 'another_cluster' | 'name_taken' | 'invalid'
      readonly message: string
    }
  /** Another master leads, at `leader` (`HOST:PORT`, for gRPC); null: it is not known who. */
  | {
      readonly kind: 'refused'
      readonly reason: 'not_leader'
      readonly message: string
      readonly leader: string | null
    }

/** For whoever carries the streams: gRPC, the simulator. Answers go out by the ServerLinks port. */
export interface ServerStreams {
  /**
   * First on a stream, and again on the same stream when a fact changed (`stream` given). Resolves when the server is
   * recorded; beats of the stream are for after that.
   */
  onHello(hello: ServerHello, stream?: number): Promise<HelloVerdict>
  onBeat(stream: number, beat: ServerBeat): void
  onDisconnect(stream: number): void
}

/** What the registry does not know, or knows otherwise; never deleted by itself. */
export interface Stray {
  readonly server: string
  readonly volume: string
  readonly name: string
  readonly sizeBytes: number
  readonly why: 'unknown_volume' | 'not_a_replica'
}

export interface RecoverReport {
  /** UUIDs of volumes whose epoch was raised, and of those that were taken over from what servers keep. */
  readonly raised: readonly string[]
  readonly adopted: readonly string[]
}

/** Where a volume stands on its way to be served. */
export interface LeadStatus {
  /**
   * `waiting`: its first replicas are being made, or it is being deleted, or the cluster is locked; `sealing`: a primary
   * is sought; `assigned`: the winner was told; `serving`: hosts are served; `moving`: the primary was asked to stop.
   */
  readonly phase: 'waiting' | 'sealing' | 'assigned' | 'serving' | 'moving'
  /** For people: what it waits for; null while it serves. */
  readonly why: string | null
  /** The same with stable reasons, the main one first; empty while it serves. */
  readonly waits: readonly LeadWait[]
  readonly isOperatorNeeded: boolean
  /** What was asked of its lead last and was refused, or came to nothing, since somebody began to serve it. */
  readonly refusal: LeadRefusal | null
}

export type PreflightReason =
  /** The primary serves: a promotion is a planned move. */
  | 'serving'
  /** It serves, and there is nobody to move to. */
  | 'alone'
  /** A promotion is on its way, and finds enough members. */
  | 'promotable'
  | 'grant_running'
  | 'too_few_members'
  | 'no_sound_member'
  | 'nobody_answers'
  | 'being_made'
  | 'being_deleted'
  | 'locked'

export interface LeadPreflight {
  /** Without force. */
  readonly isPromotable: boolean
  readonly reason: PreflightReason
  /** A sentence for people. */
  readonly message: string
  readonly isPrimaryAlive: boolean
  /** Who would lead. */
  readonly candidate: string | null
  readonly rejections: readonly {
    readonly server: string
    readonly reason:
      | 'not_connected'
      | 'not_open'
      | 'not_in_set'
      | 'resyncing'
      | 'damaged'
      | 'doubtful'
      | 'behind'
      | 'leaving'
      | 'is_primary'
    readonly message: string
  }[]
  /** What a forced promotion of the candidate may lose. */
  readonly atRisk: { readonly firstLsn: number; readonly lastLsn: number } | null
  /** Members that a forced promotion cannot reach: they may still be serving. */
  readonly unreached: readonly string[]
}

export type MoveOutcome =
  | { readonly kind: 'moved' }
  /** `leads` is the primary now. `reason`: not_drained, no_answer, target_lost, superseded, closed. */
  | { readonly kind: 'failed'; readonly reason: string; readonly leads: string }

/** By UUID of the volume; NOT_FOUND when the registry has no such volume. */
export interface Leads {
  status(volume: string): LeadStatus
  preflight(volume: string): LeadPreflight
  /**
   * The primary drains and hands over to `to`. Resolves within a minute, when `to` serves or when it failed; moved when `to`
   * leads already. After a restart of the master it is asked for again. CONFLICT with `facts.reason`: not_serving,
   * not_a_member, not_connected, not_sound, move_in_progress, locked, being_deleted.
   */
  move(volume: string, to: string): Promise<MoveOutcome>
  /**
   * Seals a new epoch and promotes; `server` wins among equals. Unforced: CONFLICT with `facts.unsafe` unless preflight says
   * that it is promotable; while the primary serves, `server` or the best other member takes over as by `move`, and it is a
   * CONFLICT when that fails, or when there is none (`alone`).
   * Forced: the greatest that answers, or `server` if it answers, once the last grant has run out; what it may lose is
   * recorded. Resolves when the new epoch is recorded as sealing, or `server` has taken over; `status` tells the rest.
   */
  promote(
    volume: string,
    request: {
      readonly server: string | null
      readonly force: boolean
      readonly actor: string
      readonly requestId?: string | null
    },
  ): Promise<void>
  /**
   * Of a volume whose record says `deleting`: an epoch above is recorded and sealed, and nobody is promoted. Resolves when it
   * is recorded; then `ServerLinks.remove` with that epoch succeeds as soon as the server obeys it. Idempotent.
   */
  retire(volume: string): Promise<LeadRecord>
  /** Who may serve hosts now, for all that this master knows; null: nobody, for certain. */
  mayServe(volume: string): string | null
  /** Something about it changed in the registry. */
  wake(volume: string): void
}

export interface Cluster extends ServerStreams {
  readonly live: LiveCluster
  readonly leads: Leads
  strays(): readonly Stray[]
  /**
   * `basalt cluster recover`. CONFLICT: `facts.reason` `not_locked` (unless forced), or `members_missing`: servers that the
   * newest known set of a volume names have not reported; forced, what they hold above the others may be lost.
   */
  recover(request: { readonly force: boolean; readonly actor: string }): Promise<RecoverReport>
  /** Begins to lead: nobody is promoted before a lease and its margin have passed. */
  start(): void
  close(): void
}

/**
 * State of one replica. It is owned and changed by the engine alone; `view.ts` shows it to others.
 *
 *                        ┌──────────────── seal of a higher epoch, fence, drained stop ─────────────┐
 *                        ▼                                                                          │
 *     open ──▶ following (nobody, or a primary) ──assigned to this opening, in the epoch sealed──▶ primary
 *                        │                                                                          │
 *                        └──────────── poisoned, close ──▶ stopped ◀────────────────────────────────┘
 *
 *     primary:  starting ──epoch start committed──▶ serving ◀──drained too late──▶ stopping ──drained──▶ following
 *
 * A replica that follows has sealed an epoch and obeys the one primary of it; nothing of a lower epoch reaches its log.
 */
import type { Epoch, Lsn } from '../base/units.ts'
import type { History } from './history.ts'
import type { ConnectionId, Opening, ServerId, SessionRef } from './identity.ts'
import type { Local, Marks, SetRecord, Standing } from './marks.ts'
import type { Replica } from './messages.ts'
import type { Plan } from './plan.ts'
import type { Bounds, Policy } from './policy.ts'
import type { Trail } from './trail.ts'

export interface ReplicaState {
  readonly self: ServerId
  readonly bounds: Bounds
  marks: Marks
  local: Local
  /** Last LSN handed to storage to append; reports come later. */
  handed: Lsn
  /** Number of the last cut of the log; reports from before it are stale. */
  cut: number
  /** History that this replica's entries are of. Spans beyond its own end are those of the primary that it follows. */
  adopted: History
  /** The greatest LSN known committed; never above what is appended. */
  commit: Lsn
  /** Until then no other epoch is sealed: by a promise of this opening, or one that an earlier one may have given. */
  boundUntilMs: number
  role: Role
}

type Role = Following | Primary | { readonly kind: 'stopped'; readonly why: 'poisoned' | 'closed' }

export interface Following {
  readonly kind: 'following'
  leader: Leader | null
}

/** The primary that this replica obeys. */
export interface Leader {
  readonly server: ServerId
  readonly connection: ConnectionId
  readonly opening: Opening
  /** Greatest session id of this epoch. */
  lastSession: number
  session: FollowerSession | null
  /** As told; may be above what is appended here. */
  commitTold: Lsn
}

export interface FollowerSession {
  readonly ref: SessionRef
  /** The barrier asked for; settling once storage has been told to. */
  barrier: { readonly lsn: Lsn; isSettling: boolean } | null
}

export interface Primary {
  readonly kind: 'primary'
  readonly epoch: Epoch
  policy: Policy
  phase:
    | { readonly kind: 'starting' }
    | { readonly kind: 'serving' }
    /** `quietLsn`: the end of the log, once nothing is on its way to it. */
    | { readonly kind: 'stopping'; readonly sinceMs: number; quietLsn: Lsn | null }
  /** Of the epoch's start entry; null until storage has appended it. */
  startLsn: Lsn | null
  replicas: readonly Replica[]
  set: SetRecord
  change: SetChange | null
  readonly peers: Map<ServerId, Peer>
  readonly trail: Trail
  readonly lease: {
    grantedUntilMs: number
    readonly promises: Map<ServerId, number>
    /** What the shell was told. */
    shownUntilMs: number
    shownKind: 'none' | 'draining' | 'until'
  }
  /** Told to the shell so far. */
  acknowledged: Lsn
  flushed: Lsn
  busy: Lsn
  /** Flushes that wait: LSN and since when, both rising. */
  readonly flushes: { readonly lsn: Lsn; readonly sinceMs: number }[]
  nextSession: number
  nextPulseMs: number
}

/**
 * A change of the in-sync set. One is open at a time, and while it is, both sets' rules hold.
 *
 *     add:     counted in ─▶ barrier taken after that is confirmed ─▶ asked ─▶ registry's set
 *     remove:  what is committed satisfies the new set's rule      ─▶ asked ─▶ registry's set ─▶ acknowledge without it
 *     asked ──no answer──▶ asked again, then a change of nothing: whichever comes first raises the version
 *     not asked yet ──condition gone, or too late──▶ given up
 */
export interface SetChange {
  readonly kind: 'add' | 'remove'
  readonly member: ServerId
  readonly next: readonly ServerId[]
  /** Of an add: what the barrier has to cover. */
  readonly barrier: Lsn
  readonly sinceMs: number
  /** Null until the registry was asked. */
  asked: { atMs: number; times: number } | null
}

type Link =
  | { readonly kind: 'down'; readonly retryAtMs: number }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'up'; readonly connection: ConnectionId }

export type Grade = 'live' | 'slow' | 'suspect' | 'gone'

/** A replica as its primary knows it. */
export interface Peer {
  readonly server: ServerId
  endpoint: string
  link: Link
  /** Last time that anything was heard, or the epoch's begin. */
  heardMs: number
  grade: Grade
  /** As it said last on this connection, or as a barrier made it; null before, and then it counts nowhere. */
  standing: Standing | null
  /** It cannot catch up from the log, and where the set must shrink first it has to leave. */
  needsResync: boolean
  /** The greatest opening that it named on this connection; lower ones are stale. 0: none yet. */
  opening: Opening
  session: PeerSession | null
  /** By acknowledgements of the present session. */
  appended: Lsn
  durable: Lsn
  /** The greatest LSN that it acknowledged in this epoch, over all sessions. */
  reached: Lsn
  /** Greatest barrier that the present session confirmed. */
  confirmed: Lsn
  /** Greatest LSN that it ever reported durable in this epoch. */
  reportedDurable: Lsn
  /** Failures in a row, for backoff. */
  failures: number
  stalledCatchUps: number
  /** Without a session it is asked for what it has, at this time. */
  askAtMs: number
  /** It may not come into the set before. */
  rejoinAtMs: number
  /** It contradicts this epoch; nothing is sent to it. */
  isBarred: boolean
}

/**
 * A session at the primary.
 *
 *     pinning ──pinned──▶ offered ──taken──▶ copying ──copied──▶ streaming ──caught up──▶ live
 *        │                   │        └──────(catchUp, inSync)──────▲ │                    │
 *        └────┬──────────────┴────────────────────┬─────────────────┴─┴────────────────────┘
 *             ▼ link lost, new opening, superseded, refused, stalled, role lost: ended, pins released
 */
export interface PeerSession {
  readonly ref: SessionRef
  readonly plan: Plan
  phase: 'pinning' | 'offered' | 'copying' | 'streaming' | 'live'
  /** Something is pinned, or asked to be. */
  isPinned: boolean
  /** Last progress. */
  movedMs: number
  /** A barrier on its way. */
  barrier: { readonly lsn: Lsn; readonly sinceMs: number } | null
}

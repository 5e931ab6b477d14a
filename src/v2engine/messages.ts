/**
 * What servers and the authority (the master) tell each other. Data does not pass here: entries and blocks travel
 * beside these messages, in the order of the connection, and the shell hands them on when the engine says so.
 */
import type { Epoch, Lsn } from '../base/units.ts'
import type { History } from './history.ts'
import type { LastEntry, Opening, ServerId, SessionRef } from './identity.ts'
import type { SetRecord, Standing } from './marks.ts'
import type { Plan } from './plan.ts'
import type { Policy } from './policy.ts'

/** From a primary to a replica. */
export type PrimaryMessage =
  /** First on every connection, and again to ask for a fresh `follow`. */
  | { readonly kind: 'lead'; readonly epoch: Epoch; readonly opening: Opening }
  | { readonly kind: 'plan'; readonly session: SessionRef; readonly plan: Plan; readonly commit: Lsn }
  /** Entries [first, last] come with it. */
  | {
      readonly kind: 'entries'
      readonly session: SessionRef
      readonly first: Lsn
      readonly last: Lsn
      readonly commit: Lsn
    }
  /**
   * At each beat: the commit LSN, so that an idle replica drains; the set, so that members know it; and the question
   * "will you seal no other epoch for a lease from now?", with the time of asking.
   */
  | {
      readonly kind: 'pulse'
      readonly epoch: Epoch
      readonly askedAtMs: number
      readonly commit: Lsn
      readonly set: SetRecord
    }
  /** Make everything up to `lsn` durable, then be sound. */
  | { readonly kind: 'barrier'; readonly session: SessionRef; readonly lsn: Lsn }
  /** The primary serves no more in this epoch; promises to it are void. */
  | { readonly kind: 'release'; readonly epoch: Epoch }

/** What a replica is, as it says itself. */
export interface Follow {
  readonly kind: 'follow'
  readonly epoch: Epoch
  readonly opening: Opening
  readonly history: History
  readonly appended: Lsn
  readonly durable: Lsn
  readonly image: Lsn
  readonly hasUnknown: boolean
  readonly standing: Standing
  /** Base of a resync that is not finished. */
  readonly resyncBase: Lsn | null
}

/** From a replica to a primary. */
export type ReplicaMessage =
  | Follow
  /** Everything that the plan asked to be durable first is durable. */
  | { readonly kind: 'taken'; readonly session: SessionRef }
  | { readonly kind: 'refused'; readonly session: SessionRef; readonly why: PlanRefusal }
  | { readonly kind: 'ack'; readonly session: SessionRef; readonly appended: Lsn; readonly durable: Lsn }
  | { readonly kind: 'confirmed'; readonly session: SessionRef; readonly lsn: Lsn }
  /** Until a lease and a margin from now this replica seals no other epoch. */
  | { readonly kind: 'promise'; readonly epoch: Epoch; readonly askedAtMs: number }
  /** This replica obeys a higher epoch. */
  | { readonly kind: 'fence'; readonly epoch: Epoch }

export type PlanRefusal = 'image beyond common' | 'log does not reach' | 'plan does not fit'

export type PeerMessage = PrimaryMessage | ReplicaMessage

/** A replica of the volume and where its server listens at present. */
export interface Replica {
  readonly server: ServerId
  readonly endpoint: string
}

/** What the registry decided for this replica. */
export interface Assignment {
  readonly kind: 'assign'
  readonly epoch: Epoch
  readonly role: 'primary' | 'replica'
  /** Who leads. An assignment that comes to another server by mistake makes no second primary. */
  readonly primary: ServerId
  /** Of a primary: the opening whose answer won. Another opening refuses. */
  readonly opening: Opening
  readonly replicas: readonly Replica[]
  readonly set: SetRecord
  readonly policy: Policy
}

/** From the authority. */
export type AuthorityMessage =
  | { readonly kind: 'seal'; readonly epoch: Epoch }
  | Assignment
  /** Answer to a heartbeat that this server sent at `askedAtMs` of its own clock. */
  | {
      readonly kind: 'grant'
      readonly epoch: Epoch
      readonly opening: Opening
      readonly askedAtMs: number
      readonly leaseMs: number
    }
  /** What the registry holds, in answer to `changeSet` or `readSet`, whether or not the change was accepted. */
  | { readonly kind: 'setIs'; readonly epoch: Epoch; readonly set: SetRecord }
  /** Planned: drain, stop, say so. */
  | { readonly kind: 'stop'; readonly epoch: Epoch }

/** Answer to a seal; it counts only for the opening that gave it. */
export interface SealAnswer {
  readonly kind: 'sealed'
  readonly epoch: Epoch
  readonly server: ServerId
  readonly opening: Opening
  /** Of a replica that is resyncing: the epoch of the primary that it resyncs from, and its base. */
  readonly last: LastEntry
  readonly standing: Standing
  /** It has led this very epoch: the epoch is used up. */
  readonly hasServed: boolean
}

/** To the authority. */
export type ToAuthority =
  | SealAnswer
  /** Bound by a promise, or by one that an earlier opening may have given: ask again after so long. */
  | { readonly kind: 'sealLater'; readonly epoch: Epoch; readonly waitMs: number }
  | { readonly kind: 'sealRefused'; readonly epoch: Epoch; readonly sealed: Epoch }
  | { readonly kind: 'assignRefused'; readonly epoch: Epoch; readonly why: AssignRefusal }
  /** Compare-and-set on (epoch, version). */
  | {
      readonly kind: 'changeSet'
      readonly epoch: Epoch
      readonly version: number
      readonly members: readonly ServerId[]
    }
  | { readonly kind: 'readSet'; readonly epoch: Epoch }
  /** Serves no more in this epoch. `isDrained`: every member has everything. */
  | {
      readonly kind: 'stopped'
      readonly epoch: Epoch
      readonly opening: Opening
      readonly isDrained: boolean
    }
  /** Could not drain in time, and serves on. */
  | { readonly kind: 'stopFailed'; readonly epoch: Epoch }
  /** The epoch start is committed: hosts are served. With it the promotion is complete. */
  | { readonly kind: 'serving'; readonly epoch: Epoch; readonly startLsn: Lsn }

export type AssignRefusal =
  | 'another server'
  | 'epoch not sealed here'
  | 'epoch already served'
  | 'another opening'
  | 'resyncing'
  | 'not a replica'
  | 'stopped'

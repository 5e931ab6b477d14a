/**
 * What the shell has to do, in the order of the fields. Hosts are cut off first, if at all. `persist` is durable, item
 * by item, before anything in `after` is done: a message may not tell of a mark that a crash can still take back. If
 * `persist` fails, `after` is dropped and the volume is fenced.
 *
 *     event ──step──▶ halt ▸ persist[0] ▸ persist[1] ▸ … durable ──▶ serve ▸ storage ▸ sessions ▸ send ▸ links ▸ reply
 */
import type { Epoch, Lsn } from '../base/units.ts'
import type { History } from './history.ts'
import type { ConnectionId, ServerId, SessionRef } from './identity.ts'
import type { Marks } from './marks.ts'
import type { PeerMessage, ToAuthority } from './messages.ts'
import type { Proof } from './plan.ts'

export type Persist =
  /** All marks, in one write of the superblock. */
  | { readonly kind: 'marks'; readonly marks: Marks }
  /** The log ends at `above`; what is beyond can never be read again. Reports from now on carry `cut`. */
  | { readonly kind: 'dropLog'; readonly above: Lsn; readonly cut: number }
  /** Snapshots and preserved versions beyond `above` are gone; map entries beyond it are unknown. */
  | { readonly kind: 'forget'; readonly above: Lsn }
  /** What the log has up to `through` is in extents, map and versions. */
  | { readonly kind: 'flushLog'; readonly through: Lsn }
  /** The log is empty and goes on at `after` + 1; `history` is the volume's. */
  | { readonly kind: 'restartLog'; readonly after: Lsn; readonly history: History; readonly cut: number }

export type StorageCommand =
  /** Append the start entry of this epoch behind everything handed over before. */
  | { readonly kind: 'startEpoch'; readonly epoch: Epoch }
  /** Append the entries that came with the message. */
  | { readonly kind: 'append'; readonly session: SessionRef; readonly first: Lsn; readonly last: Lsn }
  /** The flusher may go as far as this, and not past the durable LSN (invariant 7). */
  | { readonly kind: 'commit'; readonly lsn: Lsn }
  /** fdatasync through `lsn`, base blocks too; answered by `settled`. */
  | { readonly kind: 'settle'; readonly session: SessionRef; readonly lsn: Lsn }

/** What a session needs to stay as it is while it is read. */
interface Pins {
  /** The log from here on, or null. */
  readonly logFrom: Lsn | null
  /** One of the cluster's places for resyncs, and the versions born after this LSN; or null. */
  readonly versionsAfter: Lsn | null
}

export type SessionCommand =
  | { readonly kind: 'pin'; readonly session: SessionRef; readonly server: ServerId; readonly pins: Pins }
  /** Gives back all that the session pinned, or that a `pin` still on its way will. */
  | { readonly kind: 'unpin'; readonly session: SessionRef }
  /** Send appended entries from `from` on, for as long as the session lives. */
  | { readonly kind: 'stream'; readonly session: SessionRef; readonly server: ServerId; readonly from: Lsn }
  /** Send the base of a resync, once the checkpoint has passed `target`; `sessionMoved` when done. */
  | {
      readonly kind: 'copy'
      readonly session: SessionRef
      readonly server: ServerId
      readonly base: Lsn
      readonly target: Lsn
    }
  | { readonly kind: 'end'; readonly session: SessionRef; readonly why: string }

export type LinkCommand =
  /** Answered by `linkUp` or `linkDown` within a bound that the shell keeps. */
  | { readonly kind: 'connect'; readonly server: ServerId; readonly endpoint: string }
  /** Close this connection, or all of the server's and attempts at one when null. */
  | { readonly kind: 'disconnect'; readonly server: ServerId; readonly connection: ConnectionId | null }

export type Envelope =
  | { readonly to: 'authority'; readonly message: ToAuthority }
  | {
      readonly to: 'peer'
      readonly server: ServerId
      readonly connection: ConnectionId
      readonly message: PeerMessage
    }

export type Reply =
  /** Every write up to this LSN may be acknowledged, and everything up to it read. */
  | { readonly kind: 'acknowledge'; readonly to: Lsn }
  /** Every flush up to this LSN may be answered with success. */
  | { readonly kind: 'flushed'; readonly to: Lsn }
  /** What still waits up to this LSN is answered BUSY. Its entries may yet be committed. */
  | { readonly kind: 'busy'; readonly to: Lsn }

/**
 * Whether hosts are served. The shell compares `untilMs` with the clock itself: when a command is taken, when it is
 * appended and when its answer is handed to the socket. A replica serves nobody before it is told to.
 */
export type Serve =
  /** Commands that change something are held back, the rest is answered. */
  | { readonly kind: 'draining'; readonly epoch: Epoch; readonly untilMs: number }
  | { readonly kind: 'until'; readonly epoch: Epoch; readonly untilMs: number }

/** What happened and why, for the log, the event stream and the operator; nothing follows from it. */
export type Note =
  // somebody has to look
  | { readonly kind: 'identityMissing'; readonly server: ServerId }
  /** Two openings took one epoch number. */
  | { readonly kind: 'epochTwice'; readonly server: ServerId; readonly epoch: Epoch; readonly other: Epoch }
  /** A replica has more than the primary of the same epoch. It is stopped. */
  | { readonly kind: 'aheadOfPrimary'; readonly server: ServerId; readonly proof: Proof }
  | { readonly kind: 'diverged'; readonly server: ServerId; readonly lsn: Lsn }
  /** A replica has less than it once reported durable. */
  | { readonly kind: 'lostDurable'; readonly server: ServerId; readonly had: Lsn; readonly has: Lsn }
  | { readonly kind: 'poisoned' }
  | { readonly kind: 'protocol'; readonly server: ServerId; readonly what: string }
  // the course of things
  /** Why a replica gets the session that it gets. */
  | {
      readonly kind: 'planned'
      readonly server: ServerId
      readonly session: SessionRef
      readonly proof: Proof
    }
  | { readonly kind: 'setChanged'; readonly version: number; readonly members: readonly ServerId[] }
  | { readonly kind: 'grade'; readonly server: ServerId; readonly grade: string }

export interface After {
  /** Present when it changed. */
  readonly serve: Serve | null
  readonly storage: readonly StorageCommand[]
  readonly sessions: readonly SessionCommand[]
  readonly send: readonly Envelope[]
  readonly links: readonly LinkCommand[]
  readonly reply: readonly Reply[]
  readonly notes: readonly Note[]
}

export interface Effects {
  /** Hosts are served no more: their connections are reset before anything else happens to the volume. */
  readonly halt: { readonly why: string } | null
  readonly persist: readonly Persist[]
  readonly after: After
  /** The one timer of a replica: a `tick` at this time, none when null. Replaces what was armed before. */
  readonly wakeAtMs: number | null
}

/**
 * What happens to a replica. Each event carries the time at which the shell took it up; the engine has no other clock.
 * Events are handed over one at a time, and the next one only when the effects of the last one have been carried out up
 * to `persist` (effects.ts).
 */
import type { Epoch, Lsn } from '../base/units.ts'
import type { ConnectionId, ServerId, SessionRef } from './identity.ts'
import type { Local } from './marks.ts'
import type { AuthorityMessage, PeerMessage } from './messages.ts'

export type Happening =
  /**
   * Storage moved on. `cut` is the number of the last `dropLog` or `restartLog` that it had carried out: what was
   * reported before a cut says nothing about the log after it, and is ignored. Each cut is followed by a report.
   */
  | { readonly kind: 'progress'; readonly cut: number; readonly local: Local }
  /** The epoch's start entry is appended, at this LSN. Reported before any `progress` that covers it. */
  | { readonly kind: 'epochStarted'; readonly cut: number; readonly epoch: Epoch; readonly lsn: Lsn }
  /** A host asked for a flush of everything up to `lsn`, which is appended here. */
  | { readonly kind: 'flushAsked'; readonly lsn: Lsn }
  /** While draining: nothing that changes the volume is on its way any more; the log ends at `lsn`. */
  | { readonly kind: 'quiet'; readonly lsn: Lsn }
  /** A connection that `connect` asked for is authenticated, and is of this volume and cluster. */
  | { readonly kind: 'linkUp'; readonly server: ServerId; readonly connection: ConnectionId }
  /** It is gone, or could not be made (`connection` is then null). */
  | { readonly kind: 'linkDown'; readonly server: ServerId; readonly connection: ConnectionId | null }
  | {
      readonly kind: 'peer'
      readonly server: ServerId
      readonly connection: ConnectionId
      readonly message: PeerMessage
    }
  | { readonly kind: 'authority'; readonly message: AuthorityMessage }
  /** Answer to `pin`: all that was asked for is held, or nothing. */
  | { readonly kind: 'pinned'; readonly session: SessionRef; readonly isHeld: boolean }
  /** Of a resync, at the primary: bytes moved, or the last base block has been sent. */
  | { readonly kind: 'sessionMoved'; readonly session: SessionRef; readonly isCopied: boolean }
  /** A session cannot go on: what it pinned was taken back, what it read is damaged. */
  | { readonly kind: 'sessionFailed'; readonly session: SessionRef; readonly why: SessionFailure }
  /** Answer to `settle`: log and, of a resync, base blocks are durable up to the barrier. */
  | { readonly kind: 'settled'; readonly session: SessionRef; readonly lsn: Lsn }
  /** One (epoch, LSN) with two checksums was seen at this peer. */
  | { readonly kind: 'diverged'; readonly server: ServerId; readonly lsn: Lsn }
  /** An append or fdatasync failed. Nothing is acknowledged after it (invariant 10). */
  | { readonly kind: 'poisoned' }
  /** The time that `wakeAtMs` named has come. Early, late and doubled ones do no harm. */
  | { readonly kind: 'tick' }
  /** The server closes the volume. */
  | { readonly kind: 'close' }

export type SessionFailure =
  | 'log no longer retained'
  | 'source damaged'
  | 'stalled'
  | 'no pins'
  /** The base would begin behind a restore whose snapshot may be gone by now. */
  | 'restored meanwhile'

export type Event = Happening & { readonly nowMs: number }

/**
 * The reservations of a volume as commands reach them: where the volume is served they are the state in force
 * (reservations.ts), on a path of another server they are asked for there (remote.ts). The verdict is the same.
 */
import type { TaskSignal } from '../task-signal.ts'
import type { NoticeListener } from './reservations.ts'
import type { ReservationState } from './state.ts'
import type { ReservationCommand, ReservationVerdict } from './transition.ts'

/** How the command ended, without the state that it left. */
export type ReservationOutcome = { readonly ok: true } | Extract<ReservationVerdict, { ok: false }>

/** 'unit-held': somebody holds the unit by RESERVE of SPC-2, and persistent reservations are out of use. */
export type ReservationReading = ReservationState | 'unit-held'

export interface ReservationPort {
  /** The state at this moment. BUSY when it cannot be had now. */
  read(): ReservationReading | Promise<ReservationReading>
  /**
   * Carries out one command; durable when it resolves. `abort`: also every task of those whom it preempts, but the
   * one of this signal, is aborted before it resolves (PREEMPT AND ABORT). BUSY when it cannot be had now: whether
   * it was carried out is then not known.
   */
  request(
    command: ReservationCommand,
    options?: { readonly abort?: TaskSignal | 'all' },
  ): Promise<ReservationOutcome | 'unit-held'>
  /** Calls `listener` with what becomes known of changes that concern somebody; returns the call that ends it. */
  subscribe(listener: NoticeListener): () => void
  /** The state in force as the path turns active, and as it was left when it is that no more: what changed unseen is told. */
  caughtUp?(state: ReservationState): void
}

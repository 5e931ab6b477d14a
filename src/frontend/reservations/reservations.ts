/**
 * The reservations of one volume in force: holds the state, makes every change durable through the device
 * before it is answered, and tells the front ends whom it concerns. One object for all front ends of a volume.
 *
 * Changes run one after the other. While one is on its way to the disk, access must be allowed by the old and
 * by the new state: whichever a crash leaves, nobody wrote what it forbids. Each change is stored, also without
 * APTPL, so that a failover keeps what a power loss would end; `FrontendRecords.load` says which of the two it was.
 */
import { assert } from '../../base/assert.ts'
import type { FrontendRecords } from '../records.ts'
import type { TaskSignal } from '../task-signal.ts'
import type { ReservationOutcome, ReservationPort, ReservationReading } from './port.ts'
import { conflicts, REGISTRANT_ID_BYTES_MAX, type RegistrantId, type ReservationState } from './state.ts'
import {
  type ReservationCommand,
  type ReservationNotice,
  type ReservationVerdict,
  transition,
} from './transition.ts'

export type NoticeListener = (notices: readonly ReservationNotice[]) => void
/** Aborts every task of `preempted` but the one of `except`; resolves when none can change anything any more. */
export type AbortListener = (
  preempted: readonly RegistrantId[],
  except: TaskSignal | undefined,
) => Promise<void>

export class Reservations implements ReservationPort {
  readonly #records: FrontendRecords
  #state: ReservationState
  #pending: ReservationState | undefined
  /** Holder of the whole logical unit by RESERVE(6) or RESERVE(10) of SPC-2. Volatile. */
  #unitHolder: RegistrantId | undefined
  #inForce: boolean
  #tail: Promise<unknown> = Promise.resolve()
  readonly #listeners = new Set<NoticeListener>()
  readonly #aborters = new Set<AbortListener>()

  constructor(records: FrontendRecords) {
    const { reservations } = records.current
    this.#records = records
    this.#state = reservations
    this.#inForce = reservations.reservation !== undefined
  }

  get state(): ReservationState {
    return this.#state
  }

  /** False: nobody is restricted, and `conflicts` need not be asked. For the data path. */
  get inForce(): boolean {
    return this.#inForce
  }

  /** Whether `id` is refused this access now. */
  conflicts(id: RegistrantId, access: 'read' | 'write'): boolean {
    if (!this.#inForce) return false
    if (this.#unitHolder !== undefined && this.#unitHolder !== id) return true
    if (this.#pending !== undefined && conflicts(this.#pending, id, access)) return true
    return conflicts(this.#state, id, access)
  }

  /**
   * Carries out one command; the verdict counts from when the promise resolves, and is durable then. Rejects
   * with the device's error when it could not be stored: nothing was changed.
   */
  execute(command: ReservationCommand): Promise<ReservationVerdict> {
    assert(
      new TextEncoder().encode(command.from).byteLength <= REGISTRANT_ID_BYTES_MAX,
      'a registrant id is short',
    )
    const run = this.#tail.then(() => this.#execute(command))
    this.#tail = run.catch(() => undefined)
    return run
  }

  read(): ReservationReading {
    return this.#unitHolder === undefined ? this.#state : 'unit-held'
  }

  /** As `execute`, for a command that came from outside. */
  async request(
    command: ReservationCommand,
    options: { readonly abort?: TaskSignal | 'all' } = {},
  ): Promise<ReservationOutcome | 'unit-held'> {
    if (this.#unitHolder !== undefined) return 'unit-held'
    const verdict = await this.execute(command)
    if (!verdict.ok) return verdict
    const { abort } = options
    if (abort !== undefined) await this.abortTasks(verdict.preempted, abort === 'all' ? undefined : abort)
    return { ok: true }
  }

  /**
   * For PREEMPT AND ABORT: aborts the tasks of `preempted` at every front end of the volume. `except`, the task of the
   * command itself, waits no longer when it is aborted: two that abort each other would wait for ever.
   */
  async abortTasks(preempted: readonly RegistrantId[], except: TaskSignal | undefined): Promise<void> {
    const { promise: given, resolve: giveUp } = Promise.withResolvers<void>()
    except?.onAbort(giveUp)
    await Promise.race([Promise.all([...this.#aborters].map((abort) => abort(preempted, except))), given])
  }

  async #execute(command: ReservationCommand): Promise<ReservationVerdict> {
    const verdict = transition(this.#state, command)
    if (!verdict.ok || verdict.state === this.#state) return verdict
    this.#pending = verdict.state
    this.#update()
    try {
      await this.#records.change({ reservations: verdict.state })
      this.#state = verdict.state
    } finally {
      this.#pending = undefined
      this.#update()
    }
    if (verdict.notices.length > 0) for (const listener of this.#listeners) listener(verdict.notices)
    return verdict
  }

  #update(): void {
    this.#inForce =
      this.#unitHolder !== undefined ||
      this.#state.reservation !== undefined ||
      this.#pending?.reservation !== undefined
  }

  /** Who holds the unit by the old RESERVE. */
  get unitHolder(): RegistrantId | undefined {
    return this.#unitHolder
  }

  /** RESERVE of SPC-2 (undefined: RELEASE). The caller has checked that it may. */
  setUnitHolder(holder: RegistrantId | undefined): void {
    this.#unitHolder = holder
    this.#update()
  }

  /** Calls `listener` with the notices of each change, after it is durable and before it is answered. */
  subscribe(listener: NoticeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Has `listener` asked to abort tasks; front ends know the tasks of their own registrants. */
  subscribeAborts(listener: AbortListener): () => void {
    this.#aborters.add(listener)
    return () => this.#aborters.delete(listener)
  }
}

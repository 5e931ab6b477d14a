/**
 * The controllers by which hosts use one namespace here. Reservations know hosts, and hosts come by several controllers:
 * notices go to all controllers of the host, aborts concern the commands of all of them, and the reservation report
 * names each.
 */
import type { Reservations } from '../../frontend/reservations/reservations.ts'
import type { RegistrantId } from '../../frontend/reservations/state.ts'
import type { ReservationNotice } from '../../frontend/reservations/transition.ts'
import type { TaskSignal } from '../../frontend/task-signal.ts'
import type { NvmeHost } from './io-types.ts'

export interface ControllerAttachment {
  readonly host: NvmeHost
  /**
   * Aborts every command of this controller on the namespace, except that of `except`; resolves when none of them can
   * change anything any more.
   */
  readonly abortCommands: (except: TaskSignal | undefined) => Promise<void>
  /** A change of reservations that concerns the host: for log page 80h and its event. */
  readonly onReservationNotice: (what: ReservationNotice['what']) => void
}

export class Attachments {
  readonly #attached = new Set<ControllerAttachment>()
  readonly #subscriptions: (() => void)[]

  constructor(reservations: Reservations) {
    this.#subscriptions = [
      reservations.subscribe((notices) => this.#tell(notices)),
      reservations.subscribeAborts((victims, except) => this.#abort(victims, except)),
    ]
  }

  /** Returns the call that removes it. */
  add(controller: ControllerAttachment): () => void {
    this.#attached.add(controller)
    return () => this.#attached.delete(controller)
  }

  /** Ids of the controllers of a host, rising. */
  controllerIdsOf(registrant: RegistrantId): number[] {
    return this.#of(registrant)
      .map(({ host }) => host.controllerId)
      .sort((a, b) => a - b)
  }

  close(): void {
    for (const end of this.#subscriptions.splice(0)) end()
    this.#attached.clear()
  }

  #of(registrant: RegistrantId): ControllerAttachment[] {
    return [...this.#attached].filter(({ host }) => host.registrant === registrant)
  }

  #tell(notices: readonly ReservationNotice[]): void {
    for (const { to, what } of notices) {
      for (const controller of this.#of(to)) controller.onReservationNotice(what)
    }
  }

  async #abort(victims: readonly RegistrantId[], except: TaskSignal | undefined): Promise<void> {
    const controllers = victims.flatMap((victim) => this.#of(victim))
    await Promise.all(controllers.map(({ abortCommands }) => abortCommands(except)))
  }
}

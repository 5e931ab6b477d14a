/**
 * The reservation that counts is the one in force at a write's LSN: judged where entries get their LSNs, by what is stored
 * for the front ends at that moment and by whose content it is.
 */
import { decodeFrontendState } from '../../../../src/frontend/records-codec.ts'
import type { ReservationState } from '../../../../src/frontend/reservations/state.ts'
import { fail } from '../../../cluster/checker.ts'

export class ReservationRule {
  readonly #keys = new Map<number, bigint>()
  #inForce: ReservationState | undefined
  checked = 0

  /** A host that registers with `key` is about to write `value`. */
  writes(value: number, key: bigint): void {
    this.#keys.set(value, key)
  }

  /** From the next LSN on this is stored. */
  stored(state: Uint8Array): void {
    this.#inForce = state.byteLength === 0 ? undefined : decodeFrontendState(state).reservations
  }

  /** `value` gets the next LSN. */
  admitted(value: number): void {
    const key = this.#keys.get(value)
    if (key === undefined || this.#inForce?.reservation === undefined) return
    this.checked += 1
    if (![...this.#inForce.registrants.values()].includes(key))
      fail(`write ${value} of a host whose registration is gone got an LSN`)
  }
}

/**
 * What the front ends of one volume keep with it: reservations, and a sanitize operation. One owner of the bytes, so
 * that changes of one part never take the other back: they run one after the other, and each is durable when its
 * promise resolves.
 */
import type { BlockDevice, WriteOptions } from '../base/ports/block-device.ts'
import { decodeFrontendState, encodeFrontendState, type FrontendState } from './records-codec.ts'
import { NO_RESERVATIONS } from './reservations/state.ts'

/** The part of the device that records need. */
export type RecordStore = Pick<BlockDevice, 'frontendState' | 'setFrontendState'>

export class FrontendRecords {
  readonly #store: RecordStore
  #current: FrontendState
  #tail: Promise<unknown> = Promise.resolve()

  private constructor(store: RecordStore, current: FrontendState) {
    this.#store = store
    this.#current = current
  }

  /**
   * Reads what is stored. `after` 'power-loss' (a server that starts) drops registrations that did not ask to
   * persist; 'failover' keeps all. Throws CORRUPT or UNKNOWN_FORMAT.
   */
  static load(store: RecordStore, { after }: { after: 'power-loss' | 'failover' }): FrontendRecords {
    const stored = decodeFrontendState(store.frontendState())
    const isLost = after === 'power-loss' && !stored.reservations.persistent
    return new FrontendRecords(store, isLost ? { ...stored, reservations: NO_RESERVATIONS } : stored)
  }

  get current(): FrontendState {
    return this.#current
  }

  /**
   * Replaces a part; the others stay as they are when its turn comes. Rejects with the device's error, or with what
   * `options.admit` threw, when it was not stored: then nothing has changed.
   */
  change(part: Partial<FrontendState>, options?: WriteOptions): Promise<void> {
    const run = this.#tail.then(async () => {
      const next = { ...this.#current, ...part }
      await this.#store.setFrontendState(encodeFrontendState(next), options)
      this.#current = next
    })
    this.#tail = run.catch(() => undefined)
    return run
  }
}

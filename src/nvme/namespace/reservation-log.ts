/**
 * The Reservation Notification log page (80h) of one controller, and the mask that decides what goes into it (NVM Express
 * Base 2.0, Reservation Notification Log; Reservation Notification Mask feature 82h). A queue of notices, each a log page
 * of its own; reading takes the oldest. Bounded: when it is full the oldest goes, and the page count tells the gap.
 *
 *     0  8  Log Page Count, from 1, which skips 0 when it wraps; 0: nothing is there
 *     8  1  type: 1 registration preempted, 2 reservation released, 3 reservation preempted
 *     9  1  how many more pages there are
 *    12  4  NSID
 */
import type { ReservationNotice } from '../../frontend/reservations/transition.ts'

type What = ReservationNotice['what']

const PAGE_BYTES = 64
const PAGES_MAX = 255
const COUNT_MAX = 2n ** 64n - 1n

const TYPE_CODES = {
  'registration-preempted': 1,
  'reservation-released': 2,
  'reservation-preempted': 3,
} as const satisfies Record<What, number>

/** Bits of feature 82h that mask a notice: REGPRE, RESREL, RESPRE. */
const MASK_BITS = {
  'registration-preempted': 0x02,
  'reservation-released': 0x04,
  'reservation-preempted': 0x08,
} as const satisfies Record<What, number>

const NOTIFICATION_MASK_ALL = 0x0e

export class ReservationLog {
  readonly #nsid: number
  #mask = 0
  #count = 0n
  #pages: { readonly count: bigint; readonly what: What }[] = []

  constructor(nsid: number) {
    this.#nsid = nsid
  }

  /** Feature 82h, command dword 11: set bits mask their notices. */
  get mask(): number {
    return this.#mask
  }

  setMask(mask: number): void {
    this.#mask = mask & NOTIFICATION_MASK_ALL
  }

  /** Pages that wait to be read. */
  get length(): number {
    return this.#pages.length
  }

  /** Whether the notice went in: then the controller has an event to report. */
  add(what: What): boolean {
    if ((this.#mask & MASK_BITS[what]) !== 0) return false
    this.#count = this.#count === COUNT_MAX ? 1n : this.#count + 1n
    if (this.#pages.length === PAGES_MAX) this.#pages.shift()
    this.#pages.push({ count: this.#count, what })
    return true
  }

  /** The oldest page, which is gone then; an empty one, all zeros, when there is none. */
  take(): Uint8Array {
    const data = new Uint8Array(PAGE_BYTES)
    const page = this.#pages.shift()
    if (page === undefined) return data
    const view = new DataView(data.buffer)
    view.setBigUint64(0, page.count, true)
    data[8] = TYPE_CODES[page.what]
    data[9] = this.#pages.length
    view.setUint32(12, this.#nsid, true)
    return data
  }
}

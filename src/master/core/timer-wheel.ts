/**
 * Many deadlines under one timer: slots of a fixed width, each a list of who asked. Who moves its deadline on is left in
 * its old slot and put into a later one when that comes round, so that a lease that is renewed at every beat costs
 * nothing.
 */
export const SLOT_MS = 50

export interface Waiting {
  /** Infinity: not at all. */
  readonly wakeAtMs: number
  /** The slot that it is in; Infinity: in none. Kept by the wheel. */
  slot: number
  wake(nowMs: number): void
}

export class TimerWheel {
  readonly #slots = new Map<number, Waiting[]>()
  #next: number

  constructor(nowMs: number) {
    this.#next = slotOf(nowMs)
  }

  /** To be called whenever `wakeAtMs` came to be earlier, or was Infinity. */
  add(one: Waiting): void {
    if (one.wakeAtMs === Number.POSITIVE_INFINITY) return
    const slot = Math.max(this.#next, slotOf(one.wakeAtMs))
    if (one.slot <= slot) return
    one.slot = slot
    const list = this.#slots.get(slot)
    if (list === undefined) this.#slots.set(slot, [one])
    else list.push(one)
  }

  /** Wakes whoever is due. A slot is due when it is over. */
  run(nowMs: number): void {
    const end = Math.floor(nowMs / SLOT_MS)
    // after a pause of the whole process every slot that there is may be due
    const due =
      end - this.#next > this.#slots.size
        ? [...this.#slots.keys()].filter((slot) => slot < end).sort((a, b) => a - b)
        : Array.from({ length: Math.max(0, end - this.#next) }, (_, i) => this.#next + i)
    this.#next = Math.max(this.#next, end)
    for (const slot of due) {
      const list = this.#slots.get(slot)
      if (list === undefined) continue
      this.#slots.delete(slot)
      for (const one of list) {
        // it was put into an earlier slot meanwhile
        if (one.slot !== slot) continue
        one.slot = Number.POSITIVE_INFINITY
        if (one.wakeAtMs <= nowMs) one.wake(nowMs)
        else this.add(one)
      }
    }
  }
}

const slotOf = (atMs: number): number => Math.floor(atMs / SLOT_MS)

/** How many resyncs a server serves at once: each reads the disk and fills the network beside the hosts. */

const SLOTS_DEFAULT = 2

export class ResyncSlots {
  readonly #slots: number
  readonly #taken = new Set<string>()

  constructor(slots = SLOTS_DEFAULT) {
    this.#slots = slots
  }

  get free(): number {
    return this.#slots - this.#taken.size
  }

  /** A place for `key`, which may have it already; false when all are taken. */
  take(key: string): boolean {
    if (!this.#taken.has(key) && this.free === 0) return false
    this.#taken.add(key)
    return true
  }

  /** Gives the place of `key` back, if it has one. */
  release(key: string): void {
    this.#taken.delete(key)
  }
}

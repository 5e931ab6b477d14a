/**
 * Controller ids (CNTLID) of one subsystem, from the range that this server may give. An id that was given back is given
 * again as late as the range allows: a connection of a controller that is gone must not find another one's.
 */
export class ControllerIds {
  readonly #first: number
  readonly #count: number
  #next: number
  readonly #taken = new Set<number>()

  /** `start`, any number from 0 on, says where in the range the first id is: servers that restart begin elsewhere. */
  constructor(options: { first: number; last: number; start: number }) {
    this.#first = options.first
    this.#count = options.last - options.first + 1
    this.#next = options.start % this.#count
  }

  /** An id, or undefined when all are taken. */
  take(): number | undefined {
    if (this.#taken.size === this.#count) return undefined
    for (;;) {
      const id = this.#first + this.#next
      this.#next = (this.#next + 1) % this.#count
      if (this.#taken.has(id)) continue
      this.#taken.add(id)
      return id
    }
  }

  giveBack(id: number): void {
    this.#taken.delete(id)
  }
}

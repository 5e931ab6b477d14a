/**
 * A few things that are dear to make and are used by one at a time. Made when first needed, kept for ever;
 * who finds all of them in use waits in line.
 */
export class ResourcePool<T> {
  readonly #make: () => T
  readonly #idle: T[] = []
  readonly #waiting: ((resource: T) => void)[] = []
  #canMake: number

  constructor(options: { countMax: number; make: () => T }) {
    this.#canMake = options.countMax
    this.#make = options.make
  }

  /** Runs `body` with one of the resources, which is nobody else's until the promise settles. */
  async use<Result>(body: (resource: T) => Promise<Result>): Promise<Result> {
    const resource = await this.#acquire()
    try {
      return await body(resource)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#idle.push(resource)
      else next(resource)
    }
  }

  #acquire(): T | Promise<T> {
    // A resource may be undefined: its absence is shared, too.
    if (this.#idle.length > 0) return this.#idle.pop() as T
    if (this.#canMake > 0) {
      const made = this.#make()
      this.#canMake--
      return made
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }
}

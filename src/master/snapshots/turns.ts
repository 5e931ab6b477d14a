/** Who asks servers about the snapshots of a volume: one at a time, in the order of asking. */
export class VolumeTurns {
  readonly #last = new Map<string, Promise<void>>()

  isBusy(volume: string): boolean {
    return this.#last.has(volume)
  }

  /** Runs `work` when its turn has come for all of these volumes. Those of several are taken in one order, so nobody waits in a ring. */
  async during<T>(volumes: readonly string[], work: () => Promise<T>): Promise<T> {
    const [first, ...rest] = [...new Set(volumes)].sort()
    if (first === undefined) return await work()
    const before = this.#last.get(first) ?? Promise.resolve()
    const done = before.then(() => (rest.length === 0 ? work() : this.during(rest, work)))
    const over = done.then(
      () => undefined,
      () => undefined,
    )
    this.#last.set(first, over)
    try {
      return await done
    } finally {
      if (this.#last.get(first) === over) this.#last.delete(first)
    }
  }
}

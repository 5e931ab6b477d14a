/**
 * Which keys are in use. Nobody waits here: the specification wants a second call for a volume answered ABORTED, and the
 * orchestrator tries again.
 */
export class KeyLocks {
  readonly #taken = new Set<string>()

  /** Takes all of `keys`, or none: then `conflict` is the first that is in use. `release` is idempotent. */
  take(keys: readonly string[]): { readonly release: () => void } | { readonly conflict: string } {
    const conflict = keys.find((key) => this.#taken.has(key))
    if (conflict !== undefined) return { conflict }
    const mine = new Set(keys)
    for (const key of mine) this.#taken.add(key)
    return {
      release: () => {
        for (const key of mine) this.#taken.delete(key)
        mine.clear()
      },
    }
  }
}

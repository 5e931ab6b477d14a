/** Those who wait for a number that only rises (an LSN, a count) to reach theirs. */
export class LsnWaiters {
  #waiters: {
    readonly lsn: number
    readonly resolve: () => void
    readonly reject: (error: unknown) => void
  }[] = []

  get isEmpty(): boolean {
    return this.#waiters.length === 0
  }

  wait(lsn: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ lsn, resolve, reject })
    })
  }

  /** Takes out those who wait for at most `lsn`; they are told when the caller calls what it gets. */
  take(lsn: number): () => void {
    if (this.#waiters.length === 0) return nobody
    const ready = this.#waiters.filter((waiter) => waiter.lsn <= lsn)
    if (ready.length > 0) this.#waiters = this.#waiters.filter((waiter) => waiter.lsn > lsn)
    return () => {
      for (const waiter of ready) waiter.resolve()
    }
  }

  reject(error: unknown): void {
    this.rejectUpTo(Number.POSITIVE_INFINITY, error)
  }

  /** Those who wait for at most `lsn` get `error`. */
  rejectUpTo(lsn: number, error: unknown): void {
    const waiters = this.#waiters
    this.#waiters = waiters.filter((waiter) => waiter.lsn > lsn)
    for (const waiter of waiters) if (waiter.lsn <= lsn) waiter.reject(error)
  }
}

const nobody = (): void => undefined

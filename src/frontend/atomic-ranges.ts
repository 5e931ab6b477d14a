/**
 * Keeps reads and atomic writes of one volume apart: an atomic write is one change for whoever reads. The device makes
 * it one change in the log and for reads within a turn; a read that waits for the disk looks at block after block,
 * and could see some of them before the write and some after. Such reads, and atomic writes, come here: those that
 * overlap wait for each other in order of arrival. Reads beside reads, and atomic writes beside each other, do not
 * wait. For front ends of a volume to share; reads within a turn, and other writes, need not come.
 */
interface Entry {
  readonly start: number
  readonly end: number
  readonly isWrite: boolean
  /** Undefined: it is under way. */
  begin: (() => void) | undefined
}

export class AtomicRanges {
  /** Under way and waiting, in order of arrival. */
  readonly #entries: Entry[] = []

  /** Runs `action`, which reads bytes [start, end), when no atomic write is in its way. */
  read<T>(start: number, end: number, action: () => Promise<T>): Promise<T> {
    return this.#run({ start, end, isWrite: false, begin: undefined }, action)
  }

  /** Runs `action`, which writes bytes [start, end) as one change, when no read is in its way. */
  write<T>(start: number, end: number, action: () => Promise<T>): Promise<T> {
    return this.#run({ start, end, isWrite: true, begin: undefined }, action)
  }

  async #run<T>(entry: Entry, action: () => Promise<T>): Promise<T> {
    const entries = this.#entries
    const isBlocked = entries.some((earlier) => conflict(earlier, entry))
    entries.push(entry)
    if (isBlocked) {
      await new Promise<void>((resolve) => {
        entry.begin = resolve
      })
    }
    try {
      return await action()
    } finally {
      entries.splice(entries.indexOf(entry), 1)
      this.#wake()
    }
  }

  /** Lets go what waits and has nothing before it that is in its way. */
  #wake(): void {
    const entries = this.#entries
    for (const [i, entry] of entries.entries()) {
      const { begin } = entry
      if (begin === undefined) continue
      if (entries.some((earlier, at) => at < i && conflict(earlier, entry))) continue
      entry.begin = undefined
      begin()
    }
  }
}

const conflict = (a: Entry, b: Entry): boolean =>
  a.isWrite !== b.isWrite && a.start < b.end && b.start < a.end

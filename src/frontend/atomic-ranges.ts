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
  readonly #entries = new Set<Entry>()
  #writes = 0
  #waiting = 0

  /** Runs `action`, which reads bytes [start, end), when no atomic write is in its way. */
  read<T>(start: number, end: number, action: () => Promise<T>): Promise<T> {
    return this.#run({ start, end, isWrite: false, begin: undefined }, action)
  }

  /** Runs `action`, which writes bytes [start, end) as one change, when no read is in its way. */
  async write<T>(start: number, end: number, action: () => Promise<T>): Promise<T> {
    this.#writes++
    try {
      return await this.#run({ start, end, isWrite: true, begin: undefined }, action)
    } finally {
      this.#writes--
    }
  }

  async #run<T>(entry: Entry, action: () => Promise<T>): Promise<T> {
    const isBlocked = this.#writes > 0 && this.#isBlocked(entry)
    this.#entries.add(entry)
    if (isBlocked) await this.#wait(entry)
    try {
      return await action()
    } finally {
      this.#entries.delete(entry)
      if (this.#waiting > 0) this.#wake()
    }
  }

  /** Whether something that came before `entry` is in its way. */
  #isBlocked(entry: Entry): boolean {
    for (const earlier of this.#entries) {
      if (earlier === entry) return false
      if (conflict(earlier, entry)) return true
    }
    return false
  }

  #wait(entry: Entry): Promise<void> {
    this.#waiting++
    return new Promise((resolve) => {
      entry.begin = resolve
    })
  }

  /** Lets go what waits and has nothing before it that is in its way. */
  #wake(): void {
    for (const entry of this.#entries) {
      const { begin } = entry
      if (begin === undefined || this.#isBlocked(entry)) continue
      entry.begin = undefined
      this.#waiting--
      begin()
    }
  }
}

const conflict = (a: Entry, b: Entry): boolean =>
  a.isWrite !== b.isWrite && a.start < b.end && b.start < a.end

/**
 * Reads of map pages and maxima from a disk that gives errors. An error may pass, and what is declared damaged is
 * soon written over for good; so an error is MEDIUM to whoever asked, and the flusher waits and tries again. Only
 * what stayed unreadable for `GIVE_UP_MS`, in every one of several tries, counts as damaged.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { DiskFile } from '../../base/ports/disk.ts'

const GIVE_UP_MS = 10_000
const TRIES_MIN = 5

interface Failure {
  readonly sinceMs: number
  tries: number
}

export class PatientReads {
  readonly #clock: Clock
  readonly #isCached: boolean
  /** By the caller's key; as many as pages are unreadable at a time. */
  readonly #failures = new Map<number, Failure>()

  /** With `isCached` the page cache is believed where it has the bytes. */
  constructor(clock: Clock, options: { isCached: boolean }) {
    this.#clock = clock
    this.#isCached = options.isCached
  }

  /**
   * Fills `bytes`, zeros, from `offsetBytes`; what lies past the end of the file stays zero. False when it is to count as
   * damaged; MEDIUM when it may become readable again.
   */
  async read(key: number, file: DiskFile, bytes: Uint8Array, offsetBytes: number): Promise<boolean> {
    try {
      const first = this.#isCached ? file.read(bytes, offsetBytes) : file.readUncached(bytes, offsetBytes)
      await first.catch(async (error: unknown) => {
        if (!isBlockError(error, 'DISK')) throw error
        bytes.fill(0) // what a failed read leaves is not what lies past the end of the file
        await file.readUncached(bytes, offsetBytes)
      })
      this.#failures.delete(key)
      return true
    } catch (error) {
      if (!isBlockError(error, 'DISK')) throw error
      if (this.#isGivenUp(key)) return false
      throw new BlockError('MEDIUM', `${file.path}: cannot be read at ${offsetBytes}; it is tried again`, {
        facts: { fileOffsetBytes: offsetBytes },
        cause: error,
      })
    }
  }

  #isGivenUp(key: number): boolean {
    const nowMs = this.#clock.monotonicMs()
    const failure = this.#failures.get(key) ?? { sinceMs: nowMs, tries: 0 }
    failure.tries++
    this.#failures.set(key, failure)
    if (failure.tries < TRIES_MIN || nowMs - failure.sinceMs < GIVE_UP_MS) return false
    this.#failures.delete(key)
    return true
  }
}

/**
 * Memory for data in flight, shared by all connections of the process. A command reserves all that it will hold
 * before it holds anything, so commands never wait for each other in a circle; whoever finds no room is told when
 * there is some. One reservation larger than everything is let through alone, so that nothing waits for ever.
 */
import { assert } from '../base/assert.ts'

export class ByteBudget {
  readonly #bytesMax: number
  #usedBytes = 0
  /** In the order in which they asked. */
  readonly #waiting = new Set<() => void>()

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Whether `bytes` could be had. What cannot wait may use `beyondBytes` more than there is. */
  reserve(bytes: number, beyondBytes = 0): boolean {
    const used = this.#usedBytes
    if (used > 0 && used + bytes > this.#bytesMax + beyondBytes) return false
    this.#usedBytes = used + bytes
    return true
  }

  /** Gives back what was reserved, and wakes those who wait. */
  release(bytes: number): void {
    this.#usedBytes -= bytes
    assert(this.#usedBytes >= 0, 'bytes are given back once')
    if (this.#waiting.size === 0) return
    for (const listener of [...this.#waiting]) {
      if (this.#usedBytes >= this.#bytesMax) return
      this.#waiting.delete(listener)
      listener()
    }
  }

  /** Calls `listener` once, when bytes were given back; it asks again then. */
  whenFree(listener: () => void): void {
    this.#waiting.add(listener)
  }

  forget(listener: () => void): void {
    this.#waiting.delete(listener)
  }
}

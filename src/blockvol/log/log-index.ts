/**
 * Where in the log an LSN is: the position of every group that the ring still holds, also of those behind the tail, which
 * stay readable until the head comes round. Two typed rings, 16 bytes a group; groups come in order of both numbers.
 */
import { assert } from '../../base/assert.ts'

const FIRST_CAPACITY = 1024

export interface IndexedGroup {
  readonly firstLsn: number
  readonly position: number
  /** First LSN of the group behind it: entries of this group from there on are void. Infinity for the newest. */
  readonly nextLsn: number
}

export class LogIndex {
  readonly #ringBytes: number
  #lsns = new Float64Array(FIRST_CAPACITY)
  #positions = new Float64Array(FIRST_CAPACITY)
  /** Index of the oldest group in the arrays, and how many there are. */
  #start = 0
  #count = 0

  constructor(ringBytes: number) {
    this.#ringBytes = ringBytes
  }

  /** The first LSN that the log still has; undefined when it has none. */
  get firstLsn(): number | undefined {
    return this.#count === 0 ? undefined : this.#lsns[this.#start]
  }

  #at(i: number): number {
    return (this.#start + i) % this.#lsns.length
  }

  /** Everything up to `end` is about to be written: what that covers of the lap before is gone. */
  reclaim(end: number): void {
    const oldest = end - this.#ringBytes
    while (this.#count > 0 && this.#positions[this.#start]! < oldest) {
      this.#start = this.#at(1)
      this.#count--
    }
  }

  /** A group that begins at `position` with `firstLsn` is in the log. */
  add(firstLsn: number, position: number): void {
    if (this.#count > 0) {
      const last = this.#at(this.#count - 1)
      assert(position > this.#positions[last]!, 'groups come in the order of their positions')
      assert(firstLsn > this.#lsns[last]!, 'groups come in the order of their LSNs')
    }
    if (this.#count === this.#lsns.length) this.#grow()
    const at = this.#at(this.#count++)
    this.#lsns[at] = firstLsn
    this.#positions[at] = position
  }

  /** Groups that begin above `above` are void. */
  cut(above: number): void {
    while (this.#count > 0 && this.#lsns[this.#at(this.#count - 1)]! > above) this.#count--
  }

  /** The group that holds `lsn`, if that is not above the newest; undefined when the log has it no more. */
  find(lsn: number): IndexedGroup | undefined {
    if (this.#count === 0 || lsn < this.#lsns[this.#start]!) return undefined
    let low = 0
    let high = this.#count - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#lsns[this.#at(middle)]! <= lsn) low = middle
      else high = middle - 1
    }
    const at = this.#at(low)
    const next = low + 1 < this.#count ? this.#lsns[this.#at(low + 1)]! : Number.POSITIVE_INFINITY
    return { firstLsn: this.#lsns[at]!, position: this.#positions[at]!, nextLsn: next }
  }

  #grow(): void {
    const lsns = new Float64Array(this.#lsns.length * 2)
    const positions = new Float64Array(lsns.length)
    for (let i = 0; i < this.#count; i++) {
      lsns[i] = this.#lsns[this.#at(i)]!
      positions[i] = this.#positions[this.#at(i)]!
    }
    this.#lsns = lsns
    this.#positions = positions
    this.#start = 0
  }
}

/**
 * Records in the order of a key, as an array that may be handed out: who got it keeps what it was. A change finds its
 * place by halving; the array is copied only when somebody has got it since the last copy.
 */
import { assert } from '../../base/assert.ts'

export class SortedList<T> {
  readonly #compare: (a: T, b: T) => number
  #items: T[] = []
  #isLent = false

  /** `compare` says 0 only for the same record, in any of its versions. */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#items.length
  }

  /** The records now; later changes do not reach the array. */
  items(): readonly T[] {
    this.#isLent = true
    return this.#items
  }

  /** Puts `item` in, in place of its version `old`. */
  put(old: T | undefined, item: T): void {
    if (old !== undefined && this.#compare(old, item) === 0) {
      const place = this.#place(old)
      assert(this.#items[place] === old, 'a record that is replaced is in its list')
      this.#own()[place] = item
      return
    }
    if (old !== undefined) this.remove(old)
    this.#own().splice(this.#place(item), 0, item)
  }

  remove(old: T): void {
    const place = this.#place(old)
    assert(this.#items[place] === old, 'a record that is removed is in its list')
    this.#own().splice(place, 1)
  }

  /** The first place whose record is not before `item`. */
  #place(item: T): number {
    let [from, to] = [0, this.#items.length]
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#compare(this.#items[middle]!, item) < 0) from = middle + 1
      else to = middle
    }
    return from
  }

  #own(): T[] {
    if (this.#isLent) this.#items = this.#items.slice()
    this.#isLent = false
    return this.#items
  }
}

/** By one text after the other, in the order of UTF-16 units. */
export function compareTexts(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i]! < b[i]!) return -1
    if (a[i]! > b[i]!) return 1
  }
  return 0
}

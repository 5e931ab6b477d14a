/**
 * Blocks as the one host sees them that writes them: whatever way its commands took, a block holds what that host wrote last,
 * or one of the writes that ended without an answer since. A write of a path that is over must not come back after a later
 * one was acknowledged (invariant 4), and what was acknowledged must not vanish.
 */
import { fail } from '../../../cluster/checker.ts'

/** What nobody has written: zeros. */
const NOTHING = 0

export class RegisterBlocks {
  readonly #may = new Map<number, ReadonlySet<number>>()
  readonly #who: string
  readonly #blockSectors: number
  #generation = 0
  checked = 0

  /** A block is of so many sectors. */
  constructor(who: string, blockSectors: number) {
    this.#who = who
    this.#blockSectors = blockSectors
  }

  /** `value` is on its way to `block`; the caller sends one write a block at a time. Returns what to call with the end. */
  write(block: number, value: number): (outcome: 'acknowledged' | 'unknown' | 'refused') => void {
    const before = this.#of(block)
    const generation = this.#generation
    this.#may.set(block, new Set([...before, value]))
    return (outcome) => {
      if (generation !== this.#generation) return
      if (outcome === 'acknowledged') this.#may.set(block, new Set([value]))
      if (outcome === 'refused') this.#may.set(block, before)
    }
  }

  /** What a read of `block`, begun when no write to it was under way, was answered. */
  read(block: number, value: number): void {
    const may = this.#of(block)
    this.checked += 1
    if (!may.has(value)) {
      fail(
        `${this.#who}: block ${block} holds ${show(value)}; it may hold ${[...may].map(show).join(' or ')}`,
      )
    }
    // what has not happened by now must not happen any more: the way it went is over
    this.#may.set(block, new Set([value]))
  }

  /** Another host writes from now on: answers to what is under way tell nothing any more. */
  handOver(): void {
    this.#generation += 1
  }

  /** An operator, or the mode, took a loss: whatever is found counts from now on. */
  forget(valueAt: (sector: number) => number): void {
    for (const block of this.#may.keys()) this.#may.set(block, new Set([valueAt(block * this.#blockSectors)]))
  }

  #of(block: number): ReadonlySet<number> {
    return this.#may.get(block) ?? new Set([NOTHING])
  }
}

const show = (value: number): string => (value === NOTHING ? 'nothing' : `write ${value}`)

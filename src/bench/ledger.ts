/**
 * What a verifying run knows of the device: how often it has written each unit, and which units are being read or
 * written. A unit is used by one operation at a time, so that what a read must find is never in doubt.
 */
import { BlockError } from '../base/errors.ts'
import { type Author, faultOf, isStamped, stampBlock } from './stamp.ts'

/** Five bytes of memory each. */
export const UNITS_MAX = 2 ** 25

export class Ledger {
  /** Blocks that were compared with what they must hold. */
  checkedBlocks = 0
  /** Blocks that this run did not write and that bear no stamp, so that nothing can be said of them. */
  unknownBlocks = 0
  readonly #runId: number
  readonly #unitBytes: number
  readonly #blockBytes: number
  readonly #generations: Uint32Array
  readonly #busy: Uint8Array

  /** `units`: at most `UNITS_MAX`; `runId`: a u32. */
  constructor(options: { runId: number; units: number; unitBytes: number; blockBytes: number }) {
    this.#runId = options.runId
    this.#unitBytes = options.unitBytes
    this.#blockBytes = options.blockBytes
    this.#generations = new Uint32Array(options.units)
    this.#busy = new Uint8Array(options.units)
  }

  /** Takes `unit`, or the next one that is free. There must be more units than operations under way. */
  take(unit: number): number {
    let free = unit
    while (this.#busy[free] === 1) free = free + 1 === this.#busy.length ? 0 : free + 1
    this.#busy[free] = 1
    return free
  }

  release(unit: number): void {
    this.#busy[unit] = 0
  }

  /** The first unit from `unit` on that this run has written; −1 when there is none. */
  nextWritten(unit: number): number {
    for (let i = unit; i < this.#generations.length; i++) if (this.#generations[i] !== 0) return i
    return -1
  }

  /** Fills `data` for the next write of a unit that was taken. */
  stamp(unit: number, data: Uint8Array): void {
    const generation = this.#generations[unit]! + 1
    this.#generations[unit] = generation
    for (let at = 0; at < data.byteLength; at += this.#blockBytes) {
      const author = { runId: this.#runId, generation }
      stampBlock(data.subarray(at, at + this.#blockBytes), unit * this.#unitBytes + at, author)
    }
  }

  /** What is wrong with `data`, which was read from a unit that was taken: an error MEDIUM, or undefined. */
  check(unit: number, data: Uint8Array): BlockError | undefined {
    const generation = this.#generations[unit]!
    const author: Author | undefined = generation === 0 ? undefined : { runId: this.#runId, generation }
    for (let at = 0; at < data.byteLength; at += this.#blockBytes) {
      const block = data.subarray(at, at + this.#blockBytes)
      if (author === undefined && !isStamped(block)) {
        this.unknownBlocks++
        continue
      }
      const offsetBytes = unit * this.#unitBytes + at
      const fault = faultOf(block, offsetBytes, author)
      if (fault !== undefined) {
        return new BlockError('MEDIUM', `the block at byte ${offsetBytes} is wrong: ${fault}`, {
          facts: { offsetBytes, generation },
        })
      }
      this.checkedBlocks++
    }
    return undefined
  }
}

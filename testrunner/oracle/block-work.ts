/** The commands of an oracle: each block that is written says what it is, each that is read is compared. */
import { assert } from '../../src/base/assert.ts'
import { stampBlock } from '../../src/bench/stamp.ts'
import type { Disk } from '../hosts/disk.ts'
import type { StepFailure } from '../model/failure.ts'
import type { BlockStates, MomentStates } from './block-states.ts'
import { type Expected, mismatch, ORACLE_BLOCK_BYTES, wrongWith } from './inspect.ts'

export class BlockWork {
  readonly states: BlockStates
  /** A u32 that names this volume's writes among all. */
  readonly author: number

  constructor(states: BlockStates, author: number) {
    this.states = states
    this.author = author
  }

  /** Writes blocks that were taken. Rejects as the disk does: then each may be there or not. */
  async write(disk: Disk, first: number, count: number, signal: AbortSignal): Promise<void> {
    const { states, author } = this
    const data = new Uint8Array(count * ORACLE_BLOCK_BYTES)
    const generations = Array.from({ length: count }, (_, i) => {
      const generation = states.begin(first + i)
      const offsetBytes = (first + i) * ORACLE_BLOCK_BYTES
      stampBlock(blockAt(data, i), offsetBytes, { runId: author, generation })
      return generation
    })
    const { era } = states
    try {
      await disk.write(first * ORACLE_BLOCK_BYTES, data, signal)
    } catch (error) {
      for (const [i, generation] of generations.entries()) states.unanswered(first + i, generation)
      throw error
    }
    for (const [i, generation] of generations.entries()) states.acknowledged(first + i, generation, era)
  }

  /** Reads and compares, whoever uses the blocks meanwhile. Resolves with the count of those that were ever written. */
  async read(disk: Disk, first: number, count: number, signal: AbortSignal): Promise<number> {
    const before = this.states.range(first, count)
    const data = await readBlocks(disk, first, count, signal)
    return this.#compare(disk, data, { first, moment: this.states.since(before), asOf: 'now' })
  }

  /** Reads and compares with a moment that is over; `moment` has the states of all blocks from 0 on. */
  async readAt(
    disk: Disk,
    part: { readonly first: number; readonly count: number },
    then: { readonly moment: MomentStates; readonly label: string },
    signal: AbortSignal,
  ): Promise<number> {
    const { first, count } = part
    const cut = (all: Uint32Array): Uint32Array => {
      const states = new Uint32Array(count)
      states.set(all.subarray(first, first + count))
      return states
    }
    const moment = { lows: cut(then.moment.lows), tops: cut(then.moment.tops) }
    return this.#compare(disk, await readBlocks(disk, first, count, signal), {
      ...{ first, moment, asOf: then.label },
    })
  }

  async flush(disk: Disk, signal: AbortSignal): Promise<void> {
    const { sequence, era } = this.states
    await disk.flush(signal)
    this.states.flushed(sequence, era)
  }

  #compare(
    disk: Disk,
    data: Uint8Array,
    with_: { readonly first: number; readonly moment: MomentStates; readonly asOf: string },
  ): number {
    const { first, moment, asOf } = with_
    const count = data.byteLength / ORACLE_BLOCK_BYTES
    let checked = 0
    for (let i = 0; i < count; i++) {
      // nothing is said of what was never written
      if (!this.states.isKnown(first + i)) continue
      const failure = this.#fault(disk, blockAt(data, i), first + i, asOf, {
        low: moment.lows[i]!,
        top: moment.tops[i]!,
        isLate: (generation) => this.states.mayHaveCome(first + i, generation),
      })
      if (failure !== undefined) throw failure
      checked++
    }
    return checked
  }

  #fault(
    disk: Disk,
    block: Uint8Array,
    number: number,
    asOf: string,
    expected: Expected,
  ): StepFailure | undefined {
    const offsetBytes = number * ORACLE_BLOCK_BYTES
    const fault = wrongWith(block, offsetBytes, this.author, expected)
    return fault === undefined ? undefined : mismatch(disk, { block, offsetBytes, fault, expected, asOf })
  }
}

const blockAt = (data: Uint8Array, i: number): Uint8Array =>
  data.subarray(i * ORACLE_BLOCK_BYTES, (i + 1) * ORACLE_BLOCK_BYTES)

async function readBlocks(
  disk: Disk,
  first: number,
  count: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const lengthBytes = count * ORACLE_BLOCK_BYTES
  const data = await disk.read(first * ORACLE_BLOCK_BYTES, lengthBytes, signal)
  assert(data.byteLength === lengthBytes, 'a disk reads what it was asked for')
  // stamps are looked at as words
  return data.byteOffset % 4 === 0 ? data : new Uint8Array(data)
}

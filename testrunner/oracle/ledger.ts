/** What was written to one volume, by loads and fills over any disks of it, and what its snapshots must show. */
import type { Clock } from '../../src/base/ports/clock.ts'
import type { Disk } from '../hosts/disk.ts'
import { StepFailure } from '../model/failure.ts'
import { type BlockRange, BlockStates, type Loss, type MomentStates } from './block-states.ts'
import { BlockWork } from './block-work.ts'
import { ORACLE_BLOCK_BYTES } from './inspect.ts'
import { RunningLoad } from './load.ts'
import type { Ledger, LedgerMark, Load, LoadOptions } from './oracle.ts'

/** 64 KiB to a command of a fill or a verification. */
const CHUNK_BLOCKS = 16
const CHUNKS_AT_ONCE = 4
const TAKEN_PAUSE_MS = 2
/** 120 MB of memory. */
const AREA_BYTES_MAX = 2 ** 34
const MARKS_MAX = 64

interface Mark {
  readonly before: BlockRange
  /** Set by `end`. */
  moment: MomentStates | undefined
}

export class VolumeLedger implements Ledger {
  readonly volume: string
  readonly #work: BlockWork
  readonly #clock: Clock
  readonly #random: (limit: number) => number
  readonly #marks = new Map<string, Mark>()
  readonly #loads: RunningLoad[] = []
  #failure: StepFailure | undefined

  constructor(
    volume: string,
    parts: {
      readonly author: number
      readonly clock: Clock
      readonly random: (limit: number) => number
    },
  ) {
    this.volume = volume
    this.#work = new BlockWork(new BlockStates(), parts.author)
    this.#clock = parts.clock
    this.#random = parts.random
  }

  /** The first thing that was found wrong, by whomever. */
  get failure(): StepFailure | undefined {
    return this.#failure ?? this.#loads.find(({ failure }) => failure !== undefined)?.failure
  }

  start(disk: Disk, options: LoadOptions): Load {
    const blocks = this.#area(disk, options.areaBytes)
    if (options.depth < 1 || options.depth > 64) throw argument('depth must be between 1 and 64')
    const load = new RunningLoad(this.#work, {
      ...{ disk, options, blocks, clock: this.#clock, random: this.#random },
    })
    this.#loads.push(load)
    return load
  }

  async fill(disk: Disk, areaBytes: number, signal: AbortSignal): Promise<void> {
    const blocks = this.#area(disk, areaBytes)
    await this.#inChunks(blocks, signal, async (first, count) => {
      const { states } = this.#work
      while (!states.takeRange(first, count)) {
        signal.throwIfAborted()
        await this.#clock.sleep(TAKEN_PAUSE_MS)
      }
      try {
        await this.#work.write(disk, first, count, signal)
      } finally {
        for (let i = 0; i < count; i++) states.release(first + i)
      }
    })
    await this.#work.flush(disk, signal)
  }

  verify(disk: Disk, signal: AbortSignal): Promise<{ readonly blocks: number }> {
    const { states } = this.#work
    const isKnown = (block: number): boolean => states.isAnyKnown(block, states.blocks)
    return this.#verified(disk, signal, isKnown, (first, count) =>
      this.#work.read(disk, first, count, signal),
    )
  }

  remember(label: string): LedgerMark {
    const { states } = this.#work
    if (this.#marks.size >= MARKS_MAX && !this.#marks.has(label)) {
      throw argument(`more than ${MARKS_MAX} moments of ${this.volume} cannot be remembered`)
    }
    const mark: Mark = { before: states.range(0, states.blocks), moment: undefined }
    this.#marks.set(label, mark)
    return {
      end: () => {
        mark.moment = states.since(mark.before, states.blocks)
      },
    }
  }

  async verifyAt(label: string, disk: Disk, signal: AbortSignal): Promise<{ readonly blocks: number }> {
    const moment = this.#moment(label)
    const isKnown = (block: number): boolean => moment.tops.subarray(block).some((top) => top > 0)
    return await this.#verified(disk, signal, isKnown, (first, count) =>
      this.#work.readAt(disk, { first, count }, { moment, label }, signal),
    )
  }

  rewind(label: string): void {
    this.#work.states.rewind(this.#moment(label))
  }

  allowLoss(loss: Loss = 'unflushed'): void {
    this.#work.states.allow(loss)
  }

  settled(): void {
    this.#work.states.settled()
  }

  async close(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.abandon()))
  }

  /** Reads all chunks that have something known, and compares. `isKnownFrom`: whether something must be there from a block on. */
  async #verified(
    disk: Disk,
    signal: AbortSignal,
    isKnownFrom: (block: number) => boolean,
    read: (first: number, count: number) => Promise<number>,
  ): Promise<{ readonly blocks: number }> {
    const { states } = this.#work
    const there = Math.floor(disk.sizeBytes / ORACLE_BLOCK_BYTES)
    if (isKnownFrom(there)) {
      throw new StepFailure(
        'ASSERTION',
        `${disk.volume} is smaller than what was written to ${this.volume}`,
        {
          size_bytes: disk.sizeBytes,
        },
      )
    }
    let blocks = 0
    try {
      await this.#inChunks(Math.min(there, states.blocks), signal, async (first, count) => {
        if (!states.isAnyKnown(first, count)) return
        const checked = await read(first, count)
        blocks += checked
      })
    } catch (error) {
      if (error instanceof StepFailure && error.code === 'DATA_MISMATCH') this.#failure ??= error
      throw error
    }
    return { blocks }
  }

  /** Some at once; after the first error no more are begun, and those under way are waited for. */
  async #inChunks(
    blocks: number,
    signal: AbortSignal,
    work: (first: number, count: number) => Promise<void>,
  ): Promise<void> {
    let next = 0
    let isOver = false
    const lane = async (): Promise<void> => {
      while (next < blocks && !isOver) {
        signal.throwIfAborted()
        const first = next
        next += CHUNK_BLOCKS
        try {
          await work(first, Math.min(CHUNK_BLOCKS, blocks - first))
        } catch (error) {
          isOver = true
          throw error
        }
      }
    }
    const ends = await Promise.allSettled(Array.from({ length: CHUNKS_AT_ONCE }, lane))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  /** Whole blocks of it, for which there is room from now on. */
  #area(disk: Disk, areaBytes: number): number {
    if (areaBytes > disk.sizeBytes) throw argument(`the area is larger than ${disk.volume}`)
    if (areaBytes > AREA_BYTES_MAX) throw argument(`the area must not be larger than ${AREA_BYTES_MAX} bytes`)
    const blocks = Math.floor(areaBytes / ORACLE_BLOCK_BYTES)
    if (blocks === 0) throw argument(`the area must have ${ORACLE_BLOCK_BYTES} bytes at least`)
    this.#work.states.grow(blocks)
    return blocks
  }

  #moment(label: string): MomentStates {
    const mark = this.#marks.get(label)
    if (mark === undefined) throw argument(`nothing of ${this.volume} was remembered as ${label}`)
    if (mark.moment === undefined) throw argument(`${label} of ${this.volume} is not there yet`)
    return mark.moment
  }
}

const argument = (message: string): StepFailure => new StepFailure('ARGUMENT', message)

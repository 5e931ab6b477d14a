/**
 * Scrub: reads every block that has content against its entry in the map, at a bounded rate. A bad block is
 * repaired from a peer where there is one, and else reported with its number. Blocks that only the log holds are
 * verified when they are flushed.
 */

import type { BufferPool } from '../base/buffer-pool.ts'
import { isBlockError } from '../base/errors.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { ScrubStatus } from './api.ts'
import { PAGE_BLOCKS } from './geometry.ts'
import type { BlockMap } from './map/block-map.ts'
import type { GrainMaxima } from './map/maxima.ts'
import type { BlockReader } from './reader.ts'

const BAD_BLOCKS_MAX = 100

export interface ScrubberOptions {
  readonly clock: Clock
  readonly pool: BufferPool
  readonly reader: BlockReader
  readonly map: BlockMap
  readonly maxima: GrainMaxima
  readonly bytesPerSecond: number
  readonly intervalMs: number
  readonly sizeBlocks: () => number
  /** Whether the volume still serves. */
  readonly isServing: () => boolean
}

export class Scrubber {
  readonly #o: ScrubberOptions
  #timer: Timer | undefined
  #running: Promise<ScrubStatus> | undefined
  #isStopped = false
  #passes = 0
  #verifiedBytes = 0
  #errors = 0
  #badBlocks: number[] = []
  #lastPassEndedWallMs: number | undefined

  constructor(options: ScrubberOptions) {
    this.#o = options
  }

  status(): ScrubStatus {
    return {
      running: this.#running !== undefined,
      passes: this.#passes,
      verifiedBytes: this.#verifiedBytes,
      errors: this.#errors,
      badBlocks: this.#badBlocks,
      lastPassEndedWallMs: this.#lastPassEndedWallMs,
    }
  }

  /** Arms the periodic pass. */
  start(): void {
    const { intervalMs, clock } = this.#o
    if (intervalMs === 0 || this.#isStopped) return
    this.#timer?.cancel()
    // what ends a pass early shows on the volume itself; the next one is armed all the same
    this.#timer = clock.after(intervalMs, () => void this.run().catch(() => undefined))
  }

  /** No further pass; resolves when the one under way has stopped. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#running?.catch(() => undefined)
  }

  /** One pass; the one under way, if there is one. */
  run(): Promise<ScrubStatus> {
    this.#running ??= this.#pass()
      .finally(() => {
        this.#running = undefined
        this.start()
      })
      .then(() => this.status())
    return this.#running
  }

  async #pass(): Promise<void> {
    const { maxima, sizeBlocks, clock } = this.#o
    this.#verifiedBytes = 0
    this.#errors = 0
    this.#badBlocks = []
    const pagesPerGrain = maxima.grainBlocks / PAGE_BLOCKS
    const endGrain = maxima.grainOf(sizeBlocks() - 1) + 1
    for (let grain = 0; grain < endGrain && this.#goesOn(); grain++) {
      grain = await maxima.nextTouched(grain, endGrain)
      for (let page = 0; grain < endGrain && page < pagesPerGrain && this.#goesOn(); page++) {
        await this.#verifyPage(grain * pagesPerGrain + page)
      }
    }
    this.#passes++
    this.#lastPassEndedWallMs = clock.wallMs()
  }

  #goesOn(): boolean {
    return !this.#isStopped && this.#o.isServing()
  }

  async #verifyPage(index: number): Promise<void> {
    const { map, pool, clock, bytesPerSecond } = this.#o
    const page = await map.get(index).catch((error: unknown) => {
      if (!isBlockError(error, 'MEDIUM')) throw error
      this.#found(index * PAGE_BLOCKS)
      return undefined
    })
    if (page === undefined) return
    const buffer = pool.acquire(PAGE_BLOCKS * BLOCK_BYTES)
    let read = 0
    try {
      for (let slot = 0; slot < PAGE_BLOCKS; slot++) {
        let run = 0
        while (slot + run < PAGE_BLOCKS && page.hasContent(slot + run)) run++
        if (run === 0) {
          if (page.isUnknown(slot)) this.#found(index * PAGE_BLOCKS + slot)
          continue
        }
        await this.#verifyRun(index * PAGE_BLOCKS + slot, run, buffer)
        read += run * BLOCK_BYTES
        slot += run - 1
      }
    } finally {
      pool.release(buffer)
    }
    if (read > 0) await clock.sleep((read / bytesPerSecond) * 1000)
  }

  async #verifyRun(block: number, blocks: number, buffer: Uint8Array): Promise<void> {
    const { reader } = this.#o
    const target = buffer.subarray(0, blocks * BLOCK_BYTES)
    try {
      await reader.read(block, target)
    } catch (error) {
      if (!isBlockError(error, 'MEDIUM')) throw error
      // find the bad ones one by one
      for (let i = 0; i < blocks; i++) await this.#verifyOne(block + i, buffer.subarray(0, BLOCK_BYTES))
    }
    this.#verifiedBytes += blocks * BLOCK_BYTES
  }

  async #verifyOne(block: number, target: Uint8Array): Promise<void> {
    try {
      await this.#o.reader.read(block, target)
    } catch (error) {
      if (!isBlockError(error, 'MEDIUM')) throw error
      this.#found(block)
    }
  }

  #found(block: number): void {
    this.#errors++
    if (this.#badBlocks.length < BAD_BLOCKS_MAX) this.#badBlocks = [...this.#badBlocks, block]
  }
}

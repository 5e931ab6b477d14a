/**
 * Scrub: reads every block that has content in the extents against its entry in the map, and every version that is kept for
 * snapshots, at a bounded rate. A bad copy is replaced by a good one from a peer where there is one, and else reported with
 * its number. Blocks that only the log holds are verified when they are flushed.
 */

import { assert } from '../base/assert.ts'
import type { BufferPool } from '../base/buffer-pool.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { RepairSource, ScrubFinding, ScrubRequest, ScrubStatus } from './api.ts'
import { blockChecksum } from './checksum.ts'
import type { MapPage } from './format/map-page.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from './geometry.ts'
import type { BlockMap } from './map/block-map.ts'
import type { GrainMaxima } from './map/maxima.ts'
import { putBack } from './put-back.ts'
import type { SegmentFiles } from './segments.ts'
import type { StoredVersion, VersionStore } from './versions/version.ts'

const BAD_BLOCKS_MAX = 100
const FOUND_MAX = 1000

export interface ScrubberOptions {
  readonly clock: Clock
  readonly pool: BufferPool
  readonly map: BlockMap
  readonly maxima: GrainMaxima
  readonly extents: SegmentFiles
  readonly versions: VersionStore
  /** Runs one at a time with flushes: `Checkpointer.alone`. */
  readonly alone: <T>(run: () => Promise<T>) => Promise<T>
  readonly repairSource: RepairSource
  readonly onVerdict: (block: number, verdict: 'bad' | 'repaired') => void
  readonly bytesPerSecond: number
  readonly intervalMs: number
  readonly sizeBlocks: () => number
  /** Whether the log has something newer of the block, which a flush will put in its place. */
  readonly isInLog: (block: number) => boolean
  /** Whether the volume still serves. */
  readonly isServing: () => boolean
}

export class Scrubber {
  readonly #o: ScrubberOptions
  #timer: Timer | undefined
  #running: Promise<ScrubStatus> | undefined
  #request: ScrubRequest = {}
  #isStopped = false
  #passes = 0
  #verifiedBytes = 0
  #totalBytes = 0
  #errors = 0
  #repaired = 0
  #found: ScrubFinding[] = []
  #lastPassEndedWallMs: number | undefined

  constructor(options: ScrubberOptions) {
    this.#o = options
  }

  status(): ScrubStatus {
    const unrepaired = this.#found.filter(({ repaired }) => !repaired)
    return {
      running: this.#running !== undefined,
      passes: this.#passes,
      verifiedBytes: this.#verifiedBytes,
      totalBytes: this.#totalBytes,
      errors: this.#errors,
      repaired: this.#repaired,
      found: this.#found,
      badBlocks: [...new Set(unrepaired.map(({ block }) => block))].slice(0, BAD_BLOCKS_MAX),
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

  /** One pass; the one under way, if there is one, which then does what it was asked for. */
  run(request: ScrubRequest = {}): Promise<ScrubStatus> {
    if (this.#running === undefined) this.#request = request
    this.#running ??= this.#pass()
      .finally(() => {
        this.#running = undefined
        this.start()
      })
      .then(() => this.status())
    return this.#running
  }

  async #pass(): Promise<void> {
    const { maxima, versions, sizeBlocks, clock } = this.#o
    this.#verifiedBytes = 0
    this.#errors = 0
    this.#repaired = 0
    this.#found = []
    const pagesPerGrain = maxima.grainBlocks / PAGE_BLOCKS
    const endGrain = maxima.grainOf(sizeBlocks() - 1) + 1
    this.#totalBytes = sizeBlocks() * BLOCK_BYTES + versions.usage().dataBytes
    for (let grain = 0; grain < endGrain && this.#goesOn(); grain++) {
      grain = await maxima.nextTouched(grain, endGrain)
      for (let page = 0; grain < endGrain && page < pagesPerGrain && this.#goesOn(); page++) {
        await this.#verifyPage(grain * pagesPerGrain + page)
      }
      const passedBytes = Math.min(sizeBlocks(), (grain + 1) * maxima.grainBlocks) * BLOCK_BYTES
      this.#request.onProgress?.({ doneBytes: passedBytes, totalBytes: this.#totalBytes })
    }
    if (!versions.isEmpty && this.#goesOn()) await this.#verifyVersions()
    if (this.#request.signal?.aborted === true) throw new BlockError('CLOSED', 'the scrub was cancelled')
    this.#request.onProgress?.({ doneBytes: this.#totalBytes, totalBytes: this.#totalBytes })
    this.#passes++
    this.#lastPassEndedWallMs = clock.wallMs()
  }

  #goesOn(): boolean {
    return !this.#isStopped && this.#o.isServing() && this.#request.signal?.aborted !== true
  }

  async #pace(bytes: number): Promise<void> {
    if (bytes > 0) await this.#o.clock.sleep((bytes / this.#o.bytesPerSecond) * 1000)
  }

  async #verifyPage(index: number): Promise<void> {
    const { map, pool } = this.#o
    const page = await map.get(index).catch((error: unknown) => {
      if (!isBlockError(error, 'MEDIUM')) throw error
      this.#note(index * PAGE_BLOCKS, 'unknown', false)
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
          const block = index * PAGE_BLOCKS + slot
          if (page.isUnknown(slot) && !this.#o.isInLog(block)) this.#note(block, 'unknown', false)
          continue
        }
        await this.#verifyRun(page, slot, buffer.subarray(0, run * BLOCK_BYTES))
        read += run * BLOCK_BYTES
        slot += run - 1
      }
    } finally {
      pool.release(buffer)
    }
    this.#verifiedBytes += read
    await this.#pace(read)
  }

  async #verifyRun(page: MapPage, slot: number, target: Uint8Array): Promise<void> {
    const blocks = target.byteLength / BLOCK_BYTES
    const isRead = await this.#read(page.index * PAGE_BLOCKS + slot, target)
    for (let i = 0; i < blocks; i++) {
      const one = target.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
      if (!isRead || !isGood(page, slot + i, one)) await this.#verifyOne(page.index, slot + i, one)
    }
  }

  /** False when what is there cannot be read whole. */
  async #read(block: number, target: Uint8Array): Promise<boolean> {
    try {
      const file = await this.#o.extents.get(Math.floor(block / SEGMENT_BLOCKS), false)
      return (await file?.read(target, (block % SEGMENT_BLOCKS) * BLOCK_BYTES)) === target.byteLength
    } catch (error) {
      if (!isBlockError(error, 'DISK')) throw error
      // errors of the disk for one sector are bad copies; those of all end the volume elsewhere
      return false
    }
  }

  /** Again, with nothing being flushed: extents are changed before the map. */
  async #verifyOne(index: number, slot: number, target: Uint8Array): Promise<void> {
    const { map, alone, onVerdict } = this.#o
    const block = index * PAGE_BLOCKS + slot
    const bad = await alone(async () => {
      const page = await map.get(index)
      if (!page.hasContent(slot)) return undefined
      if ((await this.#read(block, target)) && isGood(page, slot, target)) return undefined
      return { lsn: page.lsn(slot), checksum: page.checksum(slot) }
    })
    if (bad === undefined) return
    const { lsn, checksum } = bad
    const copy = this.#isRepairing ? await this.#o.repairSource({ block, lsn, crc32c: checksum }) : undefined
    if (copy !== undefined) {
      const source = { kind: 'extent', position: block, seedBlock: block, lsn, checksum } as const
      await putBack(this.#o, block, source, copy)
    }
    onVerdict(block, copy === undefined ? 'bad' : 'repaired')
    this.#note(block, 'checksum', copy !== undefined)
  }

  get #isRepairing(): boolean {
    return this.#request.repair !== false
  }

  async #verifyVersions(): Promise<void> {
    const { verifiedBytes } = await this.#o.versions.scrub({
      onBad: (version) => this.#repairVersion(version),
      pace: (bytes) => this.#pace(bytes),
      goesOn: () => this.#goesOn(),
    })
    this.#verifiedBytes += verifiedBytes
  }

  async #repairVersion(version: StoredVersion): Promise<void> {
    const { block, lsn, kind, checksum } = version
    const isFetched = this.#isRepairing && kind === 'data'
    const copy = isFetched ? await this.#o.repairSource({ block, lsn, crc32c: checksum }) : undefined
    if (copy !== undefined) await this.#o.versions.repair(version, copy)
    this.#note(block, 'version', copy !== undefined)
  }

  #note(block: number, what: ScrubFinding['what'], repaired: boolean): void {
    assert(block >= 0, 'a block has a number')
    if (repaired) this.#repaired++
    else this.#errors++
    if (this.#found.length < FOUND_MAX) this.#found = [...this.#found, { block, what, repaired }]
  }
}

const isGood = (page: MapPage, slot: number, content: Uint8Array): boolean =>
  blockChecksum(content, page.index * PAGE_BLOCKS + slot, page.lsn(slot)) === page.checksum(slot)

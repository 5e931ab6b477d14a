/**
 * Sends a replica the base of its resync: the state, then offers, and of what was offered the content that the replica
 * wants; so a session that begins again sends nothing twice. Offers run ahead of their answers by a bounded number, which
 * also bounds the content that is on its way and not yet applied: the replica answers in order. Content waits for the
 * pacer.
 *
 *     STATE ─► OFFER … ◄─ WANT ─► BLOCKS … ─► COPIED
 */

import type { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { BaseBlock, Offer } from '../../blockvol/resync/offer.ts'
import type { ResyncSource } from '../../blockvol/resync/source.ts'
import type { SessionFailure } from '../../v2engine/events.ts'
import type { SessionRef } from '../../v2engine/identity.ts'
import type { FrameKind } from '../wire/frame.ts'
import { encodeResync, type ResyncFrame, type WantFrame } from '../wire/resync.ts'
import type { ResyncPacer } from './pacer.ts'
import { etaMs, type ResyncProgress } from './progress.ts'

/** Offers that may be without an answer. */
const OFFERS_AHEAD_MAX = 8
/** Blocks of one frame: with its table it fits a buffer of 256 KiB at the receiver, and log entries do not wait long. */
const FRAME_BLOCKS = 62

export interface ResyncSenderOptions {
  readonly session: SessionRef
  readonly source: ResyncSource
  /** The volume's state as of the target or later, committed. */
  readonly state: Uint8Array
  readonly clock: Clock
  readonly pool: BufferPool
  readonly pacer: ResyncPacer
  /** Of the replica's link; false: wait for `drained`. The payload is lent until `written`. */
  readonly send: (kind: FrameKind, payload: readonly Uint8Array[], written?: () => void) => boolean
  readonly events: {
    /** The replica answered, or content was sent. */
    moved(): void
    /** All of the base has been sent. Called once. */
    copied(): void
    /** The session cannot go on. Called at most once, and nothing is sent after it. */
    failed(why: SessionFailure): void
  }
}

export class ResyncSender {
  readonly #o: ResyncSenderOptions
  readonly #startedMs: number
  /** Offers without an answer, by their numbers. */
  readonly #open = new Map<number, readonly Offer[]>()
  /** Wanted, and not yet sent. */
  readonly #wanted: Offer[] = []
  #number = 0
  #isCongested = false
  #isEnded = false
  #wake: (() => void) | undefined
  #sentBytes = 0
  #skippedBytes = 0

  constructor(options: ResyncSenderOptions) {
    this.#o = options
    this.#startedMs = options.clock.monotonicMs()
  }

  /** All is sent, or nothing more is: the session may go on without it. */
  get isOver(): boolean {
    return this.#isEnded
  }

  get progress(): ResyncProgress {
    const { base, target, scannedBlocks, sizeBlocks } = this.#o.source
    const startedMs = this.#startedMs
    return {
      base,
      target,
      scannedBlocks,
      sizeBlocks,
      sentBytes: this.#sentBytes,
      skippedBytes: this.#skippedBytes,
      startedMs,
      etaMs: etaMs({ scannedBlocks, sizeBlocks, startedMs }, this.#o.clock.monotonicMs()),
    }
  }

  /** Begins; called once. */
  start(): void {
    this.#send({ kind: 'state', session: this.#o.session, state: this.#o.state })
    void this.#run()
  }

  /** The replica's answer to an offer; false when it is none: the connection is to end. */
  take({ number, wanted }: WantFrame): boolean {
    const offers = this.#open.get(number)
    if (offers === undefined) return false
    this.#open.delete(number)
    const isWanted = (place: number, i: number): boolean =>
      offers[place]?.kind === 'data' && place > (wanted[i - 1] ?? -1)
    if (!wanted.every(isWanted)) return false
    const data = offers.filter(({ kind }) => kind === 'data')
    this.#skippedBytes += (data.length - wanted.length) * BLOCK_BYTES
    this.#wanted.push(...wanted.map((place) => offers[place]!))
    this.#o.events.moved()
    this.#wake?.()
    return true
  }

  /** The link takes more again. */
  drained(): void {
    this.#isCongested = false
    this.#wake?.()
  }

  /** Nothing more is sent. */
  end(): void {
    this.#isEnded = true
    this.#wake?.()
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isEnded) {
        if (this.#isCongested) await this.#woken()
        else if (this.#wanted.length > 0) await this.#sendContent()
        else if (this.#o.source.hasMore && this.#open.size < OFFERS_AHEAD_MAX) await this.#offer()
        else if (this.#open.size > 0) await this.#woken()
        else break
      }
    } catch (error) {
      if (!(error instanceof BlockError)) throw error
      if (this.#isEnded) return
      this.#isEnded = true
      this.#o.events.failed('source damaged')
    }
    if (this.#isEnded) return
    this.#isEnded = true
    this.#send({ kind: 'copied', session: this.#o.session })
    this.#o.events.copied()
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }

  async #offer(): Promise<void> {
    const offers = await this.#o.source.next()
    if (this.#isEnded || offers === undefined) return
    if (offers.length === 0) {
      await this.#o.clock.yield()
    } else {
      const number = this.#number++
      this.#open.set(number, offers)
      this.#send({ kind: 'offer', session: this.#o.session, number, offers })
    }
  }

  /** Some of what is wanted; later versions, which come as log entries, are left out. */
  async #sendContent(): Promise<void> {
    const { pool, clock, pacer, source, session, events } = this.#o
    const offers = this.#wanted.splice(0, FRAME_BLOCKS)
    const lengthBytes = offers.length * BLOCK_BYTES
    for (let waitMs = pacer.take(lengthBytes, clock.monotonicMs()); waitMs > 0; ) {
      await clock.sleep(waitMs)
      if (this.#isEnded) return
      waitMs = pacer.take(lengthBytes, clock.monotonicMs())
    }
    const buffer = pool.acquire(lengthBytes)
    let isLent = false
    try {
      const readings = await source.read(offers, buffer)
      const blocks: BaseBlock[] = []
      for (const [i, { block, lsn, checksum, isVersion }] of offers.entries()) {
        if (readings[i] === 'changed') continue
        const data = buffer.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
        const content = readings[i] === 'bad' ? undefined : { checksum, data }
        blocks.push({ block, lsn, isVersion, content })
      }
      if (this.#isEnded || blocks.length === 0) return
      this.#sentBytes += blocks.length * BLOCK_BYTES
      isLent = true
      this.#send({ kind: 'blocks', session, blocks }, () => pool.release(buffer))
      events.moved()
    } finally {
      if (!isLent) pool.release(buffer)
    }
  }

  #send(frame: ResyncFrame, written?: () => void): void {
    const { kind, payload } = encodeResync(frame)
    if (!this.#o.send(kind, payload, written)) this.#isCongested = true
  }
}

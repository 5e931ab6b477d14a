/** Sender and receiver over the bytes of their frames, between two volumes on simulated disks. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { BareVolume } from '../../../test/blockvol/bare-volume.ts'
import { filledBlock, inVirtualTime, Side } from '../../../test/blockvol/resync-pair.ts'
import type { Scheduler } from '../../../test/sim/scheduler.ts'
import { BlockError } from '../../base/errors.ts'
import { BLOCK_BYTES, epochNumber, MIB } from '../../base/units.ts'
import { PageSet } from '../../blockvol/resync/page-set.ts'
import { opening, type SessionRef, sessionId } from '../../v2engine/identity.ts'
import type { FrameKind } from '../wire/frame.ts'
import { decodeResync, type ResyncFrame } from '../wire/resync.ts'
import { ResyncPacer } from './pacer.ts'
import { ResyncReceiver } from './receiver.ts'
import { ResyncSender } from './sender.ts'

const session: SessionRef = {
  id: sessionId(4),
  epoch: { number: epochNumber(7), id: 8n },
  primaryOpening: opening(11),
  replicaOpening: opening(12),
}
const BLOCKS = 900
const STATE = Uint8Array.of(1, 2, 3)

class Pair {
  readonly source: BareVolume
  readonly sink: BareVolume
  readonly sender: ResyncSender
  readonly receiver: ResyncReceiver
  /** What passed, in order. */
  readonly frames: ResyncFrame['kind'][] = []
  readonly events: string[] = []
  readonly installed: Uint8Array[] = []
  /** Offers that have no answer yet; the most of them, and the most content that waited to be applied. */
  openOffers = 0
  openOffersMax = 0
  /** Frames that the link holds back, while it does. */
  #held: (() => void)[] | undefined
  #isOver = false

  constructor(source: BareVolume, sink: BareVolume, side: Side) {
    this.source = source
    this.sink = sink
    const { clock, pool } = side.process
    const target = source.lsn
    this.sender = new ResyncSender({
      session,
      source: source.source({ base: 0, target, unknown: PageSet.NONE }),
      state: STATE,
      clock,
      pool,
      pacer: new ResyncPacer(clock.monotonicMs()),
      send: (kind, payload, written) => this.#toReplica(kind, payload, written),
      events: {
        moved: () => this.events.push('moved'),
        copied: () => this.events.push('copied'),
        failed: (why) => this.events.push(why),
      },
    })
    this.receiver = new ResyncReceiver({
      session,
      sink: sink.sink,
      install: (state) => this.installed.push(Uint8Array.from(state)),
      whole: () => this.events.push('whole'),
      send: (kind, payload) => this.#toPrimary(kind, payload),
      onFailed: (error) => this.events.push(error instanceof BlockError ? error.code : String(error)),
    })
  }

  hold(): void {
    this.#held = []
  }
  letGo(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const pass of held) pass()
    this.sender.drained()
  }
  cut(): void {
    this.#isOver = true
  }

  #toReplica(kind: FrameKind, payload: readonly Uint8Array[], written?: () => void): boolean {
    const pass = (): void => {
      const bytes = Buffer.concat(payload)
      written?.()
      const frame = decodeResync(kind, bytes)
      if (frame === undefined || frame.kind === 'want' || frame.kind === 'unknown') {
        throw new Error('the primary sends what it may not')
      }
      this.frames.push(frame.kind)
      if (frame.kind === 'offer') this.openOffersMax = Math.max(this.openOffersMax, ++this.openOffers)
      // a lent buffer is somebody else's after its release
      if (!this.#isOver) this.receiver.take(frame, () => bytes.fill(0xdb))
    }
    if (this.#held === undefined) pass()
    else this.#held.push(pass)
    return this.#held === undefined
  }

  #toPrimary(kind: FrameKind, payload: readonly Uint8Array[]): void {
    const frame = decodeResync(kind, Buffer.concat(payload))
    if (frame?.kind !== 'want') throw new Error('the replica sends what it may not')
    this.openOffers--
    if (!this.#isOver) expect(this.sender.take(frame)).toBe(true)
  }
}

async function makePair(scheduler: Scheduler): Promise<{ pair: Pair; again: () => Pair; side: Side }> {
  const [sourceSide, sinkSide] = [new Side(scheduler, 1), new Side(scheduler, 1000)]
  await sourceSide.create()
  await sinkSide.create()
  const source = await sourceSide.open()
  for (let block = 0; block < BLOCKS; block += 4) {
    if (block % 64 === 0) await source.checkpoint()
    const data = new Uint8Array(4 * BLOCK_BYTES)
    for (let i = 0; i < 4; i++) data.set(filledBlock(block + i + 1), i * BLOCK_BYTES)
    await source.write(block, data)
  }
  await source.trim(100, 20)
  await sinkSide.restartLog(source.lsn)
  const sink = await sinkSide.open({ isFilling: true })
  const again = (): Pair => new Pair(source, sink, sourceSide)
  return { pair: again(), again, side: sourceSide }
}

/** Waits until nothing is due any more that the pair would do. */
async function until(pair: Pair, side: Side, isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 60_000 && !isDone(); i++) await side.process.clock.sleep(1)
  await pair.receiver.settled()
}

async function expectCopied({ source, sink }: Pair): Promise<void> {
  for (let block = 0; block < BLOCKS; block++) {
    if (Buffer.compare(await sink.read(block), await source.read(block)) !== 0) expect.fail(`block ${block}`)
  }
}

describe('the base of a resync', () => {
  let test: (run: (made: { pair: Pair; again: () => Pair; side: Side }) => Promise<void>) => Promise<void>
  beforeEach(() => {
    test = (run) => inVirtualTime(1, async (scheduler) => run(await makePair(scheduler)))
  })

  it('comes whole: the state first, offers ahead within their bound, the end last', () =>
    test(async ({ pair, side }) => {
      pair.sender.start()
      await until(pair, side, () => pair.events.includes('copied'))
      expect(pair.frames[0]).toBe('state')
      expect(pair.installed).toEqual([STATE])
      expect(pair.frames.at(-1)).toBe('copied')
      expect(pair.receiver.isCopied).toBe(true)
      expect(pair.openOffersMax).toBeLessThanOrEqual(8)
      expect(pair.sender.progress).toMatchObject({
        scannedBlocks: 1280,
        sizeBlocks: 1280,
        sentBytes: (BLOCKS - 20) * BLOCK_BYTES,
        skippedBytes: 0,
        etaMs: 0,
      })
      await expectCopied(pair)
      expect(side.process.pool.lentBytes).toBe(0)
    }))

  it('sends nothing twice when the session begins again', () =>
    test(async ({ pair, again, side }) => {
      pair.sender.start()
      await until(pair, side, () => pair.sender.progress.sentBytes > MIB)
      pair.cut()
      pair.sender.end()
      await pair.receiver.end()
      expect(pair.events).not.toContain('copied')
      const second = again()
      second.sender.start()
      await until(second, side, () => second.events.includes('copied'))
      const { sentBytes, skippedBytes } = second.sender.progress
      expect(skippedBytes).toBeGreaterThan(MIB / 2)
      expect(sentBytes + skippedBytes).toBe((BLOCKS - 20) * BLOCK_BYTES)
      await expectCopied(second)
      expect(side.process.pool.lentBytes).toBe(0)
    }))

  it('waits while the link takes no more', () =>
    test(async ({ pair, side }) => {
      pair.sender.start()
      await until(pair, side, () => pair.sender.progress.sentBytes > 0)
      pair.hold()
      for (let i = 0; i < 1000; i++) await side.process.clock.sleep(1)
      const { sentBytes } = pair.sender.progress
      for (let i = 0; i < 1000; i++) await side.process.clock.sleep(1)
      expect(pair.sender.progress.sentBytes).toBe(sentBytes)
      pair.letGo()
      await until(pair, side, () => pair.events.includes('copied'))
      await expectCopied(pair)
    }))

  it('fails with a replica that cannot take it, once, and takes no more', () =>
    test(async ({ pair, side }) => {
      const { receiver } = pair
      let released = 0
      const release = (): void => {
        released++
      }
      receiver.take(
        {
          kind: 'offer',
          session,
          number: 0,
          offers: [{ block: 5000, lsn: 1, kind: 'data', checksum: 0, isVersion: false }],
        },
        release,
      )
      receiver.take({ kind: 'copied', session }, release)
      await expect(receiver.settled()).rejects.toMatchObject({ code: 'PROTOCOL' })
      receiver.take({ kind: 'copied', session }, release)
      expect([released, receiver.isCopied, pair.events]).toEqual([3, false, ['PROTOCOL']])
      expect(side.process.pool.lentBytes).toBe(0)
    }))

  it('takes no answer to what was not offered', () =>
    test(async ({ pair, side }) => {
      expect(pair.sender.take({ kind: 'want', session, number: 0, wanted: [] })).toBe(false)
      pair.cut()
      pair.sender.start()
      await until(pair, side, () => pair.frames.includes('offer'))
      expect(pair.sender.take({ kind: 'want', session, number: 0, wanted: [512] })).toBe(false)
    }))
})

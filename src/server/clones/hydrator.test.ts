import { beforeEach, describe, expect, it } from 'vitest'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from '../../../test/sim/machine.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { MemoryImage } from '../../../test/support/memory-image.ts'
import { BlockError } from '../../base/errors.ts'
import { BLOCK_BYTES, epochNumber, MIB } from '../../base/units.ts'
import { Volume } from '../../blockvol/volume.ts'
import { LedDevice } from '../../replication/device.ts'
import type { TaskProgress, TaskRun } from '../tasks/task-runner.ts'
import { CloneOrigin } from './clone-origin.ts'
import { hydrate } from './hydrator.ts'

const DIRECTORY = `${DATA_DIRECTORY}/clone`
const SIZE = 8 * MIB
const BLOCKS = SIZE / BLOCK_BYTES
const ORIGIN = {
  volume: '11111111-2222-4333-8444-555555555555',
  snapshot: 7n,
  sizeBytes: SIZE,
}

const filled = (byte: number): Uint8Array => new Uint8Array(BLOCK_BYTES).fill(byte)

describe('a clone that is filled', () => {
  let scheduler: Scheduler
  let process: SimProcess
  let image: MemoryImage
  let origin: CloneOrigin
  let volume: Volume
  let device: LedDevice
  let progress: TaskProgress[]
  let abort: AbortController

  const test = (work: () => Promise<void>) => (): Promise<void> =>
    scheduler.until(work(), { what: 'the test', limitMs: 3_600_000 })

  /** Opens the clone, and leads it. */
  async function open(): Promise<void> {
    volume = await Volume.open(process, { directory: DIRECTORY, origin, tuning: { scrubIntervalMs: 0 } })
    device = new LedDevice({
      ...{ volume, clock: process.clock, epoch: { number: epochNumber(2), id: 2n } },
      ...{ onQuiet: () => undefined, onLatency: () => undefined },
    })
    device.serve({ kind: 'until', epoch: device.epoch, untilMs: Number.MAX_SAFE_INTEGER })
  }

  beforeEach(async () => {
    scheduler = new Scheduler(3)
    process = startProcess({ storage: emptyStorage(), scheduler, seed: 1 })
    progress = []
    abort = new AbortController()
    const blocks = new Map<number, Uint8Array | null>()
    // runs of all lengths, with gaps, and some that were trimmed
    for (
      let block = 0, length = 1;
      block + length < BLOCKS;
      block += 2 * length, length = (length % 300) + 7
    ) {
      for (let i = 0; i < length; i++) blocks.set(block + i, i % 13 === 5 ? null : filled((block + i) % 251))
    }
    image = new MemoryImage({ sizeBytes: SIZE, volume: ORIGIN.volume, blocks })
    origin = new CloneOrigin()
    const setUp = async (): Promise<void> => {
      await Volume.create(process, {
        ...{ directory: DIRECTORY, uuid: new Uint8Array(16).fill(2), name: 'clone' },
        ...{ sizeBytes: SIZE, logicalBlockBytes: 512, logBytes: MIB },
      })
      await open()
      await device.setOrigin(ORIGIN)
    }
    await scheduler.until(setUp(), { what: 'the clone to be made' })
  })

  const run = (): TaskRun => ({
    signal: abort.signal,
    progress: (one) => progress.push(one),
    say: () => undefined,
  })
  const fill = (): Promise<void> => hydrate({ device, origin, clock: process.clock }, run())
  async function content(): Promise<Buffer> {
    const all = Buffer.alloc(SIZE)
    await device.read(0, all)
    return all
  }
  /** Blocks that the origin has and the clone has not. */
  async function missingBlocks(): Promise<number> {
    const { blocks } = await image.changed({ sinceLsn: 0, fromBlock: 0, limit: BLOCKS })
    const data = new Set(blocks.filter(({ kind }) => kind === 'data').map(({ block }) => block))
    let missing = 0
    for (let at: number | null = 0; at !== null; ) {
      const found: Awaited<ReturnType<LedDevice['untouched']>> = await device.untouched(at, 1000)
      missing += found.blocks.filter((block) => data.has(block)).length
      at = found.nextBlock
    }
    return missing
  }
  async function expected(): Promise<Buffer> {
    const all = Buffer.alloc(SIZE)
    await image.read(0, all)
    return all
  }

  it(
    'has what its origin has, and then its own life',
    test(async () => {
      origin.use(image)
      const wanted = await expected()
      expect(Buffer.compare(await content(), wanted), 'before').toBe(0)
      await fill()
      expect(device.origin).toBeNull()
      origin.leave(image)
      expect(Buffer.compare(await content(), wanted)).toBe(0)
      expect(progress.at(-1)).toEqual({ done: BLOCKS, total: BLOCKS, unit: 'blocks' })
      for (const [i, { done }] of progress.entries())
        expect(done).toBeGreaterThanOrEqual(progress[i - 1]?.done ?? 0)
      await fill()
      await volume.close()
    }),
  )

  it(
    'keeps what hosts write meanwhile, whoever comes first',
    test(async () => {
      origin.use(image)
      const wanted = await expected()
      await device.write(0, filled(0xee))
      await device.trim(40 * BLOCK_BYTES, 20 * BLOCK_BYTES)
      wanted.fill(0xee, 0, BLOCK_BYTES)
      wanted.fill(0, 40 * BLOCK_BYTES, 60 * BLOCK_BYTES)
      let at = 100
      image.onRead = async () => {
        // what is just being read, and what is not yet
        const block = at
        at += 37
        if (block >= BLOCKS) return
        await device.write(block * BLOCK_BYTES, filled(0xdd))
        wanted.fill(0xdd, block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES)
      }
      await fill()
      expect(at).toBeGreaterThan(200)
      expect(Buffer.compare(await content(), wanted)).toBe(0)
      await volume.close()
    }),
  )

  it(
    'goes on after an end in the middle, and reads nothing twice that is filled',
    test(async () => {
      origin.use(image)
      const wanted = await expected()
      image.readBytes = 0
      image.onRead = async () => {
        if (image.readBytes > SIZE / 8) abort.abort(new BlockError('CONFLICT', 'the lead is lost'))
      }
      await expect(fill()).rejects.toMatchObject({ code: 'CONFLICT' })
      image.onRead = () => undefined
      await volume.close()
      await open()
      abort = new AbortController()
      expect(device.origin).toEqual(ORIGIN)
      const missing = await missingBlocks()
      expect(missing).toBeLessThan(image.blocks - 100)
      image.readBytes = 0
      await fill()
      expect(image.readBytes).toBe(missing * BLOCK_BYTES)
      expect(Buffer.compare(await content(), wanted)).toBe(0)
      await volume.close()
    }),
  )

  it(
    'waits for an origin that cannot be had, and is BUSY for hosts meanwhile',
    test(async () => {
      const wanted = await expected()
      await expect(device.read(0, filled(0))).rejects.toMatchObject({ code: 'BUSY' })
      const filling = fill()
      await process.clock.sleep(30_000)
      expect(device.origin).not.toBeNull()
      origin.use(image)
      await filling
      expect(Buffer.compare(await content(), wanted)).toBe(0)
      await volume.close()
    }),
  )

  it.each(['ACCESS_DENIED', 'CLOSED'] as const)(
    'ends at once when its ticket is over (%s), and is BUSY for hosts, who ask there no more',
    async (code) =>
      await test(async () => {
        const wanted = await expected()
        origin.use(image)
        image.reads = 0
        image.onRead = async () => {
          if (image.reads > 5) throw new BlockError(code, 'the ticket is not known')
        }
        const fromMs = scheduler.nowMs
        await expect(fill()).rejects.toThrow(/the ticket is not known/)
        expect(scheduler.nowMs - fromMs).toBeLessThan(1000)
        const { reads } = image
        await expect(device.read(SIZE / 2, filled(0))).rejects.toMatchObject({ code: 'BUSY' })
        expect(image.reads).toBe(reads)
        // with the next ticket it goes on
        origin.leave(image)
        image.onRead = () => undefined
        origin.use(image)
        await fill()
        expect(Buffer.compare(await content(), wanted)).toBe(0)
        await volume.close()
      })(),
  )

  it(
    'ends at once when its ticket is over at the very end',
    test(async () => {
      origin.use(image)
      const { changed } = image
      image.onRead = async () => {
        image.changed = async () => {
          throw new BlockError('ACCESS_DENIED', 'the ticket is not known')
        }
      }
      const fromMs = scheduler.nowMs
      await expect(fill()).rejects.toMatchObject({ code: 'BUSY' })
      expect(scheduler.nowMs - fromMs).toBeLessThan(10_000)
      image.changed = changed
      image.onRead = () => undefined
      origin.use(image)
      await fill()
      expect(device.origin).toBeNull()
      await volume.close()
    }),
  )

  it.each(['DISCONNECTED', 'TIMED_OUT'] as const)(
    'gives up after ten seconds when its origin is not reached (%s)',
    async (code) =>
      await test(async () => {
        origin.use(image)
        let isAway = false
        image.onRead = async () => {
          if (isAway) throw new BlockError(code, 'no answer came')
          isAway = image.readBytes > SIZE / 8
        }
        const fromMs = scheduler.nowMs
        await expect(fill()).rejects.toMatchObject({ code: 'BUSY' })
        expect(scheduler.nowMs - fromMs).toBeGreaterThan(10_000)
        expect(scheduler.nowMs - fromMs).toBeLessThan(20_000)
        // a short time is waited for
        isAway = true
        const filling = fill()
        await process.clock.sleep(5000)
        isAway = false
        image.onRead = () => undefined
        await filling
        expect(device.origin).toBeNull()
        await volume.close()
      })(),
  )

  it(
    'goes on when it was BUSY itself for a minute',
    test(async () => {
      origin.use(image)
      const wanted = await expected()
      let reads = 0
      image.onRead = async () => {
        if (++reads !== 4) return
        // the lease is over, and comes back
        device.serve({ kind: 'until', epoch: device.epoch, untilMs: 0 })
        process.clock.after(60_000, () =>
          device.serve({ kind: 'until', epoch: device.epoch, untilMs: Number.MAX_SAFE_INTEGER }),
        )
      }
      await fill()
      expect(scheduler.nowMs).toBeGreaterThan(60_000)
      expect(Buffer.compare(await content(), wanted)).toBe(0)
      await volume.close()
    }),
  )

  it(
    'gives up after two minutes, and at once on a block that is bad',
    test(async () => {
      const fromMs = scheduler.nowMs
      await expect(fill()).rejects.toMatchObject({ code: 'BUSY' })
      expect(scheduler.nowMs - fromMs).toBeGreaterThan(120_000)
      origin.use(image)
      image.bad.add(0)
      await expect(fill()).rejects.toThrow(/block 0 is bad/)
      expect(device.origin, 'it is a clone still').not.toBeNull()
      await volume.close()
    }),
  )
})

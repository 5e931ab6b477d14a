/**
 * The two lanes of a resync, on two volumes of which one is the replica's: base blocks and log entries are handed over in
 * an order that a network of real servers seldom gives. Resolve as the other scenarios do.
 */

import { blockChecksum } from '../../../../src/blockvol/checksum.ts'
import type { BareVolume } from '../../../blockvol/bare-volume.ts'
import { filledBlock, inVirtualTime, NOTHING_UNKNOWN, Side } from '../../../blockvol/resync-pair.ts'
import { fail } from '../../../cluster/checker.ts'
import type { Scheduler } from '../../scheduler.ts'
import { describeError } from '../verdicts.ts'

/** H0 of these resyncs. */
const TARGET = 100

/** A trim of a block that the replica never had is kept against the older version that the base brings after it. */
export const trimsLeaveTombstones = (): Promise<string | undefined> =>
  played(async (scheduler) => {
    const replica = await fillingReplica(scheduler)
    await replica.trim(10, 4)
    await replica.checkpoint()
    await bring(replica, TARGET - 10, [9, 10])
    await expectBlock(replica, 9, TARGET - 10)
    await expectBlock(replica, 10, 0)
  })

/** What the log brought, and is flushed, is kept against the older version that the base brings after it. */
export const newerVersionsStay = (): Promise<string | undefined> =>
  played(async (scheduler) => {
    const replica = await fillingReplica(scheduler)
    await replica.write(1, filledBlock(7))
    await replica.checkpoint()
    await bring(replica, TARGET - 10, [1, 2])
    await expectBlock(replica, 1, 7)
    await expectBlock(replica, 2, TARGET - 10)
  })

/** The base ends at H0: what is newer comes as a log entry, or the replica's map would be ahead of its log. */
export const baseEndsAtTheTarget = (): Promise<string | undefined> =>
  played(async (scheduler) => {
    const side = new Side(scheduler, 1)
    await side.create()
    const source = await side.open()
    await source.write(1, filledBlock(1))
    await source.write(2, filledBlock(2))
    const target = source.lsn
    const scan = source.source({ base: 0, target, unknown: NOTHING_UNKNOWN })
    await source.write(2, filledBlock(3))
    await source.checkpoint()
    const offered: number[] = []
    for (let offers = await scan.next(); offers !== undefined; offers = await scan.next()) {
      for (const { block, lsn } of offers) {
        if (lsn > target) fail(`block ${block} comes with LSN ${lsn} in a base that ends at ${target}`)
        offered.push(block)
      }
    }
    if (!offered.includes(1)) fail('the base lacks a block that was not written since')
  })

async function played(work: (scheduler: Scheduler) => Promise<void>): Promise<string | undefined> {
  try {
    await inVirtualTime(1, work)
    return undefined
  } catch (error) {
    return describeError(error)
  }
}

async function fillingReplica(scheduler: Scheduler): Promise<BareVolume> {
  const side = new Side(scheduler, 1)
  await side.create()
  await side.restartLog(TARGET)
  return side.open({ isFilling: true })
}

/** The base lane: these blocks, as of `lsn` and filled with it. */
async function bring(replica: BareVolume, lsn: number, blocks: readonly number[]): Promise<void> {
  const data = filledBlock(lsn)
  const offers = blocks.map((block) => {
    return { block, lsn, kind: 'data', checksum: blockChecksum(data, block, lsn), isVersion: false } as const
  })
  const wanted = await replica.sink.offered(offers)
  await replica.sink.put(
    offers
      .filter((_, place) => wanted.includes(place))
      .map(({ block, checksum }) => ({ block, lsn, isVersion: false, content: { checksum, data } })),
  )
  await replica.sink.settle()
}

async function expectBlock(replica: BareVolume, block: number, value: number): Promise<void> {
  const found = new Uint32Array((await replica.read(block)).slice().buffer)[0]
  if (found !== value) fail(`block ${block} reads as ${found} at the replica, not as ${value}`)
}

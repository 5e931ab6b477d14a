import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Gate } from '../../../test/blockvol/hooked-disk.ts'
import { LogRig } from '../../../test/blockvol/log-rig.ts'
import { useScratch } from '../../../test/blockvol/scratch.ts'
import { idleClock } from '../../../test/sim/clock.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { type Epoch, epochNumber, KIB, lsn } from '../../base/units.ts'
import { codeOf } from '../../io/test-support.ts'

const RING_BYTES = 256 * KIB
const epoch = (number: number): Epoch => ({ number: epochNumber(number), id: BigInt(number * 11) })

describe('a log that is cut', () => {
  const scratch = useScratch()
  let rig: LogRig
  beforeEach(async () => {
    rig = await LogRig.open(scratch.next(), { ringBytes: RING_BYTES, clock: idleClock() })
  })
  afterEach(() => rig.close())

  const found = async (): Promise<string[]> =>
    (await rig.scan()).entries.map(({ lsn: at, block, data }) => `${at}: ${data[0]} at ${block}`)

  it('ends at the entry before, and goes on behind it with other entries', async () => {
    for (const block of [1, 2, 3, 4]) await rig.appendData(block, 1, block)
    await rig.writer.cut(lsn(2), rig.epoch)
    expect(rig.writer.appendedLsn).toBe(2)
    expect(await found()).toEqual(['1: 1 at 1', '2: 2 at 2'])
    await rig.appendData(9, 1, 9)
    expect(await found()).toEqual(['1: 1 at 1', '2: 2 at 2', '3: 9 at 9'])
    const { result } = await rig.scan()
    expect([result.lastLsn, result.beyond]).toEqual([3, []])
  })

  it('takes back what was durable, and says so in what it reports', async () => {
    await rig.appendData(1, 1, 1)
    await rig.appendData(2, 1, 2)
    await rig.writer.sync()
    await rig.writer.cut(lsn(1), rig.epoch)
    expect(rig.writer.durableLsn).toBe(1)
    await rig.appendData(3, 1, 3)
    expect(rig.groups.at(-1)).toMatchObject({ firstLsn: 2, durableLsn: 1 })
    await rig.writer.sync()
    expect(rig.writer.durableLsn).toBe(2)
  })

  it('does not count as durable what a sync covers that was on its way', async () => {
    await rig.appendData(1, 1, 1)
    await rig.appendData(2, 1, 2)
    const gate = new Gate()
    rig.hook = (what) => (what === 'datasync' ? gate.pass() : undefined)
    const synced = rig.writer.sync()
    await gate.reached
    const cut = rig.writer.cut(lsn(1), rig.epoch)
    gate.open()
    await Promise.all([synced, cut])
    expect([rig.writer.appendedLsn, rig.writer.durableLsn]).toEqual([1, 1])
    await rig.appendData(3, 1, 3)
    expect(rig.writer.durableLsn).toBe(1)
    expect(rig.syncs).toBe(2)
  })

  it('may go on in an epoch below that of the entries it gave up, but not below the one of its last entry', async () => {
    await rig.append({ epoch: epoch(3) })
    await rig.append({ epoch: epoch(7) })
    await rig.append()
    await rig.writer.cut(lsn(1), epoch(3))
    await rig.append({ epoch: epoch(4) })
    const { result, entries } = await rig.scan()
    expect(entries.map((entry) => entry.lsn)).toEqual([1, 2])
    expect(result.epoch).toEqual(epoch(4))
    await rig.append({ epoch: epoch(2) })
    expect((await rig.scan()).result.lastLsn).toBe(2)
  })

  it('has entries of one epoch in each group', async () => {
    await Promise.all([3, 3, 4, 4, 5].map((number) => rig.append({ epoch: epoch(number) })))
    const epochs = rig.groups.map((group) => [group.epoch.number, group.entryCount])
    expect(epochs).toEqual([
      [3, 1],
      [3, 1],
      [4, 2],
      [5, 1],
    ])
    expect((await rig.scan()).result).toMatchObject({ lastLsn: 5, epoch: epoch(5) })
  })

  it('is the same log for every later opening, however often it was cut', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed)
      rig = await LogRig.open(scratch.next(), { ringBytes: RING_BYTES, clock: idleClock() })
      rig.makesRoom = false
      let expected: string[] = []
      for (let step = 0; step < 20; step++) {
        if (random.chance(0.3) && expected.length > 0) {
          const keep = random.integer(expected.length + 1)
          await rig.writer.cut(lsn(keep), rig.epoch)
          expected = expected.slice(0, keep)
        } else if (random.chance(0.15)) await rig.writer.sync()
        else {
          const fill = random.integer(200)
          const at = await rig.appendData(step, 1, fill)
          expected.push(`${at}: ${fill} at ${step}`)
        }
        expect(await found()).toEqual(expected)
      }
      await rig.close()
    }
    rig = await LogRig.open(scratch.next(), { ringBytes: RING_BYTES, clock: idleClock() })
  })

  it('does not go back behind what is flushed, nor beyond its end', async () => {
    await rig.append()
    await rig.append()
    rig.checkpoint()
    await rig.append()
    const before = await rig.scan()
    await rig.writer.cut(lsn(1), rig.epoch)
    // a mark that contradicts the checkpoint is no part of this log
    expect((await rig.scan()).result).toMatchObject({ lastLsn: before.result.lastLsn, cuts: [] })
  })

  it('needs a page for the mark', async () => {
    rig = await LogRig.open(scratch.next(), { ringBytes: 64 * KIB, clock: idleClock() })
    for (let i = 0; i < 16; i++) {
      await rig.append({ reach: 'bookkeeping' })
      await rig.writer.sync()
    }
    expect(await codeOf(rig.writer.cut(lsn(3), rig.epoch))).toBe('BUSY')
    expect(rig.writer.appendedLsn).toBe(16)
  })
})

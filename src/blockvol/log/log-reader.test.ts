import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LOG_TAG, LogRig } from '../../../test/blockvol/log-rig.ts'
import { useScratch } from '../../../test/blockvol/scratch.ts'
import { idleClock } from '../../../test/sim/clock.ts'
import { BufferPool } from '../../base/buffer-pool.ts'
import { type Epoch, epochNumber, KIB, lsn } from '../../base/units.ts'
import { codeOf } from '../../io/test-support.ts'
import { LogReader } from './log-reader.ts'

const RING_BYTES = 256 * KIB
const epoch = (number: number): Epoch => ({ number: epochNumber(number), id: BigInt(number) })

describe('a reader of the log', () => {
  const scratch = useScratch()
  let rig: LogRig
  let pool: BufferPool
  let reader: LogReader
  beforeEach(async () => {
    rig = await LogRig.open(scratch.next(), { ringBytes: RING_BYTES, clock: idleClock() })
    pool = new BufferPool()
    reader = new LogReader({ file: rig.file, index: rig.index, logTag: LOG_TAG, pool })
  })
  afterEach(async () => {
    expect(pool.lentBytes).toBe(0)
    await rig.close()
  })

  /** LSN, block and fill of everything from `from` on; undefined where the log has it no more. */
  async function readAll(from: number): Promise<string[] | undefined> {
    const seen: string[] = []
    for (let next = from; next <= rig.writer.appendedLsn; ) {
      const group = await reader.read(next, rig.writer.appendedLsn)
      if (group === undefined) return undefined
      for (const entry of group.entries) {
        expect(entry.lsn).toBe(next++)
        seen.push(`${entry.lsn}: ${entry.data[0]} at ${entry.block}, epoch ${group.epoch.number}`)
      }
      group.release()
    }
    return seen
  }

  it('gives every entry from an LSN on, in order, with its epoch', async () => {
    const expected: string[] = []
    for (let i = 1; i <= 30; i++) {
      const fills = Array.from({ length: 1 + (i % 4) }, (_, j) => i * 4 + j)
      const lsns = await Promise.all(fills.map((fill) => rig.appendData(i, 1 + (i % 2), fill % 256)))
      fills.forEach((fill, j) => {
        expected.push(`${lsns[j]}: ${fill % 256} at ${i}, epoch 1`)
      })
      if (i % 7 === 0) rig.checkpoint()
    }
    const at = await rig.append({ epoch: epoch(4), block: 5 })
    expected.push(`${at}: undefined at 5, epoch 4`)
    const first = rig.index.firstLsn!
    for (const from of [first, first + 1, first + 2, at - 1, at]) {
      expect(await readAll(from)).toEqual(expected.slice(from - 1))
    }
  })

  it('has what is behind the checkpoint until the head comes round to it', async () => {
    rig.makesRoom = true
    const all: string[] = []
    for (let i = 1; i <= 200; i++) {
      const at = await rig.appendData(i, 1, i % 256)
      all.push(`${at}: ${i % 256} at ${i}, epoch 1`)
      const first = rig.index.firstLsn!
      expect(await readAll(first)).toEqual(all.slice(first - 1))
      if (first > 1) expect(await reader.read(first - 1, at)).toBeUndefined()
    }
    expect(rig.index.firstLsn).toBeGreaterThan(100)
  })

  it('leaves out what a cut has voided, also in a group that begins before it', async () => {
    await Promise.all([1, 2, 3, 4].map((fill) => rig.appendData(fill, 1, fill)))
    await rig.appendData(5, 1, 5)
    await rig.writer.cut(lsn(2), rig.epoch)
    expect(await readAll(1)).toEqual(['1: 1 at 1, epoch 1', '2: 2 at 2, epoch 1'])
    await rig.appendData(9, 1, 9)
    expect(await readAll(2)).toEqual(['2: 2 at 2, epoch 1', '3: 9 at 9, epoch 1'])
  })

  it('says so when what the log has is damaged', async () => {
    await rig.appendData(1, 1, 1)
    await rig.appendData(2, 1, 2)
    const { position } = rig.index.find(1)!
    await rig.poke(Uint8Array.of(77), position + 600)
    expect(await codeOf(reader.read(1, 2))).toBe('MEDIUM')
    expect(await readAll(2)).toEqual(['2: 2 at 2, epoch 1'])
    await rig.poke(new Uint8Array(512), position)
    expect(await codeOf(reader.read(1, 2))).toBe('MEDIUM')
  })
})

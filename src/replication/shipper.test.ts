import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LOG_TAG, LogRig } from '../../test/blockvol/log-rig.ts'
import { useScratch } from '../../test/blockvol/scratch.ts'
import { idleClock } from '../../test/sim/clock.ts'
import { BufferPool } from '../base/buffer-pool.ts'
import { epochNumber, KIB, type Lsn, lsn } from '../base/units.ts'
import { LogReader } from '../blockvol/log/log-reader.ts'
import { opening, sessionId } from '../v2engine/identity.ts'
import { Shipper } from './shipper.ts'
import { decodeEntries } from './wire/entries.ts'
import { decodeMessage } from './wire/messages.ts'

const session = {
  id: sessionId(1),
  epoch: { number: epochNumber(1), id: 11n },
  primaryOpening: opening(1),
  replicaOpening: opening(2),
}

describe('a shipper', () => {
  const scratch = useScratch()
  let rig: LogRig
  let pool: BufferPool
  let failures: string[]
  /** LSN, block and fill of what arrived. */
  let arrived: string[]
  let written: (() => void)[]
  let isOpen: boolean
  /** How long acknowledgements took, in µs. */
  let took: number[]
  let nowMs: number

  beforeEach(async () => {
    rig = await LogRig.open(scratch.next(), { ringBytes: 256 * KIB, clock: idleClock() })
    pool = new BufferPool()
    failures = []
    arrived = []
    written = []
    isOpen = true
    took = []
    nowMs = 0
  })
  afterEach(async () => {
    for (const release of written) release()
    expect(pool.lentBytes).toBe(0)
    await rig.close()
  })

  function shipper(options: { from?: number; windowBytes?: number } = {}): Shipper {
    const reader = new LogReader({ file: rig.file, index: rig.index, logTag: LOG_TAG, pool })
    return new Shipper({
      session,
      from: lsn(options.from ?? 1),
      windowBytes: options.windowBytes ?? 1024 * KIB,
      log: {
        get appendedLsn(): Lsn {
          return rig.writer.appendedLsn
        },
        read: (from, through) => reader.read(from, through),
      },
      commitLsn: () => lsn(0),
      send: (kind, pieces, done) => {
        const payload = Buffer.concat(pieces)
        const decoded = decodeMessage(kind, payload)
        if (decoded?.message.kind !== 'entries') throw new Error('an APPEND was expected')
        const { first, last } = decoded.message
        for (const entry of decodeEntries(payload.subarray(decoded.endBytes), { first, last })!.entries) {
          arrived.push(`${entry.lsn}: ${entry.data[0]} at ${entry.block}`)
        }
        written.push(done)
        return isOpen
      },
      onFailed: (why) => failures.push(why),
      acknowledged: { record: (us) => took.push(us) },
      nowMs: () => nowMs,
    })
  }

  async function append(count: number): Promise<string[]> {
    const expected: string[] = []
    for (let i = 0; i < count; i++) {
      const at = await rig.appendData(i, 1 + (i % 2), i % 256)
      expected.push(`${at}: ${i % 256} at ${i}`)
    }
    return expected
  }
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  }

  it('sends everything from its LSN on, and what is appended later', async () => {
    const first = await append(9)
    const one = shipper({ from: 4 })
    one.pump()
    await settled()
    expect(arrived).toEqual(first.slice(3))
    const later = await append(5)
    one.pump()
    one.pump()
    await settled()
    expect(arrived).toEqual([...first.slice(3), ...later])
    expect(one.sentLsn).toBe(14)
    expect(failures).toEqual([])
  })

  it('waits when its window is full, and goes on as it is acknowledged', async () => {
    await append(12)
    const one = shipper({ windowBytes: 10 * KIB })
    one.pump()
    await settled()
    const inWindow = arrived.length
    expect(inWindow).toBeLessThan(4)
    one.acknowledged(lsn(1))
    await settled()
    expect(arrived.length).toBeGreaterThan(inWindow)
    while (arrived.length < 12) {
      one.acknowledged(one.sentLsn)
      await settled()
    }
    expect(arrived.map((text) => Number.parseInt(text, 10))).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    )
  })

  it('tells how long each group took from sending to its acknowledgement', async () => {
    await append(3)
    const one = shipper()
    one.pump()
    await settled()
    nowMs = 4
    one.acknowledged(one.sentLsn)
    await append(1)
    one.pump()
    await settled()
    nowMs = 10
    one.acknowledged(one.sentLsn)
    one.acknowledged(one.sentLsn)
    expect(took).toEqual([4000, 4000, 4000, 6000])
  })

  it('sends an entry that is larger than its window, alone', async () => {
    await rig.appendData(0, 4, 1)
    await rig.appendData(9, 4, 2)
    const one = shipper({ windowBytes: KIB })
    one.pump()
    await settled()
    expect(arrived).toHaveLength(1)
    one.acknowledged(lsn(1))
    await settled()
    expect(arrived).toHaveLength(2)
  })

  it('waits for a link that takes no more', async () => {
    await append(6)
    isOpen = false
    const one = shipper()
    one.pump()
    await settled()
    expect(arrived).toHaveLength(1)
    isOpen = true
    one.drained()
    await settled()
    expect(arrived).toHaveLength(6)
  })

  it('says why it cannot go on: the log has the entry no more, or not whole', async () => {
    rig.makesRoom = true
    await append(100)
    shipper({ from: 1 }).pump()
    await settled()
    expect(failures).toEqual(['log no longer retained'])
    const { position } = rig.index.find(rig.writer.appendedLsn)!
    await rig.poke(Uint8Array.of(1, 2, 3), (position % rig.ringBytes) + 700)
    shipper({ from: rig.writer.appendedLsn }).pump()
    await settled()
    expect(failures).toEqual(['log no longer retained', 'source damaged'])
    expect(arrived).toEqual([])
  })

  it('sends nothing after its end, and gives back what it was reading', async () => {
    await append(3)
    const one = shipper()
    one.pump()
    one.end()
    await settled()
    one.pump()
    one.acknowledged(lsn(0))
    await settled()
    expect([arrived, failures]).toEqual([[], []])
  })
})

import { describe, expect, it } from 'vitest'
import { FaultPlan } from '../../../test/sim/faults.ts'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from '../../../test/sim/machine.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { type Epoch, epochNumber, KIB, type Lsn, lsn, MIB } from '../../base/units.ts'
import { ENTRY_KIND } from '../format/log-group.ts'
import { decodeState, encodeState } from '../format/state.ts'
import { PageSet } from '../resync/page-set.ts'
import { Volume } from '../volume.ts'
import type { ReplicaEntry } from './entry-stream.ts'
import type { ReplicaEvents } from './replica-facts.ts'
import { ReplicaVolume } from './replica-volume.ts'

const DIRECTORY = `${DATA_DIRECTORY}/replica`
const epochOf = (number: number): Epoch => ({ number: epochNumber(number), id: BigInt(number * 1000) })
const entry = (at: number, block: number, fill: number): ReplicaEntry => ({
  lsn: at,
  kind: ENTRY_KIND.write,
  block,
  blocks: 1,
  argument: 0,
  data: new Uint8Array(4096).fill(fill),
})

class Bench {
  readonly scheduler = new Scheduler(7)
  readonly faults = new FaultPlan(new SeededRandom(5))
  storage = emptyStorage()
  process: SimProcess = this.#start()
  readonly told: string[] = []
  replica!: ReplicaVolume

  static run(work: (bench: Bench) => Promise<void>): Promise<void> {
    const bench = new Bench()
    const all = async (): Promise<void> => {
      await Volume.create(bench.process, {
        directory: DIRECTORY,
        uuid: new Uint8Array(16).fill(3),
        name: 'replica',
        sizeBytes: MIB,
        logicalBlockBytes: 512,
        logBytes: 64 * KIB,
      })
      await bench.open()
      await work(bench)
    }
    return bench.scheduler.until(all(), { what: 'the test', limitMs: 60_000 })
  }

  #start(): SimProcess {
    const { storage, scheduler, faults } = this
    return startProcess({ storage, scheduler, faults, seed: 5 })
  }

  async open(): Promise<void> {
    const events: ReplicaEvents = {
      progress: () => this.told.push(`progress ${this.replica.local.appended}`),
      flushAsked: (at) => this.told.push(`flush ${at}`),
      poisoned: () => this.told.push('poisoned'),
      pinsLost: (keys) => this.told.push(`lost ${keys.join()}`),
    }
    this.replica = await ReplicaVolume.open(this.process, {
      directory: DIRECTORY,
      tuning: { scrubIntervalMs: 0, idleFlushMs: 5 },
      resyncPhase: () => undefined,
      events,
    })
  }

  async crash(keep: 'all' | 'none'): Promise<void> {
    this.process.life.end()
    this.storage = this.storage.afterPowerLoss(() => keep)
    this.process = this.#start()
    await this.open()
  }

  async startEpoch(number: number): Promise<Lsn> {
    const at = await new Promise<Lsn>((resolve) => {
      void this.replica.startEpoch(epochOf(number), resolve)
    })
    // a stream of entries begins with a cut, be it at the log's end
    await this.replica.dropLog(at, 'kept')
    return at
  }

  append(epoch: number, ...entries: ReplicaEntry[]): Promise<void> {
    return new Promise((resolve) => this.replica.append(epochOf(epoch), entries, resolve))
  }

  async read(block: number): Promise<number> {
    const target = new Uint8Array(4096)
    this.replica.acknowledge(this.replica.local.appended)
    await this.replica.device.read(block * 4096, target)
    expect(target.every((byte) => byte === target[0])).toBe(true)
    return target[0]!
  }
}

describe('a replica', () => {
  it('takes entries with their LSNs and epochs, and has them and their history after a crash', () =>
    Bench.run(async (bench) => {
      expect(await bench.startEpoch(3)).toBe(1)
      await bench.append(3, entry(2, 0, 20), entry(3, 1, 30))
      await bench.append(5, { ...entry(4, 0, 0), kind: ENTRY_KIND.epochStart, data: epochStart(5) })
      await bench.append(5, entry(5, 1, 50))
      await bench.replica.settle(lsn(5))
      await bench.crash('none')
      expect(bench.replica.local).toMatchObject({ appended: 5, durable: 5, checkpoint: 0, image: 0 })
      expect(bench.replica.local.retainedFrom).toBe(1)
      expect(bench.replica.history).toEqual([
        { epoch: epochOf(3), firstLsn: 1 },
        { epoch: epochOf(5), firstLsn: 4 },
      ])
      expect([await bench.read(0), await bench.read(1)]).toEqual([20, 50])
    }))

  it('refuses entries that do not follow, and all behind them until the log is dropped to its end', () =>
    Bench.run(async (bench) => {
      await bench.startEpoch(1)
      await bench.append(1, entry(3, 0, 30))
      await bench.append(1, entry(2, 0, 20), entry(4, 0, 40))
      expect(bench.replica.local.appended).toBe(2)
      await bench.append(1, entry(3, 1, 31))
      expect(await bench.read(0)).toBe(20)
    }))

  it('flushes no further than what is committed', () =>
    Bench.run(async (bench) => {
      await bench.startEpoch(1)
      await bench.append(1, entry(2, 0, 20), entry(3, 1, 30))
      await bench.process.clock.sleep(1000)
      expect(bench.replica.local).toMatchObject({ checkpoint: 0, image: 0, durable: 3 })
      bench.replica.commit(lsn(3))
      await bench.process.clock.sleep(100)
      expect(bench.replica.local).toMatchObject({ checkpoint: 3, image: 3 })
    }))

  it.each(['all', 'none'] as const)('drops the end of its log for good (power loss keeps %s)', (keep) =>
    Bench.run(async (bench) => {
      await bench.startEpoch(1)
      await bench.append(1, entry(2, 0, 20), entry(3, 0, 30), entry(4, 0, 40))
      await bench.replica.settle(lsn(4))
      await bench.replica.dropLog(lsn(2), 'kept')
      expect(bench.replica.local).toMatchObject({ appended: 2, durable: 2 })
      expect(await bench.read(0)).toBe(20)
      await bench.append(2, { ...entry(3, 0, 0), kind: ENTRY_KIND.epochStart, data: epochStart(2) })
      await bench.append(2, entry(4, 1, 41))
      await bench.replica.settle(lsn(4))
      await bench.crash(keep)
      expect(bench.replica.local).toMatchObject({ appended: 4, durable: 4 })
      expect([await bench.read(0), await bench.read(1)]).toEqual([20, 41])
      expect(bench.replica.history.map(({ firstLsn }) => firstLsn)).toEqual([1, 3])
    }),
  )

  it('does not end its log before what is flushed', () =>
    Bench.run(async (bench) => {
      await bench.startEpoch(1)
      await bench.append(1, entry(2, 0, 20), entry(3, 0, 30))
      bench.replica.commit(lsn(3))
      await bench.process.clock.sleep(100)
      await expect(bench.replica.dropLog(lsn(2), 'kept')).rejects.toMatchObject({ code: 'CONFLICT' })
    }))

  it('takes nothing for committed that another history committed', () =>
    Bench.run(async (bench) => {
      await bench.startEpoch(1)
      await bench.append(1, entry(2, 0, 20))
      bench.replica.commit(lsn(9))
      await bench.process.clock.sleep(100)
      await bench.append(1, entry(3, 0, 30), entry(4, 0, 40))
      await bench.replica.dropLog(lsn(2), 'kept')
      await bench.append(1, entry(3, 1, 31), entry(4, 1, 41))
      await bench.process.clock.sleep(1000)
      expect(bench.replica.local).toMatchObject({ appended: 4, checkpoint: 2, image: 2 })
    }))

  it('flushes nothing more of a history that it gives up', () =>
    Bench.run(async (bench) => {
      await bench.startEpoch(1)
      await bench.append(1, entry(2, 0, 20), entry(3, 1, 30))
      bench.replica.commit(lsn(3))
      await bench.process.clock.sleep(100)
      expect(bench.replica.local.checkpoint).toBe(3)
      await bench.append(1, entry(4, 1, 40), entry(5, 2, 50))
      await bench.replica.dropLog(lsn(2), 'given up')
      bench.replica.commit(lsn(5))
      await bench.replica.forget(lsn(2), lsn(2))
      await bench.process.clock.sleep(1000)
      expect(bench.replica.local).toMatchObject({ checkpoint: 3, image: 3 })
      await bench.replica.flushLog(lsn(2))
      await bench.replica.restartLog(lsn(2), [{ epoch: epochOf(1), firstLsn: lsn(1) }])
      expect(bench.replica.local).toMatchObject({ appended: 2, checkpoint: 2, image: 2, hasUnknown: true })
      expect(await bench.read(0)).toBe(20)
      await expect(bench.read(1)).rejects.toMatchObject({ code: 'MEDIUM' })
      expect(await bench.read(2)).toBe(0)
    }))

  it('begins its log anew behind another history', () =>
    Bench.run(async (bench) => {
      await bench.startEpoch(1)
      await bench.append(1, entry(2, 0, 20))
      await bench.replica.dropLog(lsn(2), 'given up')
      await bench.replica.flushLog(lsn(2))
      const history = [
        { epoch: epochOf(1), firstLsn: lsn(1) },
        { epoch: epochOf(4), firstLsn: lsn(8) },
        { epoch: epochOf(6), firstLsn: lsn(90) },
      ]
      await bench.replica.restartLog(lsn(50), history)
      const local = { appended: 50, durable: 50, checkpoint: 50, retainedFrom: 51, hasUnknown: true }
      expect(bench.replica.local).toMatchObject(local)
      expect(bench.replica.history).toEqual(history.slice(0, 2))
      await bench.append(4, entry(51, 1, 51))
      await bench.replica.settle(lsn(51))
      await bench.crash('none')
      expect(bench.replica.local).toMatchObject({ appended: 51, durable: 51, checkpoint: 50 })
      expect([await bench.read(0), await bench.read(1)]).toEqual([20, 51])
    }))

  it('keeps the state of its primary, whatever it was about to flush before that came', () =>
    Bench.run(async (bench) => {
      const { state } = bench.replica.resyncSource({ base: 0, target: lsn(0), unknown: PageSet.NONE })!
      const snapshot = { id: 7n, lsn: 9, createdWallMs: 1, sizeBytes: MIB, name: 'taken' }
      const ofPrimary = { ...decodeState(state, 'its own'), asOfLsn: 9, snapshots: [snapshot] }
      await bench.replica.restartLog(lsn(10), [{ epoch: epochOf(3), firstLsn: lsn(1) }])
      await bench.append(5, { ...entry(11, 0, 0), kind: ENTRY_KIND.epochStart, data: epochStart(5) })
      await bench.append(5, entry(12, 0, 120))
      // an idle flush begins, and waits until that is committed
      await bench.process.clock.sleep(500)
      bench.replica.installState(encodeState(ofPrimary))
      bench.replica.baseIsWhole()
      await bench.replica.settle(lsn(12))
      bench.replica.filled()
      await bench.replica.flushLog(lsn(12))
      expect(bench.replica.local.checkpoint).toBe(12)
      expect(bench.replica.device.snapshots()).toEqual([snapshot])
      await bench.crash('all')
      expect(bench.replica.device.snapshots()).toEqual([snapshot])
    }))

  it('does not go back to an older state when it settles beside a flush', () =>
    Bench.run(async (bench) => {
      const { state } = bench.replica.resyncSource({ base: 0, target: lsn(0), unknown: PageSet.NONE })!
      await bench.replica.restartLog(lsn(10), [{ epoch: epochOf(3), firstLsn: lsn(1) }])
      bench.replica.installState(state)
      bench.replica.baseIsWhole()
      await bench.append(3, entry(11, 0, 110))
      const settled = bench.replica.settle(lsn(11))
      const kept = new Uint8Array(4096).fill(7)
      const frontEnds = { kind: ENTRY_KIND.frontendState, blocks: 0, argument: 4, data: kept }
      await bench.append(3, { ...entry(12, 0, 0), ...frontEnds })
      await bench.replica.flushLog(lsn(12))
      await settled
      bench.replica.filled()
      await bench.crash('all')
      expect(bench.replica.local.checkpoint).toBe(12)
      expect(bench.replica.device.frontendState()).toEqual(kept.subarray(0, 4))
    }))

  it('keeps its log for who catches up, until the log is full', () =>
    Bench.run(async (bench) => {
      await bench.startEpoch(1)
      for (let at = 2; at < 6; at++) await bench.append(1, entry(at, 0, at))
      const next = (): Lsn => lsn(bench.replica.local.appended + 1)
      expect(bench.replica.pin('a', lsn(3))).toBe(true)
      expect(bench.replica.pin('b', next())).toBe(true)
      expect(bench.replica.pin('c', lsn(next() + 1))).toBe(false)
      bench.replica.unpin('b')
      for (let at = 6; at < 40; at++) {
        bench.replica.commit(lsn(at))
        await bench.append(1, entry(at, 0, at))
        if (bench.told.includes('lost a')) break
        const group = await bench.replica.readLog(3, 5)
        expect(group?.entries.map((one) => one.lsn)).toEqual([3])
        group?.release()
      }
      expect(bench.told).toContain('lost a')
      expect(bench.replica.local.appended).toBeGreaterThan(7)
    }))

  it('takes content beyond where hosts have to wait, and leaves room for the start of an epoch', () =>
    Bench.run(async (bench) => {
      await bench.startEpoch(1)
      // one by one each takes two blocks, while its primary may have had them in one group
      for (let at = 2; at < 16; at++) {
        await bench.append(1, entry(at, 0, at))
        const { appended } = bench.replica.local
        if (appended < at) break
        await bench.replica.settle(appended)
      }
      const { sizeBytes, usedBytes } = bench.replica.device.status().log
      expect(usedBytes).toBeGreaterThan((sizeBytes * 3) / 4)
      expect(await bench.startEpoch(2)).toBe(bench.replica.local.appended)
    }))

  it('tells of an epoch start before it tells that it is appended', () =>
    Bench.run(async (bench) => {
      bench.told.length = 0
      await new Promise<void>((resolve) => {
        void bench.replica.startEpoch(epochOf(1), (at) => {
          bench.told.push(`started ${at}`)
          resolve()
        })
      })
      await bench.process.clock.sleep(10)
      expect(bench.told.slice(0, 2)).toEqual(['started 1', 'progress 1'])
    }))

  it('is not opened as a volume alone', () =>
    Bench.run(async (bench) => {
      await bench.replica.saveMarks(new Uint8Array(8))
      await bench.replica.close()
      const alone = Volume.open(bench.process, { directory: DIRECTORY })
      await expect(alone).rejects.toMatchObject({ code: 'CONFLICT' })
    }))

  it('stays damaged after a poisoning until its marks say so, whatever dies between', () =>
    Bench.run(async (bench) => {
      await bench.startEpoch(1)
      await bench.append(1, entry(2, 0, 20))
      bench.faults.arm('syncError', 'log')
      await bench.replica.settle(lsn(2)).catch(() => undefined)
      expect(bench.told).toContain('poisoned')
      await bench.replica.close().catch(() => undefined)
      await bench.crash('all')
      expect(bench.replica.isDamaged).toBe(true)
      await bench.crash('all')
      expect(bench.replica.isDamaged).toBe(true)
      await bench.replica.saveMarks(new Uint8Array(8))
      await bench.crash('all')
      expect(bench.replica.isDamaged).toBe(false)
    }))

  it('is clean after a close, also with a log that is not committed', () =>
    Bench.run(async (bench) => {
      await bench.startEpoch(1)
      await bench.append(1, entry(2, 0, 20))
      await bench.replica.close()
      await bench.crash('none')
      expect(bench.replica.wasClean).toBe(true)
      expect(bench.replica.local).toMatchObject({ appended: 2, durable: 2 })
      await bench.crash('none')
      expect(bench.replica.wasClean).toBe(false)
    }))
})

function epochStart(number: number): Uint8Array {
  const data = new Uint8Array(4096)
  const view = new DataView(data.buffer)
  view.setUint32(0, number, true)
  view.setUint32(8, number * 1000, true)
  return data
}

/**
 * A replica's log under every crash: at each call of the disk the machine loses power, keeps all, nothing or some of
 * what was not synced, and what the next opening finds must be a log that this replica may have.
 */
import { describe, expect, it } from 'vitest'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from '../../../test/sim/machine.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { type Epoch, epochNumber, KIB, lsn, MIB } from '../../base/units.ts'
import { ENTRY_KIND } from '../format/log-group.ts'
import { encodeEpochStart } from '../state-keeper.ts'
import { Volume } from '../volume.ts'
import { ReplicaVolume } from './replica-volume.ts'

const DIRECTORY = `${DATA_DIRECTORY}/replica`
const BLOCKS = 4
const epochOf = (number: number): Epoch => ({ number: epochNumber(number), id: BigInt(number * 1000) })

/** An entry of the model: content `fill` for block `fill % BLOCKS`, or the start of an epoch. */
interface Entry {
  readonly epoch: number
  readonly fill: number | null
}

/** What the log may be: one of these, from a durable part on, or of an older one while it is being cut. */
class Model {
  log: Entry[] = []
  durable = 0
  /** While a cut is under way: the log before it, which may still be there. */
  before: { readonly log: readonly Entry[]; readonly durable: number } | undefined

  allows(found: readonly Entry[]): boolean {
    const isPrefix = (of: readonly Entry[], durable: number): boolean =>
      found.length >= durable &&
      found.length <= of.length &&
      found.every((entry, i) => entry.epoch === of[i]!.epoch && entry.fill === of[i]!.fill)
    return (
      isPrefix(this.log, this.durable) ||
      (this.before !== undefined && isPrefix(this.before.log, this.before.durable))
    )
  }
}

class World {
  readonly scheduler = new Scheduler(3)
  readonly model = new Model()
  storage = emptyStorage()
  process: SimProcess
  calls = 0
  crashAt = Number.POSITIVE_INFINITY

  constructor() {
    this.process = this.start()
  }

  start(): SimProcess {
    const process: SimProcess = startProcess({
      storage: this.storage,
      scheduler: this.scheduler,
      seed: 5,
      onCall: () => {
        if (++this.calls === this.crashAt) process.life.end()
      },
    })
    return process
  }

  open(): Promise<ReplicaVolume> {
    return ReplicaVolume.open(this.process, {
      directory: DIRECTORY,
      tuning: { scrubIntervalMs: 0, idleFlushMs: 1e6, flushWatermark: 0.2 },
      resyncPhase: () => undefined,
      events: {
        progress: () => undefined,
        flushAsked: () => undefined,
        poisoned: () => undefined,
        pinsLost: () => undefined,
      },
    })
  }

  async make(): Promise<void> {
    await Volume.create(this.process, {
      directory: DIRECTORY,
      uuid: new Uint8Array(16).fill(3),
      name: 'replica',
      sizeBytes: MIB,
      logicalBlockBytes: 512,
      logBytes: 128 * KIB,
    })
  }

  /** Entries as a primary sends them; a new epoch begins with its start entry. */
  append(replica: ReplicaVolume, epoch: number, fills: readonly number[]): Promise<void> {
    const { model } = this
    const entries = fills.map((fill): Entry => ({ epoch, fill }))
    if (model.log.at(-1)?.epoch !== epoch) entries.unshift({ epoch, fill: null })
    const first = model.log.length + 1
    model.log = [...model.log, ...entries]
    return new Promise((resolve) => {
      const wire = entries.map(({ fill }, i) => ({
        lsn: first + i,
        kind: fill === null ? ENTRY_KIND.epochStart : ENTRY_KIND.write,
        block: fill === null ? 0 : fill % BLOCKS,
        blocks: fill === null ? 0 : 1,
        argument: 0,
        data: fill === null ? encodeEpochStart(epochOf(epoch)) : new Uint8Array(4096).fill(fill),
      }))
      replica.append(epochOf(epoch), wire, resolve)
    })
  }

  async settle(replica: ReplicaVolume): Promise<void> {
    const { length } = this.model.log
    await replica.settle(lsn(length))
    this.model.durable = length
  }

  async dropLog(replica: ReplicaVolume, above: number): Promise<void> {
    const { model } = this
    model.before = { log: model.log, durable: Math.min(model.durable, model.log.length) }
    model.log = model.log.slice(0, above)
    model.durable = Math.min(model.durable, above)
    await replica.dropLog(lsn(above), 'kept')
    model.before = undefined
  }

  /** The whole log as entries: from blocks where it was flushed already. */
  async verify(replica: ReplicaVolume): Promise<void> {
    const { appended, retainedFrom } = replica.local
    const found: Entry[] = []
    for (let at: number = retainedFrom; at <= appended; ) {
      const group = await replica.readLog(at, appended)
      if (group === undefined) throw new Error(`entry ${at} cannot be read`)
      for (const { kind, data } of group.entries) {
        const fill = kind === ENTRY_KIND.write ? data[0]! : null
        found.push({ epoch: group.epoch.number, fill })
      }
      at += group.entries.length
      group.release()
    }
    const candidates = [this.model.log, this.model.before?.log ?? this.model.log]
    const whole = candidates.map((log) => [...log.slice(0, retainedFrom - 1), ...found])
    const match = whole.find((log) => this.model.allows(log))
    if (match === undefined) {
      throw new Error(
        `found ${JSON.stringify(found)} from ${retainedFrom} on, of ${JSON.stringify(this.model)}`,
      )
    }
    replica.acknowledge(appended)
    for (let block = 0; block < BLOCKS; block++) {
      const target = new Uint8Array(4096)
      await replica.device.read(block * 4096, target)
      const last = match.findLast(({ fill }) => fill !== null && fill % BLOCKS === block)
      expect(new Set(target)).toEqual(new Set([last?.fill ?? 0]))
    }
    const starts = match.flatMap(({ fill }, i) => (fill === null ? [i + 1] : []))
    expect(replica.history.map(({ firstLsn }) => Number(firstLsn))).toEqual(starts)
  }

  async work(replica: ReplicaVolume): Promise<void> {
    await this.append(replica, 1, [1, 2, 3])
    await this.settle(replica)
    replica.commit(lsn(3))
    await this.append(replica, 1, [5, 6])
    await this.dropLog(replica, 4)
    await this.append(replica, 2, [7, 8])
    await this.settle(replica)
    await this.dropLog(replica, 7)
    await this.append(replica, 2, [9])
    await this.settle(replica)
    await this.dropLog(replica, 6)
    replica.commit(lsn(6))
    await replica.flushLog(lsn(6))
    await this.append(replica, 3, [10, 11])
    await this.settle(replica)
    await replica.close()
  }
}

const KEEPS = ['all', 'none', 'some'] as const

/** Runs the work until the `crashAt`th call of the disk; false when it has fewer. */
async function crashedAt(crashAt: number, keep: (typeof KEEPS)[number]): Promise<boolean> {
  const world = new World()
  const until = { what: `a crash at call ${crashAt}`, limitMs: 60_000 }
  await world.scheduler.until(world.make(), until)
  world.calls = 0
  world.crashAt = crashAt
  const died = new Promise<'died'>((resolve) => world.process.life.onEnd(() => resolve('died')))
  const lived = (async () => {
    const replica = await world.open()
    await world.work(replica)
    return 'done' as const
  })()
  const end = await world.scheduler.until(Promise.race([lived, died]), { ...until, what: `work ${crashAt}` })
  world.process.life.end()
  const random = new SeededRandom(crashAt)
  world.process.disk.settleInFlight(random)
  world.storage = world.storage.afterPowerLoss(() =>
    keep === 'some' ? random.pick(['all', 'none'] as const) : keep,
  )
  world.crashAt = Number.POSITIVE_INFINITY
  world.process = world.start()
  const verified = (async () => {
    const replica = await world.open()
    await world.verify(replica)
  })()
  await world.scheduler.until(verified, until)
  return end === 'died'
}

describe('the log of a replica', () => {
  it.each(KEEPS)('is one that it may have after a crash at any call (power loss keeps %s)', async (keep) => {
    let crashAt = 1
    while (await crashedAt(crashAt, keep)) crashAt++
    expect(crashAt).toBeGreaterThan(100)
  })
})

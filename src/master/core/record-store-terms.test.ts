import { describe, expect, it } from 'vitest'
import { Life, SimClock } from '../../../test/sim/clock.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import type { TermGuard } from '../election/election.ts'
import { type MemoryFailure, MemoryRegistry, MemoryStorage } from '../registry/memory-registry.ts'
import { LEADER_BEAT_KEY, LEADER_KEY } from './record-keys.ts'
import { openRecordStore } from './record-store.ts'
import type { RecordStore } from './records-view.ts'
import { testUuid, testVolume } from './test-support.ts'

function rig() {
  const scheduler = new Scheduler(1)
  const random = new SeededRandom(1)
  const clock = new SimClock(scheduler, new Life())
  const storage = new MemoryStorage(random)
  const newRegistry = (): MemoryRegistry =>
    new MemoryRegistry({ storage, clock, random, delayMsMax: 5, isShared: true })
  const run = <Result>(promise: Promise<Result>): Promise<Result> =>
    scheduler.until(promise, { what: 'the record store' })
  const takeOver = async (term: number): Promise<TermGuard> => {
    const leader = { id: `life-${term}`, term, grpc: '', http: '' }
    const writes = [
      { key: LEADER_KEY, value: leader },
      { key: LEADER_BEAT_KEY, value: { term, beat: 0 } },
    ]
    const outcome = await run(newRegistry().commit({ checks: [], writes }))
    return { key: LEADER_KEY, revision: outcome.kind === 'committed' ? outcome.seq : 0 }
  }
  const lost: string[] = []
  const open = async (guard: TermGuard, registry = newRegistry()): Promise<RecordStore> =>
    await run(
      openRecordStore({
        registry,
        clock,
        random,
        clusterId: testUuid(1, 9),
        guard,
        onLost: (error) => lost.push(error.message),
      }),
    )
  return { scheduler, storage, newRegistry, takeOver, open, run, lost }
}

const put = (store: RecordStore, n: number): Promise<null> =>
  store.change(() => ({ writes: [{ kind: 'volume', record: testVolume(n) }], result: null }))
const count = (storage: MemoryStorage): number => storage.read('volume/').length

describe('a record store of one of several masters', () => {
  it('begins in an empty registry beside the record of who leads', async () => {
    const { takeOver, open, run, storage } = rig()
    const store = await open(await takeOver(1))
    await run(put(store, 1))
    expect(count(storage)).toBe(1)
  })

  it('records while renewals go on beside it', async () => {
    const { takeOver, open, run, newRegistry, storage, lost } = rig()
    const guard = await takeOver(1)
    const store = await open(guard)
    for (let beat = 1; beat < 4; beat++) {
      const writes = [{ key: LEADER_BEAT_KEY, value: { term: 1, beat } }]
      await run(newRegistry().commit({ checks: [guard], writes }))
      await run(put(store, beat))
    }
    expect(count(storage)).toBe(3)
    expect(lost).toEqual([])
  })

  it('records nothing after another master took over, not even what it decides again, and is lost', async () => {
    const { takeOver, open, run, storage, lost } = rig()
    const store = await open(await takeOver(1))
    await run(put(store, 1))
    await takeOver(2)
    await expect(run(put(store, 2))).rejects.toMatchObject({
      code: 'CLOSED',
      facts: { reason: 'not_leader' },
    })
    expect(count(storage)).toBe(1)
    expect(lost).toEqual(['another master leads'])
    await expect(run(put(store, 3))).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('is lost also when the answer that would have said so was lost', async () => {
    for (const isDone of [true, false]) {
      const { takeOver, open, run, newRegistry, storage, lost } = rig()
      const registry = newRegistry()
      const store = await open(await takeOver(1), registry)
      await takeOver(2)
      registry.failNext({ code: 'TIMED_OUT', isDone } satisfies MemoryFailure)
      await expect(run(put(store, 1))).rejects.toMatchObject({ code: 'TIMED_OUT' })
      expect(count(storage)).toBe(0)
      expect(lost).toEqual(['another master leads'])
    }
  })

  it('does not open in a term that is over, nor shows what the next one recorded', async () => {
    const { takeOver, open } = rig()
    const guard = await takeOver(1)
    await takeOver(2)
    await expect(open(guard)).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

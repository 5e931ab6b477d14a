/** Commits that are carried out after nobody waits for them any more. */
import { describe, expect, it } from 'vitest'
import { Life, SimClock } from '../../../test/sim/clock.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { BlockError } from '../../base/errors.ts'
import type { TermGuard } from '../election/election.ts'
import { MemoryRegistry, MemoryStorage } from '../registry/memory-registry.ts'
import type { CommitOutcome, Registry, Transaction } from '../registry/registry.ts'
import { HEAD_KEY, LEADER_BEAT_KEY, LEADER_KEY } from './record-keys.ts'
import { openRecordStore } from './record-store.ts'
import type { RecordStore } from './records-view.ts'
import { testUuid, testVolume } from './test-support.ts'

/** A registry whose next commits are kept back on their way, without an answer. */
class KeptBack implements Registry {
  readonly #registry: MemoryRegistry
  readonly kept: Transaction[] = []
  keepNext = 0
  /** Called with each commit that is not kept. */
  before: (transaction: Transaction) => Promise<void> = () => Promise.resolve()

  constructor(registry: MemoryRegistry) {
    this.#registry = registry
  }

  get id(): string {
    return this.#registry.id
  }

  get seq(): number {
    return this.#registry.seq
  }

  read(prefix: string): ReturnType<Registry['read']> {
    return this.#registry.read(prefix)
  }

  async commit(transaction: Transaction): Promise<CommitOutcome> {
    if (this.keepNext === 0) {
      await this.before(transaction)
      return await this.#registry.commit(transaction)
    }
    this.keepNext -= 1
    this.kept.push(transaction)
    throw new BlockError('TIMED_OUT', 'the registry does not answer')
  }

  close(): Promise<void> {
    return this.#registry.close()
  }
}

function rig() {
  const scheduler = new Scheduler(1)
  const random = new SeededRandom(1)
  const clock = new SimClock(scheduler, new Life())
  const storage = new MemoryStorage(random)
  const newRegistry = (): MemoryRegistry =>
    new MemoryRegistry({ storage, clock, random, delayMsMax: 5, isShared: true })
  const lost: string[] = []
  const run = <Result>(promise: Promise<Result>): Promise<Result> =>
    scheduler.until(promise, { what: 'the record store' })
  const open = (registry: Registry, guard?: TermGuard): Promise<RecordStore> =>
    run(
      openRecordStore({
        registry,
        clock,
        random,
        clusterId: testUuid(1, 9),
        ...(guard && { guard }),
        onLost: ({ code }) => lost.push(code),
      }),
    )
  const beginTerm = async (): Promise<TermGuard> => {
    const writes = [
      { key: LEADER_KEY, value: { id: 'life-1', term: 1, grpc: '', http: '' } },
      { key: LEADER_BEAT_KEY, value: { term: 1, beat: 0 } },
    ]
    const outcome = await run(newRegistry().commit({ checks: [], writes }))
    return { key: LEADER_KEY, revision: outcome.kind === 'committed' ? outcome.seq : 0 }
  }
  const registry = new KeptBack(newRegistry())
  /** What was kept back is carried out after all, in its order. */
  const late = async (): Promise<CommitOutcome[]> => {
    const outcomes: CommitOutcome[] = []
    for (const transaction of registry.kept.splice(0)) {
      outcomes.push(await run(newRegistry().commit(transaction)))
    }
    return outcomes
  }
  const recorded = (): string[] => storage.read('volume/').map(({ key }) => key.slice('volume/'.length))
  return { storage, registry, newRegistry, open, beginTerm, run, late, recorded, lost }
}

const put = (store: RecordStore, n: number): Promise<null> =>
  store.change(() => ({ writes: [{ kind: 'volume', record: testVolume(n) }], result: null }))
const shown = (store: RecordStore): string[] => store.view.volumes().map(({ uuid }) => uuid)

describe('a commit that is late', () => {
  it('comes to nothing once the store went on without it', async () => {
    const { registry, open, run, late, recorded, lost } = rig()
    const store = await open(registry)
    await run(put(store, 1))
    registry.keepNext = 1
    await expect(run(put(store, 2))).rejects.toMatchObject({ code: 'TIMED_OUT' })
    expect(await late()).toEqual([{ kind: 'conflict', key: HEAD_KEY }])
    expect(recorded()).toEqual([testUuid(1)])
    expect(shown(store)).toEqual(recorded())
    expect(lost).toEqual([])
  })

  it('counts when it comes before that', async () => {
    const { registry, open, run, recorded, newRegistry } = rig()
    const store = await open(registry)
    registry.keepNext = 1
    registry.before = async () => {
      const transaction = registry.kept.shift()
      if (transaction !== undefined) await newRegistry().commit(transaction)
    }
    await run(put(store, 1))
    expect(recorded()).toEqual([testUuid(1)])
    expect(shown(store)).toEqual(recorded())
  })

  it('comes to nothing also when the answers to that are late', async () => {
    const { registry, open, run, late, recorded, lost } = rig()
    const store = await open(registry)
    registry.keepNext = 3
    await expect(run(put(store, 1))).rejects.toMatchObject({ code: 'TIMED_OUT' })
    expect((await late()).map(({ kind }) => kind)).toEqual(['conflict', 'conflict', 'conflict'])
    await run(put(store, 2))
    expect(shown(store)).toEqual([testUuid(2)])
    expect(recorded()).toEqual(shown(store))
    expect(lost).toEqual([])
  })

  it('is the end of a store that cannot settle it, and comes to nothing in the next one of that term', async () => {
    const { registry, open, beginTerm, run, late, recorded, lost, newRegistry } = rig()
    const guard = await beginTerm()
    const store = await open(registry, guard)
    registry.keepNext = 100
    await expect(run(put(store, 1))).rejects.toMatchObject({ code: 'TIMED_OUT' })
    expect(lost).toEqual(['TIMED_OUT'])
    await expect(run(put(store, 2))).rejects.toMatchObject({ code: 'CLOSED' })
    const next = await open(newRegistry(), guard)
    for (const outcome of await late()) expect(outcome).toEqual({ kind: 'conflict', key: HEAD_KEY })
    expect(recorded()).toEqual([])
    expect(shown(next)).toEqual([])
  })

  it('is seen by the next store of that term when it comes before that one opened', async () => {
    const { registry, open, beginTerm, run, late, recorded, newRegistry } = rig()
    const guard = await beginTerm()
    const store = await open(registry, guard)
    registry.keepNext = 100
    await expect(run(put(store, 1))).rejects.toMatchObject({ code: 'TIMED_OUT' })
    await late()
    const next = await open(newRegistry(), guard)
    expect(recorded()).toEqual([testUuid(1)])
    expect(shown(next)).toEqual(recorded())
  })
})

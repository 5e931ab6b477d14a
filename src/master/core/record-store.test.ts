import { describe, expect, it } from 'vitest'
import { Life, SimClock } from '../../../test/sim/clock.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { codeOf } from '../../io/test-support.ts'
import type { EventRecord } from '../records.ts'
import { MemoryRegistry, MemoryStorage } from '../registry/memory-registry.ts'
import type { Registry } from '../registry/registry.ts'
import { openRecordStore, type RecordStoreOptions } from './record-store.ts'
import type { NewEvent, RecordStore, RecordWrite } from './records-view.ts'
import { testJob, testServer, testToken, testUuid, testVolume } from './test-support.ts'

const CLUSTER = testUuid(1, 9)

function rig(seed = 1, delayMsMax = 5) {
  const scheduler = new Scheduler(seed)
  const random = new SeededRandom(seed)
  const clock = new SimClock(scheduler, new Life())
  const storage = new MemoryStorage(random)
  const newRegistry = (): MemoryRegistry =>
    new MemoryRegistry({ storage, clock, random, delayMsMax, isShared: true })
  const run = <Result>(promise: Promise<Result>): Promise<Result> =>
    scheduler.until(promise, { what: 'the record store' })
  const open = (
    registry: Registry = newRegistry(),
    different: Partial<RecordStoreOptions> = {},
  ): Promise<RecordStore> =>
    run(openRecordStore({ registry, clock, random, clusterId: CLUSTER, ...different }))
  return { scheduler, storage, newRegistry, open, run }
}

const put = (store: RecordStore, ...writes: RecordWrite[]): Promise<undefined> =>
  store.change(() => ({ writes, result: undefined }))
const volume = (n: number, different = {}): RecordWrite => ({
  kind: 'volume',
  record: testVolume(n, different),
})
const event = (message: string, different: Partial<NewEvent> = {}): NewEvent => ({
  severity: 'info',
  kind: 'test.happened',
  actor: 'test',
  message,
  ...different,
})

describe('a new record store', () => {
  it('makes the record of its cluster, once', async () => {
    const { open } = rig()
    const store = await open()
    expect(store.view.cluster).toMatchObject({ clusterId: CLUSTER, lock: null })
    expect(store.seq).toBe(1)
    expect((await open()).view.cluster).toEqual(store.view.cluster)
  })

  it('refuses the registry of another cluster', async () => {
    const { open } = rig()
    await open()
    await expect(open(undefined, { clusterId: testUuid(2, 9) })).rejects.toMatchObject({
      code: 'CONFLICT',
      facts: { reason: 'other_cluster' },
    })
  })
})

describe('a change', () => {
  it('is in view when its promise resolves, and not before', async () => {
    const { open, run } = rig()
    const store = await open()
    const change = put(store, volume(1))
    await Promise.resolve()
    expect(store.view.volume(testUuid(1))).toBeUndefined()
    await run(change)
    expect(store.view.volume(testUuid(1))).toEqual(testVolume(1))
    expect(store.view.volumeNamed('vol-000001')).toEqual(testVolume(1))
  })

  it('sees what was decided before it, and goes to the registry with all that waited', async () => {
    const { open, run } = rig()
    const store = await open()
    const increment = (): Promise<number> =>
      store.change((records) => {
        const sizeBytes = (records.volume(testUuid(1))?.sizeBytes ?? 0) + 1
        return {
          writes: [{ kind: 'volume', record: testVolume(1, { sizeBytes }) }],
          result: sizeBytes,
        }
      })
    const before = store.seq
    const results = await run(Promise.all(Array.from({ length: 100 }, increment)))
    expect(results).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    expect(store.seq - before).toBe(1)
  })

  it('that throws writes nothing and disturbs nobody', async () => {
    const { open, run } = rig()
    const store = await open()
    const failed = store.change(() => {
      throw new Error('no')
    })
    const changes = [put(store, volume(1)), failed, put(store, volume(2))]
    const settled = await run(Promise.allSettled(changes))
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(store.view.volumes().map(({ uuid }) => uuid)).toEqual([testUuid(1), testUuid(2)])
  })

  it('without writes resolves in its turn and takes no transaction', async () => {
    const { open, run } = rig()
    const store = await open()
    const before = store.seq
    expect(await run(store.change(() => ({ writes: [], result: 7 })))).toBe(7)
    expect(store.seq).toBe(before)
  })

  it('lifts the sequence number above what servers have seen', async () => {
    const { open, run } = rig()
    const store = await open()
    await run(store.change(() => ({ writes: [], result: 0 }), { seqAbove: 5000 }))
    expect(store.seq).toBe(5001)
  })

  it('gives a name to one volume only, and gives it back with the volume or a rename', async () => {
    const { open, run } = rig()
    const store = await open()
    const [first, second] = [put(store, volume(1, { name: 'a' })), put(store, volume(2, { name: 'a' }))]
    expect(await run(Promise.all([codeOf(first), codeOf(second)]))).toEqual(['no error', 'CONFLICT'])
    expect(store.view.volume(testUuid(2))).toBeUndefined()
    await run(put(store, volume(1, { name: 'b' })))
    await run(put(store, volume(2, { name: 'a' })))
    expect(store.view.volumeNamed('a')?.uuid).toBe(testUuid(2))
    await run(put(store, { kind: 'removeVolume', uuid: testUuid(2) }))
    expect(store.view.volumeNamed('a')).toBeUndefined()
    const again = await open()
    expect(again.view.volumes().map(({ name }) => name)).toEqual(['b'])
  })

  it('of which one write fails leaves no trace of the others', async () => {
    const { open, run } = rig()
    const store = await open()
    await run(put(store, volume(1, { name: 'a' })))
    const server: RecordWrite = { kind: 'server', record: testServer(5) }
    expect(await run(codeOf(put(store, server, volume(2, { name: 'a' }))))).toBe('CONFLICT')
    await run(put(store, volume(3)))
    expect(store.view.servers()).toEqual([])
  })

  it('with a record of another shape is a bug that the registry never sees', async () => {
    const { open, run } = rig()
    const store = await open()
    expect(await run(codeOf(put(store, volume(1, { sizeBytes: Number.NaN }))))).toMatch(/sizeBytes/)
    const job: RecordWrite = { kind: 'job', record: testJob(1, { data: { n: Number.POSITIVE_INFINITY } }) }
    expect(await run(codeOf(put(store, job)))).toMatch(/JSON/)
    expect(store.view.volumes()).toEqual([])
  })

  it('that is too large for the registry fails alone', async () => {
    const { open, run } = rig()
    const store = await open()
    const large: RecordWrite = { kind: 'job', record: testJob(1, { message: 'x'.repeat(2 ** 20) }) }
    const changes = [put(store, volume(1)), put(store, large), put(store, volume(2))]
    expect(await run(Promise.all(changes.map(codeOf)))).toEqual(['no error', 'INVALID_ARGUMENT', 'no error'])
    expect(store.view.jobs()).toEqual([])
    expect(store.view.volumes().length).toBe(2)
  })

  it('is BUSY when too many wait', async () => {
    const { open, run } = rig()
    const store = await open(undefined, { waitingMax: 3 })
    const changes = [1, 2, 3, 4].map((n) => codeOf(put(store, volume(n))))
    expect(await run(Promise.all(changes))).toEqual(['no error', 'no error', 'no error', 'BUSY'])
  })
})

describe('when the registry fails', () => {
  it('DISK and NO_SPACE reject what was in the transaction, and the store goes on', async () => {
    const { open, newRegistry, run } = rig()
    const registry = newRegistry()
    const store = await open(registry)
    for (const code of ['DISK', 'NO_SPACE'] as const) {
      registry.failNext({ code })
      expect(await run(codeOf(put(store, volume(1))))).toBe(code)
      expect(store.view.volumes()).toEqual([])
    }
    await run(put(store, volume(1)))
    expect(store.view.volumes().length).toBe(1)
  })

  it('a commit without an answer is looked up: done, it resolves; not done, it is TIMED_OUT', async () => {
    const { open, newRegistry, run } = rig()
    const registry = newRegistry()
    const store = await open(registry)
    const told: EventRecord[] = []
    store.subscribe((record) => told.push(record))
    registry.failNext({ code: 'TIMED_OUT', isDone: true })
    const first = store.change(() => ({ writes: [volume(1)], events: [event('made')], result: 'made' }))
    expect(await run(first)).toBe('made')
    registry.failNext({ code: 'TIMED_OUT', isDone: false })
    expect(await run(codeOf(put(store, volume(2))))).toBe('TIMED_OUT')
    expect(store.view.volumes().map(({ uuid }) => uuid)).toEqual([testUuid(1)])
    expect(told.length).toBe(1)
    await run(put(store, volume(3)))
    expect(store.view.volumes().length).toBe(2)
  })

  it('it is over for the store when the registry closed itself, and it says so once', async () => {
    const { open, newRegistry, run } = rig()
    const registry = newRegistry()
    const lost: string[] = []
    const store = await open(registry, { onLost: ({ code }) => lost.push(code) })
    await run(registry.close())
    expect(await run(codeOf(put(store, volume(1))))).toBe('CLOSED')
    expect(await run(codeOf(put(store, volume(2))))).toBe('CLOSED')
    expect(lost).toEqual(['CLOSED'])
  })

  it('a commit without an answer that cannot be looked up is unknown, and the end of the store', async () => {
    const { open, newRegistry, run } = rig()
    const registry = newRegistry()
    const lost: string[] = []
    const unreadable: Registry = {
      id: registry.id,
      seq: 0,
      read: (prefix) => registry.read(prefix),
      commit: async (transaction) => {
        registry.failNext({ code: 'TIMED_OUT', isDone: true })
        const outcome = registry.commit(transaction)
        const closing = registry.close()
        try {
          return await outcome
        } finally {
          await closing
        }
      },
      close: () => registry.close(),
    }
    await open()
    const store = await open(unreadable, { onLost: ({ code }) => lost.push(code) })
    const [first, second] = [put(store, volume(1)), put(store, volume(2))]
    expect(await run(Promise.all([codeOf(first), codeOf(second)]))).toEqual(['TIMED_OUT', 'TIMED_OUT'])
    expect(await run(codeOf(put(store, volume(3))))).toBe('CLOSED')
    expect(lost).toEqual(['CLOSED'])
    expect((await open()).view.volumes().length).toBe(2)
  })

  it('close waits for the transaction underway and rejects what waits', async () => {
    const { open, scheduler, run } = rig()
    const store = await open()
    const first = codeOf(put(store, volume(1)))
    await scheduler.pass(0)
    const second = codeOf(put(store, volume(2)))
    await run(store.close())
    expect([await first, await second]).toEqual(['no error', 'CLOSED'])
    expect(await codeOf(put(store, volume(3)))).toBe('CLOSED')
    expect((await open()).view.volumes().length).toBe(1)
  })
})

describe('two processes on one registry', () => {
  it('take turns: who comes second decides again on what the first one wrote', async () => {
    const { open, run } = rig()
    const [a, b] = [await open(), await open()]
    let decided = 0
    const increment = (store: RecordStore): Promise<number> =>
      store.change((records) => {
        decided++
        const n = records.jobs().length + 1
        return { writes: [{ kind: 'job', record: testJob(n) }], result: n }
      })
    const rounds = Array.from({ length: 10 }, () => [increment(a), increment(b)]).flat()
    const results = await run(Promise.all(rounds))
    expect(results.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(decided).toBeGreaterThan(20)
    await run(a.change(() => ({ writes: [{ kind: 'token', record: testToken(1) }], result: 0 })))
    expect((await open()).view.jobs().length).toBe(20)
  })

  it('never both decide on what the other one changes, though they write different records', async () => {
    const { open, run } = rig()
    const [a, b] = [await open(), await open()]
    const alone = (store: RecordStore, write: RecordWrite): Promise<boolean> =>
      store.change((records) => {
        const isAlone = records.servers().length + records.tokens().length === 0
        return { writes: isAlone ? [write] : [], result: isAlone }
      })
    const results = await run(
      Promise.all([
        alone(a, { kind: 'server', record: testServer(1) }),
        alone(b, { kind: 'token', record: testToken(1) }),
      ]),
    )
    expect(results.toSorted()).toEqual([false, true])
  })

  it('a writer that is no record store conflicts too, by its key', async () => {
    const { open, newRegistry, run } = rig()
    const store = await open()
    await run(put(store, { kind: 'server', record: testServer(1) }))
    const other = newRegistry()
    const [record] = await run(other.read('server/'))
    await run(
      other.commit({
        checks: [],
        writes: [{ key: record?.key ?? '', value: { ...record?.value, isCordoned: true } }],
      }),
    )
    const isCordoned = store.change((records) => {
      const server = records.server(testUuid(1, 1)) ?? testServer(1)
      return {
        writes: [{ kind: 'server', record: { ...server, zone: 'z' } }],
        result: server.isCordoned,
      }
    })
    expect(await run(isCordoned)).toBe(true)
    expect(store.view.server(testUuid(1, 1))).toMatchObject({ isCordoned: true, zone: 'z' })
  })
})

describe('the view', () => {
  it('lists volumes by name, also those of a server, as of the moment of the call', async () => {
    const { open, run } = rig()
    const store = await open()
    for (const n of [3, 1, 2]) await run(put(store, volume(n)))
    const before = store.view.volumes()
    expect(before.map(({ name }) => name)).toEqual(['vol-000001', 'vol-000002', 'vol-000003'])
    const server = testUuid(3, 1)
    expect(store.view.volumesOn(server).map(({ uuid }) => uuid)).toEqual([1, 2, 3].map((n) => testUuid(n)))
    await run(put(store, volume(1, { replicas: [] }), { kind: 'removeVolume', uuid: testUuid(2) }))
    expect(store.view.volumesOn(server).map(({ uuid }) => uuid)).toEqual([testUuid(3)])
    expect(store.view.volumesOn(testUuid(77, 1))).toEqual([])
    expect(before.length).toBe(3)
  })
})

describe('loading', () => {
  it.each([
    ['volume/x', { uuid: 'x' }, 'CORRUPT'],
    [`volume/${testUuid(2)}`, testVolume(1), 'CORRUPT'],
    [`server/${testUuid(1, 1)}`, { ...testServer(1), extra: 1 }, 'CORRUPT'],
    ['name/a', { uuid: testUuid(1) }, 'CORRUPT'],
    ['event/1', { number: 1 }, 'CORRUPT'],
    ['cluster/other', {}, 'CORRUPT'],
    ['shelf/1', {}, 'UNKNOWN_FORMAT'],
    ['constructor', {}, 'UNKNOWN_FORMAT'],
  ])('stops at a record %s that cannot be read', async (key, value, code) => {
    const { open, newRegistry, run } = rig()
    await open()
    await run(
      newRegistry().commit({ checks: [], writes: [{ key, value: JSON.parse(JSON.stringify(value)) }] }),
    )
    await expect(open()).rejects.toMatchObject({ code, facts: { key } })
  })

  it('stops when a volume has lost its name, or the registry its cluster', async () => {
    const { open, newRegistry, run } = rig()
    await run(put(await open(), volume(1)))
    const remove = (key: string) => newRegistry().commit({ checks: [], writes: [{ key, value: null }] })
    await run(remove('name/vol-000001'))
    await expect(open()).rejects.toMatchObject({ code: 'CORRUPT', facts: { key: 'name/vol-000001' } })
    await run(remove('cluster/cluster'))
    await expect(open()).rejects.toMatchObject({ code: 'CORRUPT', facts: { key: 'cluster/cluster' } })
  })
})

describe('events', () => {
  it('are recorded with the decision, told when they are durable, and kept over a restart', async () => {
    const { open, run } = rig()
    const store = await open()
    const told: EventRecord[] = []
    const stop = store.subscribe((record) => told.push(record))
    const change = store.change(() => ({ writes: [volume(1)], events: [event('one')], result: 0 }))
    expect(told).toEqual([])
    await run(change)
    expect(told).toMatchObject([{ number: 1, count: 1, message: 'one', volume: null }])
    stop()
    await run(store.change(() => ({ writes: [], events: [event('two'), event('one')], result: 0 })))
    expect(told.length).toBe(1)
    const all = store.events({ limit: 10 })
    expect(all.map(({ number, count, message }) => [number, count, message])).toEqual([
      [1, 2, 'one'],
      [2, 1, 'two'],
    ])
    expect((await open()).events({ limit: 10 })).toEqual(all)
  })

  it('of a change that failed are not told', async () => {
    const { open, newRegistry, run } = rig()
    const registry = newRegistry()
    const store = await open(registry)
    const told: EventRecord[] = []
    store.subscribe((record) => told.push(record))
    registry.failNext({ code: 'DISK' })
    await run(codeOf(store.change(() => ({ writes: [], events: [event('no')], result: 0 }))))
    await run(store.change(() => ({ writes: [], events: [event('yes')], result: 0 })))
    expect(told).toMatchObject([{ number: 1, message: 'yes' }])
  })

  it('make room in the same transaction, and their numbers go on rising over restarts', async () => {
    const { open, storage, run } = rig()
    const options = { events: { countMax: 5 } }
    for (let round = 0; round < 3; round++) {
      const store = await open(undefined, options)
      const news = Array.from({ length: 4 }, (_, i) => event(`${round}.${i}`))
      await run(store.change(() => ({ writes: [], events: news, result: 0 })))
    }
    expect(storage.read('event/').map(({ value }) => value.number)).toEqual([8, 9, 10, 11, 12])
  })
})

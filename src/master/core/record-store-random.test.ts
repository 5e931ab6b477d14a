/**
 * Random changes by one or two processes, with conflicts, failures of the registry and crashes at any moment. Each change
 * also takes the next number and records under it which change it was; so what became durable can be told afterwards as
 * one sequence, and a naive model that carries it out must end with the same records.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Life, SimClock } from '../../../test/sim/clock.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { BlockError } from '../../base/errors.ts'
import type { VolumeRecord } from '../records.ts'
import { type MemoryFailure, MemoryRegistry, MemoryStorage } from '../registry/memory-registry.ts'
import { openRecordStore } from './record-store.ts'
import type { Change, RecordStore, RecordsView, RecordWrite } from './records-view.ts'
import { testJob, testUuid, testVolume } from './test-support.ts'

interface Operation {
  readonly process: 0 | 1
  readonly kind: 'put' | 'remove'
  readonly volume: number
  readonly name: number
  readonly servers: readonly number[]
  readonly pauseMs: number
}

interface Outcome {
  /** Undefined: never told. */
  code?: string
  number?: number
}

const operation: fc.Arbitrary<Operation> = fc.record({
  process: fc.constantFrom<0 | 1>(0, 1),
  kind: fc.constantFrom<'put' | 'remove'>('put', 'put', 'put', 'remove'),
  volume: fc.nat(5),
  name: fc.nat(5),
  servers: fc.uniqueArray(fc.nat(3), { maxLength: 3 }),
  pauseMs: fc.nat(6),
})
const failure = fc.option(
  fc.oneof(
    fc.constantFrom<MemoryFailure>({ code: 'DISK' }, { code: 'NO_SPACE' }),
    fc.boolean().map((isDone): MemoryFailure => ({ code: 'TIMED_OUT', isDone })),
  ),
  { freq: 3 },
)
/** One life of the processes: what they do, then a crash or an orderly end. */
const life = fc.record({
  operations: fc.array(operation, { maxLength: 15 }),
  failures: fc.array(failure, { maxLength: 5 }),
  isCrash: fc.boolean(),
  processes: fc.constantFrom(1, 2),
})

const recordOf = (asked: Operation): VolumeRecord =>
  testVolume(asked.volume, {
    name: `name-${asked.name}`,
    replicas: asked.servers.map((n, slot) => ({ server: testUuid(n, 1), state: 'ready', slot })),
  })

const writeOf = (asked: Operation): RecordWrite =>
  asked.kind === 'put'
    ? { kind: 'volume', record: recordOf(asked) }
    : { kind: 'removeVolume', uuid: testUuid(asked.volume) }

/** Takes the next number, and tells under it that this is change `index`. */
function decide(records: RecordsView, asked: Operation, index: number): Change<number> {
  const number = records.jobs().length + 1
  return {
    writes: [writeOf(asked), { kind: 'job', record: testJob(number, { data: { index } }) }],
    events: [{ severity: 'info', kind: 'op', actor: 'test', message: `${index}` }],
    result: number,
  }
}

/** The records as plain lists, for comparison. */
const dump = (records: RecordsView) => ({
  volumes: records.volumes(),
  byName: Array.from({ length: 6 }, (_, n) => records.volumeNamed(`name-${n}`)?.uuid),
  byServer: Array.from({ length: 4 }, (_, n) => records.volumesOn(testUuid(n, 1))),
})

function replay(operations: readonly Operation[]): ReturnType<typeof dump> {
  const volumes = new Map<number, VolumeRecord>()
  for (const asked of operations) {
    if (asked.kind === 'put') volumes.set(asked.volume, recordOf(asked))
    else volumes.delete(asked.volume)
  }
  const sorted = [...volumes.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    volumes: sorted,
    byName: Array.from({ length: 6 }, (_, n) => sorted.find(({ name }) => name === `name-${n}`)?.uuid),
    byServer: Array.from({ length: 4 }, (_, n) =>
      sorted.filter(({ replicas }) => replicas.some(({ server }) => server === testUuid(n, 1))),
    ),
  }
}

it('what is durable is one sequence of whole changes, with every change that was acknowledged', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(life, { minLength: 1, maxLength: 4 }), async (seed, lives) => {
      const scheduler = new Scheduler(seed)
      const random = new SeededRandom(seed)
      const clock = new SimClock(scheduler, new Life())
      const storage = new MemoryStorage(random)
      const asked: Operation[] = []
      const outcomes: Outcome[] = []
      const newRegistry = (): MemoryRegistry =>
        new MemoryRegistry({ storage, clock, random, delayMsMax: 4, isShared: true })
      const open = (registry: MemoryRegistry): Promise<RecordStore> =>
        scheduler.until(
          openRecordStore({ registry, clock, random, clusterId: 'c', events: { countMax: 8 } }),
          { what: 'opening' },
        )

      for (const { operations, failures, isCrash, processes } of lives) {
        const registries = Array.from({ length: processes }, newRegistry)
        const stores: RecordStore[] = []
        for (const registry of registries) stores.push(await open(registry))
        for (const next of failures) if (next !== null) registries[0]?.failNext(next)
        for (const next of operations) {
          const index = asked.push(next) - 1
          const outcome: Outcome = {}
          outcomes.push(outcome)
          const store = stores[next.process] ?? stores[0]
          store
            ?.change((records) => decide(records, next, index))
            .then(
              (number) => Object.assign(outcome, { code: 'done', number }),
              (error: unknown) => {
                outcome.code = error instanceof BlockError ? error.code : String(error)
              },
            )
          await scheduler.pass(next.pauseMs)
        }
        if (isCrash) {
          for (const registry of registries) registry.crash()
        } else {
          await scheduler.pass(10_000)
          // Its own last change brings a store up to date with the other process's.
          if (processes === 1) expect(dump(stores[0]!.view)).toEqual(dump((await open(newRegistry())).view))
          for (const store of stores) await scheduler.until(store.close(), { what: 'closing' })
        }
      }

      const final = (await open(newRegistry())).view
      const sequence = final.jobs().map(({ data }) => Number(data.index))
      expect(new Set(sequence).size).toBe(sequence.length)
      outcomes.forEach(({ code, number }, index) => {
        if (code === 'done') expect(sequence[(number ?? 0) - 1]).toBe(index)
        else if (code !== undefined && code !== 'TIMED_OUT') {
          expect(['DISK', 'NO_SPACE', 'CONFLICT', 'CLOSED', 'BUSY']).toContain(code)
          expect(sequence).not.toContain(index)
        }
      })
      expect(dump(final)).toEqual(replay(sequence.map((index) => asked[index]!)))
      const events = storage.read('event/').map(({ value }) => value)
      expect(events.map(({ message }) => Number(message))).toEqual(sequence.slice(-8))
      expect(events.at(-1)?.number ?? 0).toBe(sequence.length)
    }),
    { numRuns: 300 },
  )
}, 120_000)

/**
 * The version store after every crash: each effect that a run of its users had on the disk, and each disk that a crash right
 * after it may leave (with the page cache, without it in many subsets of what was unsynced, with the last write torn). The
 * store that opens there has to be as before or after the step that was under way, never between, and no block may be lost,
 * taken twice, or anybody's no more.
 */
import { describe, expect, it } from 'vitest'
import {
  everything,
  excess,
  mismatch,
  perform,
  VersionModel,
  type VersionStep,
} from '../../../test/blockvol/version-model.ts'
import { UUID, VERSIONS, versionsOpened } from '../../../test/blockvol/version-rig.ts'
import { crashStates, REDUCED_LIMITS, type StateLimits } from '../../../test/crash/states.ts'
import { emptyStorage, type SimProcess, startProcess } from '../../../test/sim/machine.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import type { Storage } from '../../../test/sim/storage.ts'
import { createVersionStore } from './store.ts'
import type { VersionStore } from './version.ts'

const LIMITS: StateLimits = {
  subsetsOf: 4,
  singles: true,
  tornShapes: ['first', 'first-half', 'all-but-last', 'all-but-first'],
}

const flush = (...blocks: number[]): VersionStep => ({ kind: 'flush', blocks, isShuffled: false })
const SNAPSHOT: VersionStep = { kind: 'snapshot' }
const SETTLE: VersionStep = { kind: 'settle' }

const RUNS: readonly { readonly name: string; readonly steps: readonly VersionStep[] }[] = [
  {
    name: 'batches that are merged',
    steps: [
      flush(0, 1, 2, 3, 4, 5),
      SNAPSHOT,
      flush(0, 1, 2),
      flush(3),
      SNAPSHOT,
      flush(0, 4),
      flush(5),
      SNAPSHOT,
      flush(0, 1),
      SETTLE,
      flush(2),
    ],
  },
  {
    name: 'snapshots that go',
    steps: [
      flush(0, 1, 2, 3, 4, 5),
      SNAPSHOT,
      flush(0, 1, 2),
      SNAPSHOT,
      flush(0, 1, 3),
      { kind: 'delete', nth: 0 },
      { kind: 'collect' },
      flush(4),
      SETTLE,
      { kind: 'delete', nth: 0 },
      { kind: 'collect' },
      SETTLE,
    ],
  },
  {
    name: 'a history that is given up, and one that takes its place',
    steps: [
      flush(0, 1, 2),
      SNAPSHOT,
      flush(0, 1),
      SNAPSHOT,
      flush(0, 2),
      { kind: 'drop', entries: 5 },
      flush(0, 1, 2),
      SNAPSHOT,
      flush(0, 2),
      SETTLE,
    ],
  },
  {
    name: 'batches that are given up, and versions that are repaired',
    steps: [
      flush(0, 1, 3, 5),
      SNAPSHOT,
      { kind: 'given-up', blocks: [4, 5, 6] },
      flush(0, 1, 3, 5),
      { kind: 'repair', block: 0 },
      flush(2),
      { kind: 'repair', block: 3 },
      { kind: 'given-up', blocks: [7] },
      SETTLE,
    ],
  },
]

interface Moment {
  readonly storage: Storage
  /** Steps that were done and begun when the next effect came. */
  done: number
  begun: number
}

/** The models before each step and after the last. */
function modelsOf(steps: readonly VersionStep[]): VersionModel[] {
  const models = [new VersionModel()]
  for (const step of steps) models.push(models.at(-1)!.after(step))
  return models
}

async function record(steps: readonly VersionStep[], seed: number): Promise<Moment[]> {
  const scheduler = new Scheduler(seed)
  const storage = emptyStorage()
  const models = modelsOf(steps)
  const moments: Moment[] = []
  let done = 0
  let begun = 0
  const note = (): void => {
    const last = moments.at(-1)
    if (last !== undefined) Object.assign(last, { done, begun })
    moments.push({ storage: storage.fork(), done, begun })
  }
  let isMade = false
  const process = startProcess({ storage, scheduler, seed, onEffect: () => isMade && note() })
  const run = async (): Promise<void> => {
    await createVersionStore(process.disk, VERSIONS, UUID)
    await process.disk.syncDirectory('/data')
    isMade = true
    note()
    const store = await versionsOpened(process, () => models[done]!.checkpointLsn)
    for (const [i, step] of steps.entries()) {
      begun = i + 1
      await perform(store, models[i]!, step)
      done = i + 1
    }
    await store.close()
  }
  await scheduler.until(run(), { what: 'the run', limitMs: 600_000 })
  Object.assign(moments.at(-1)!, { done, begun })
  process.life.end()
  return moments
}

interface Judged {
  /** What is wrong with the store; undefined when nothing is. */
  readonly wrong: string | undefined
  /** The moments of its opening, and of what its user did then. */
  readonly moments: readonly Moment[]
}

/** Opens the store on `storage`, where steps were `done` and `begun`, and goes on with it. */
async function judge(
  storage: Storage,
  { done, begun }: Pick<Moment, 'done' | 'begun'>,
  steps: readonly VersionStep[],
): Promise<Judged> {
  const models = modelsOf(steps)
  const scheduler = new Scheduler(5)
  const moments: Moment[] = []
  let doneNow = done
  const note = (): void => {
    const last = moments.at(-1)
    if (last !== undefined) last.done = doneNow
    moments.push({ storage: storage.fork(), done: doneNow, begun })
  }
  const process: SimProcess = startProcess({ storage, scheduler, seed: 5, onEffect: note })
  let { checkpointLsn } = models[done]!
  const run = async (): Promise<string | undefined> => {
    const store: VersionStore = await versionsOpened(process, () => checkpointLsn)
    const bytesOfData = (): number => {
      const data = storage.lookup(`${VERSIONS}/000000`)
      return data === undefined ? 0 : storage.cacheOf(data).allocatedBytes
    }
    if (bytesOfData() > store.usage().dataBytes) return `the data file takes ${bytesOfData()} bytes at once`
    const found = await everything(store)
    const before = mismatch(models[done]!, found)
    const after = mismatch(models[begun]!, found)
    if (before !== undefined && after !== undefined) return `${before}; ${after}`
    // the user goes on: it repeats what was under way
    const step = steps[begun - 1]
    if (begun > done && step !== undefined) await perform(store, models[done]!, step)
    doneNow = begun
    const model = models[begun]!
    // past whatever was preserved, also for a history that was given up
    checkpointLsn = Number.MAX_SAFE_INTEGER
    store.collect(model.snapshots, model.headLsn)
    await store.settled()
    const kept = await everything(store)
    const wrong = mismatch(model, kept) ?? (await excess(model, store, kept))
    if (wrong !== undefined) return `after a collection: ${wrong}`
    const { dataBytes } = store.usage()
    const lists = storage.list(VERSIONS).filter((name) => name.endsWith('.list')).length
    if (lists !== (kept.size === 0 ? 0 : 1)) return `${lists} lists are left for ${kept.size} versions`
    if (bytesOfData() !== dataBytes) return `the data file takes ${bytesOfData()} bytes, of ${dataBytes}`
    await store.close()
    return undefined
  }
  const caught = (error: unknown): string => String(error)
  const wrong = await scheduler.until(run(), { what: 'the store', limitMs: 600_000 }).catch(caught)
  process.life.end()
  return { wrong, moments }
}

/** States after which the opening, and what follows it, is crashed again: one of so many. */
const AGAIN = 8

describe('a version store on every disk that a crash may leave', () => {
  it.each(RUNS)(
    'is as before or after the step that was under way: $name',
    async ({ steps }) => {
      const judged = new Set<string>()
      const judgeAll = async (moments: readonly Moment[], what: string, isAgain: boolean): Promise<void> => {
        for (const [index, moment] of moments.entries()) {
          const limits = isAgain ? REDUCED_LIMITS : LIMITS
          for (const state of crashStates(moment.storage, moments[index + 1]?.storage, limits)) {
            const storage = state.build()
            const key = `${storage.hash()} ${moment.done} ${moment.begun}`
            if (judged.has(key)) continue
            judged.add(key)
            const where = `${what}effect ${index} (step ${moment.begun}), ${state.label}`
            const isChosen = !isAgain && judged.size % AGAIN === 0
            const { wrong, moments: after } = await judge(storage, moment, steps)
            expect(wrong, where).toBeUndefined()
            if (isChosen) await judgeAll(after, `${where}, then `, true)
          }
        }
      }
      for (const seed of [11, 12]) await judgeAll(await record(steps, seed), `seed ${seed}, `, false)
      expect(judged.size).toBeGreaterThan(300)
    },
    120_000,
  )
})

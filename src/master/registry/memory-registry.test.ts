import { describe, expect, it } from 'vitest'
import { Life, SimClock } from '../../../test/sim/clock.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { codeOf } from '../../io/test-support.ts'
import { registryConformance } from './conformance.ts'
import { MemoryRegistry, MemoryStorage } from './memory-registry.ts'

function rig(seed = 1) {
  const scheduler = new Scheduler(seed)
  const random = new SeededRandom(seed)
  const storage = new MemoryStorage(random)
  const open = (isShared = false): MemoryRegistry =>
    new MemoryRegistry({
      storage,
      clock: new SimClock(scheduler, new Life()),
      random,
      delayMsMax: 10,
      isShared,
    })
  const run = <Result>(promise: Promise<Result>): Promise<Result> =>
    scheduler.until(promise, { what: 'the registry' })
  return { scheduler, storage, open, run }
}

let places = 0
registryConformance('in memory', async () => {
  const random = new SeededRandom(++places)
  const storage = new MemoryStorage(random)
  const clock = new SimClock(new Scheduler(1), new Life())
  return {
    open: async () => new MemoryRegistry({ storage, clock, random, delayMsMax: 0 }),
    remove: async () => storage.lose(),
  }
})

const write = (n: number) => ({ checks: [], writes: [{ key: `k/${n}`, value: { n } }] })

describe('the registry in memory', () => {
  it('takes virtual time for a commit', async () => {
    const { scheduler, open, run } = rig()
    const registry = open()
    for (let n = 0; n < 10; n++) await run(registry.commit(write(n)))
    expect(scheduler.nowMs).toBeGreaterThan(10)
    expect(registry.seq).toBe(10)
  })

  it('leaves some first part of what was underway at a crash, of any length, and answers nobody', async () => {
    const lengths = new Set<number>()
    for (let seed = 1; seed <= 100; seed++) {
      const { scheduler, storage, open } = rig(seed)
      const registry = open()
      let answered = 0
      for (let n = 0; n < 4; n++) {
        const count = (): void => {
          answered++
        }
        registry.commit(write(n)).then(count, count)
      }
      await scheduler.pass(seed % 25)
      registry.crash()
      const answeredAtCrash = answered
      const done = storage.read('').map(({ value }) => value.n)
      expect(done).toEqual([0, 1, 2, 3].slice(0, done.length))
      expect(done.length).toBeGreaterThanOrEqual(answered)
      await scheduler.pass(1000)
      expect(answered).toBe(answeredAtCrash)
      expect(storage.read('').length).toBe(done.length)
      lengths.add(done.length)
      open()
    }
    expect([...lengths].sort()).toEqual([0, 1, 2, 3, 4])
  })

  it('fails as it is told to, once for each time', async () => {
    const { storage, open, run } = rig()
    const registry = open()
    registry.failNext({ code: 'DISK' })
    registry.failNext({ code: 'TIMED_OUT', isDone: true })
    registry.failNext({ code: 'TIMED_OUT', isDone: false })
    expect(await run(codeOf(registry.commit(write(0))))).toBe('DISK')
    expect(await run(codeOf(registry.commit(write(1))))).toBe('TIMED_OUT')
    expect(await run(codeOf(registry.commit(write(2))))).toBe('TIMED_OUT')
    expect(await run(codeOf(registry.commit(write(3))))).toBe('no error')
    expect(storage.read('').map(({ key }) => key)).toEqual(['k/1', 'k/3'])
  })

  it('puts an old copy back, or becomes another registry', async () => {
    const { storage, open, run } = rig()
    const registry = open()
    await run(registry.commit(write(0)))
    const old = storage.snapshot()
    await run(registry.commit(write(1)))
    registry.crash()
    storage.restore(old)
    const restored = open()
    expect([restored.id, restored.seq]).toEqual([registry.id, 1])
    expect((await run(restored.read(''))).length).toBe(1)
    restored.crash()
    storage.lose()
    const another = open()
    expect(another.id).not.toBe(registry.id)
    expect([another.seq, await run(another.read(''))]).toEqual([0, []])
  })

  it('may be shared by several processes, whose transactions conflict', async () => {
    const { open, run } = rig()
    const [a, b] = [open(true), open(true)]
    const create = { checks: [{ key: 'k', revision: 0 }], writes: [{ key: 'k', value: {} }] }
    const outcomes = await run(Promise.all([a.commit(create), b.commit(create)]))
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['committed', 'conflict'])
    expect(a.seq).toBe(b.seq)
  })
})

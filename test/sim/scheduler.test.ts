import { describe, expect, it } from 'vitest'
import { Life, SimClock } from './clock.ts'
import { SeededRandom } from './random.ts'
import { Scheduler, StuckError } from './scheduler.ts'

/** Three chains of sleeps and yields; returns the order in which their steps ran. */
async function interleaving(seed: number): Promise<{ order: string; trace: string }> {
  const scheduler = new Scheduler(seed)
  const clock = new SimClock(scheduler, new Life())
  const order: string[] = []
  const chain = async (name: string): Promise<void> => {
    for (let i = 0; i < 4; i++) {
      await (i % 2 === 0 ? clock.yield() : clock.sleep(1))
      order.push(`${name}${i}`)
    }
  }
  await scheduler.until(Promise.all([chain('a'), chain('b'), chain('c')]), { what: 'the chains' })
  return { order: order.join(' '), trace: scheduler.traceHash }
}

describe('the scheduler', () => {
  it('replays a seed exactly, and orders events that are due together by it', async () => {
    const first = await interleaving(1)
    expect(await interleaving(1)).toEqual(first)
    const orders = new Set<string>()
    for (let seed = 1; seed <= 20; seed++) orders.add((await interleaving(seed)).order)
    expect(orders.size).toBeGreaterThan(15)
  })

  it('runs every microtask of an event before the next event', async () => {
    const scheduler = new Scheduler(3)
    const seen: string[] = []
    const done = new Promise<void>((resolve) => {
      scheduler.schedule('first', '', 1, () => {
        let chain = Promise.resolve()
        for (let i = 0; i < 50; i++) chain = chain.then(() => undefined)
        void chain.then(() => seen.push('microtasks of first'))
      })
      scheduler.schedule('second', '', 2, () => {
        seen.push('second')
        resolve()
      })
    })
    await scheduler.until(done, { what: 'both events' })
    expect(seen).toEqual(['microtasks of first', 'second'])
  })

  it('lets virtual time pass only between events', async () => {
    const scheduler = new Scheduler(4)
    const clock = new SimClock(scheduler, new Life())
    await scheduler.until(clock.sleep(3_600_000), { what: 'an hour', limitMs: 4_000_000 })
    expect(clock.monotonicMs()).toBe(3_600_000)
  })

  it('fails a wait that nothing can end, and says what is pending', async () => {
    const scheduler = new Scheduler(5)
    const never = new Promise<void>(() => undefined)
    await expect(scheduler.until(never, { what: 'a reply' })).rejects.toThrow(
      /a reply does not end: nothing is left/,
    )
    scheduler.schedule('timer', 'heartbeat', 1_000, () => undefined)
    await expect(scheduler.until(never, { what: 'a reply', limitMs: 10 })).rejects.toThrow(/timer heartbeat/)
  })

  it('hands an error of an event to everyone who waits', async () => {
    const scheduler = new Scheduler(6)
    scheduler.schedule('bad', '', 1, () => {
      throw new Error('broken')
    })
    const never = new Promise<void>(() => undefined)
    await expect(scheduler.until(never, { what: 'x' })).rejects.toThrow('broken')
    await expect(scheduler.until(never, { what: 'x' })).rejects.toBeInstanceOf(StuckError)
  })

  it('delivers nothing to a process that has ended', async () => {
    const scheduler = new Scheduler(7)
    const life = new Life()
    const clock = new SimClock(scheduler, life)
    let fired = false
    clock.after(1, () => {
      fired = true
    })
    life.end()
    await scheduler.pass(10)
    expect(fired).toBe(false)
  })
})

describe('seeded randomness', () => {
  it('replays a seed, and forks into streams of their own', () => {
    const draw = (random: SeededRandom): number[] => Array.from({ length: 8 }, () => random.u32())
    expect(draw(new SeededRandom(9))).toEqual(draw(new SeededRandom(9)))
    expect(draw(new SeededRandom(9))).not.toEqual(draw(new SeededRandom(10)))
    expect(draw(new SeededRandom(9).fork('a'))).not.toEqual(draw(new SeededRandom(9).fork('b')))
  })

  it('draws integers and weights within their bounds, about evenly', () => {
    const random = new SeededRandom(11)
    const counts = [0, 0, 0, 0, 0]
    for (let i = 0; i < 5_000; i++) counts[random.integer(5)]!++
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150)
    const weights = { rare: 1, common: 9 }
    let rare = 0
    for (let i = 0; i < 2_000; i++) if (random.weighted(weights) === 'rare') rare++
    expect(Math.abs(rare - 200)).toBeLessThan(70)
  })
})

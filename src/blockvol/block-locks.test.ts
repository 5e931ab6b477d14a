import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../test/sim/random.ts'
import { BlockLocks } from './block-locks.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('locks on ranges of blocks', () => {
  it('are never held by two whose ranges overlap, and everyone gets a turn', async () => {
    const random = new SeededRandom(3)
    const locks = new BlockLocks()
    const held = new Set<{ start: number; end: number }>()
    let done = 0
    const one = async (): Promise<void> => {
      const start = random.integer(40)
      const range = { start, end: start + 1 + random.integer(8) }
      const release = await locks.acquire(range.start, range.end)
      for (const other of held) {
        expect(range.start < other.end && other.start < range.end).toBe(false)
      }
      expect(locks.isFree(range.start, range.end)).toBe(false)
      held.add(range)
      for (let turns = random.integer(3); turns > 0; turns--) await turn()
      held.delete(range)
      release()
      release()
      done++
    }
    await Promise.all(Array.from({ length: 300 }, one))
    expect(done).toBe(300)
    expect(locks.isFree(0, 100)).toBe(true)
  })

  it('are given first come, first served: nobody passes one who waits for an overlapping range', async () => {
    const locks = new BlockLocks()
    const order: string[] = []
    const take = async (name: string, start: number, end: number): Promise<void> => {
      const release = await locks.acquire(start, end)
      order.push(name)
      await turn()
      release()
    }
    await Promise.all([take('a', 0, 4), take('b', 2, 8), take('c', 6, 9), take('d', 20, 21), take('e', 0, 1)])
    expect(order.slice(0, 2)).toEqual(['a', 'd'])
    expect(order.indexOf('b')).toBeLessThan(order.indexOf('c'))
    expect(order.indexOf('e')).toBeGreaterThan(order.indexOf('a'))
  })
})

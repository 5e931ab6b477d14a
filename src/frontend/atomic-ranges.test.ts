import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AtomicRanges } from './atomic-ranges.ts'

interface Access {
  readonly isWrite: boolean
  readonly start: number
  readonly length: number
}

const access = fc.record({ isWrite: fc.boolean(), start: fc.nat(12), length: fc.integer({ min: 1, max: 6 }) })
const collide = (a: Access, b: Access): boolean =>
  a.isWrite !== b.isWrite && a.start < b.start + b.length && b.start < a.start + a.length

it('reads and atomic writes that overlap are never under way together, in order of arrival, and all end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(access, fc.boolean()), { maxLength: 20 }),
      fc.scheduler(),
      async (given, scheduler) => {
        const ranges = new AtomicRanges()
        const underWay = new Set<Access>()
        const begun: Access[] = []
        const ends = given.map(([one, fails]) => {
          const action = async (): Promise<void> => {
            expect([...underWay].some((other) => collide(one, other))).toBe(false)
            underWay.add(one)
            begun.push(one)
            await scheduler.schedule(Promise.resolve())
            underWay.delete(one)
            if (fails) throw new Error('the disk')
          }
          const end = one.start + one.length
          return one.isWrite ? ranges.write(one.start, end, action) : ranges.read(one.start, end, action)
        })
        const settled = Promise.allSettled(ends)
        await scheduler.waitFor(settled)
        expect(begun).toHaveLength(given.length)
        const order = given.map(([one]) => one)
        for (const [i, later] of order.entries()) {
          for (const earlier of order.slice(0, i)) {
            if (collide(earlier, later)) expect(begun.indexOf(earlier)).toBeLessThan(begun.indexOf(later))
          }
        }
      },
    ),
  )
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LogIndex } from './log-index.ts'

const RING = 1000

describe('the index of the log', () => {
  it('knows what a list of all groups in the ring knows', () => {
    const steps = fc.array(
      fc.oneof(
        {
          weight: 12,
          arbitrary: fc.record({
            lsns: fc.integer({ min: 1, max: 5 }),
            bytes: fc.integer({ min: 1, max: 120 }),
          }),
        },
        { weight: 2, arbitrary: fc.record({ skip: fc.integer({ min: 1, max: 200 }) }) },
        { weight: 1, arbitrary: fc.record({ cut: fc.nat(20) }) },
      ),
      { maxLength: 120, size: 'max' },
    )
    fc.assert(
      fc.property(steps, (list) => {
        const index = new LogIndex(RING)
        let groups: { first: number; position: number }[] = []
        let [head, next] = [0, 1]
        for (const step of list) {
          if ('skip' in step) {
            head += step.skip
            index.reclaim(head)
          } else if ('cut' in step) {
            const above = Math.max(0, next - 1 - step.cut)
            index.cut(above)
            groups = groups.filter((group) => group.first <= above)
            next = above + 1
          } else {
            index.reclaim(head + step.bytes)
            index.add(next, head)
            groups.push({ first: next, position: head })
            next += step.lsns
            head += step.bytes
          }
          groups = groups.filter((group) => group.position >= head - RING)
          expect(index.firstLsn).toBe(groups[0]?.first)
          for (let lsn = Math.max(1, next - 60); lsn < next; lsn++) {
            expect(index.find(lsn)?.position).toBe(groups.findLast((group) => group.first <= lsn)?.position)
          }
        }
      }),
    )
  })

  it('keeps some thousand groups', () => {
    const index = new LogIndex(1e9)
    for (let i = 0; i < 5000; i++) index.add(i * 3 + 1, i * 8192)
    expect(index.firstLsn).toBe(1)
    expect(index.find(3)).toEqual({ firstLsn: 1, position: 0, nextLsn: 4 })
    expect(index.find(4)?.position).toBe(8192)
    expect(index.find(14_999)).toMatchObject({ position: 4999 * 8192, nextLsn: Number.POSITIVE_INFINITY })
    index.reclaim(1e9 + 512)
    index.add(20_000, 1e9)
    expect(index.firstLsn).toBe(4)
  })
})

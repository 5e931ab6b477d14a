import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Generation } from '../dirty/dirty-map.ts'
import { FlushPlan } from './flush-plan.ts'

const BLOCKS = 64
const BASE = 2 ** 33

interface Step {
  readonly kind: 'write' | 'trim' | 'pattern'
  readonly first: number
  readonly blocks: number
}

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom('write' as const, 'write' as const, 'trim' as const, 'pattern' as const),
    first: fc.nat(BLOCKS - 1).map((offset) => BASE + offset),
    blocks: fc.integer({ min: 1, max: 20 }),
  }),
  { maxLength: 40 },
)

/** The last step that touched each block is what the flush has to bring to the disk. */
function play(list: readonly Step[]): { generation: Generation; last: Map<number, Step & { lsn: number }> } {
  const generation = new Generation()
  const last = new Map<number, Step & { lsn: number }>()
  list.forEach(({ kind, first, blocks }, i) => {
    const lsn = i + 1
    const end = Math.min(BASE + BLOCKS, first + blocks)
    for (let block = first; block < end; block++) {
      if (kind === 'write') generation.putBlock(block, lsn, lsn * 100 + block, lsn)
      last.set(block, { kind, first, blocks, lsn })
    }
    if (kind !== 'write') {
      const patternPosition = kind === 'pattern' ? lsn * 100 : -1
      generation.putRange({
        start: first,
        end,
        lsn,
        patternPosition,
        patternChecksum: lsn,
        patternBlock: first,
        isTouched: false,
      })
    }
  })
  return { generation, last }
}

describe('the plan of a flush', () => {
  it('has content for exactly the blocks whose last change was a write', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const { generation, last } = play(list)
        const plan = new FlushPlan(generation)
        const written = [...plan.blocks]
        expect(written).toEqual([...written].sort((a, b) => a - b))
        const planned = new Map(written.map((block) => [block, plan.content(block)]))
        for (const [block, { kind, lsn }] of last) {
          if (kind === 'write') {
            const position = lsn * 100 + block
            expect(planned.get(block)).toEqual({ block, lsn, position, checksum: lsn, seedBlock: block })
            expect(plan.isContent(block)).toBe(true)
          } else {
            expect(planned.get(block)).toBeUndefined()
            expect(plan.isContent(block)).toBe(false)
            expect(plan.rangeOf(block)?.lsn).toBe(lsn)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('leaves to the ranges exactly the blocks whose last change was a range, each once', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const { generation, last } = play(list)
        const plan = new FlushPlan(generation)
        const covered = new Map<number, number>()
        for (const range of plan.ranges) {
          let end = range.start
          for (const part of plan.uncovered(range)) {
            expect(part.start).toBeGreaterThanOrEqual(end)
            expect(part.end).toBeGreaterThan(part.start)
            end = part.end
            for (let block = part.start; block < part.end; block++) {
              expect(covered.has(block)).toBe(false)
              covered.set(block, range.lsn)
            }
          }
          expect(end).toBeLessThanOrEqual(range.end)
        }
        const meant = [...last]
          .filter(([, { kind }]) => kind !== 'write')
          .map(([block, { lsn }]) => [block, lsn])
        expect([...covered].sort(([a], [b]) => a - b)).toEqual(meant.sort(([a], [b]) => a! - b!))
      }),
      { numRuns: 300 },
    )
  })

  it('costs nothing for a range of billions of blocks', () => {
    const generation = new Generation()
    generation.putBlock(2 ** 33, 1, 0, 0)
    generation.putRange({
      start: 0,
      end: 2 ** 34,
      lsn: 2,
      patternPosition: -1,
      patternChecksum: 0,
      patternBlock: 0,
      isTouched: false,
    })
    generation.putBlock(2 ** 32, 3, 0, 0)
    const plan = new FlushPlan(generation)
    expect([...plan.uncovered(plan.ranges[0]!)]).toEqual([
      { start: 0, end: 2 ** 32 },
      { start: 2 ** 32 + 1, end: 2 ** 34 },
    ])
    expect(plan.content(2 ** 33)).toBeUndefined()
    expect(plan.content(2 ** 32)?.lsn).toBe(3)
  })
})

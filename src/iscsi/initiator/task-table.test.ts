import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RESERVED_TAG } from '../pdu/opcodes.ts'
import { TaskTable } from './task-table.ts'

describe('TaskTable', () => {
  it('finds what is in it and nothing else, as a map does', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { maxLength: 300 }), (steps) => {
        const table = new TaskTable<object>()
        const model = new Map<number, object>()
        const gone: number[] = []
        for (const step of steps) {
          const tags = [...model.keys()]
          if (step % 2 === 0 || tags.length === 0) {
            const task = { step }
            const tag = table.add(task)
            expect(model.has(tag)).toBe(false)
            expect(tag).not.toBe(RESERVED_TAG)
            model.set(tag, task)
          } else {
            const tag = tags[step % tags.length]!
            table.remove(tag)
            model.delete(tag)
            gone.push(tag)
          }
          for (const [tag, task] of model) expect(table.get(tag)).toBe(task)
          for (const tag of gone) expect(table.get(tag)).toBeUndefined()
          expect(table.size).toBe(model.size)
          expect(new Set(table.values())).toEqual(new Set(model.values()))
        }
      }),
      { numRuns: 50 },
    )
  })

  it('finds nothing under tags that were never given', () => {
    const table = new TaskTable<object>()
    table.add({})
    expect([1, 0x10000, RESERVED_TAG].map((tag) => table.get(tag))).toEqual([undefined, undefined, undefined])
  })

  it('survives the wrap of a slot’s generation', () => {
    const table = new TaskTable<number>()
    for (let i = 0; i < 70_000; i++) {
      const tag = table.add(i)
      if (tag === RESERVED_TAG || table.get(tag) !== i) expect.fail(`use ${i}`)
      table.remove(tag)
    }
    expect(table.size).toBe(0)
  })
})

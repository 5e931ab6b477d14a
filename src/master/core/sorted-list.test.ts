import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compareTexts, SortedList } from './sorted-list.ts'

interface Item {
  readonly id: number
  readonly name: string
}
const compare = (a: Item, b: Item): number => compareTexts([a.name, a.id], [b.name, b.id])

it('keeps its order and what it lent, whatever is put in, renamed and removed', () => {
  const step = fc.record({ id: fc.nat(20), name: fc.string({ maxLength: 2 }), isRemove: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const list = new SortedList(compare)
      const model = new Map<number, Item>()
      const lent: (readonly [readonly Item[], readonly Item[]])[] = []
      for (const { id, name, isRemove } of steps) {
        const old = model.get(id)
        if (!isRemove) {
          const item = { id, name }
          list.put(old, item)
          model.set(id, item)
        } else if (old !== undefined) {
          list.remove(old)
          model.delete(id)
        }
        const expected = [...model.values()].sort(compare)
        expect(list.items()).toEqual(expected)
        expect(list.size).toBe(expected.length)
        lent.push([list.items(), expected])
      }
      for (const [items, expected] of lent) expect(items).toEqual(expected)
    }),
  )
})

it('refuses to replace what it does not have', () => {
  const list = new SortedList(compare)
  expect(() => list.remove({ id: 1, name: 'a' })).toThrow(/is in its list/)
  expect(() => list.put({ id: 1, name: 'a' }, { id: 1, name: 'b' })).toThrow(/is in its list/)
})

import { expect, it } from 'vitest'
import { ControllerIds } from './controller-ids.ts'

it('gives ids of its range, each again as late as can be', () => {
  const ids = new ControllerIds({ first: 11, last: 14, start: 6 })
  expect([ids.take(), ids.take()]).toEqual([13, 14])
  ids.giveBack(13)
  expect([ids.take(), ids.take(), ids.take(), ids.take()]).toEqual([11, 12, 13, undefined])
  ids.giveBack(12)
  expect(ids.take()).toBe(12)
})

import { describe, expect, it } from 'vitest'
import { testVolume } from '../core/test-support.ts'
import { freeSlot, withoutReplica, withReplica } from './volume-edits.ts'

const slotsOf = ({ replicas }: ReturnType<typeof testVolume>) =>
  Object.fromEntries(replicas.map(({ server, slot }) => [server, slot]))

describe('the slot of a replica', () => {
  it('is the lowest that no other has, and its own until it is gone', () => {
    const volume = testVolume(1, { replicas: [{ server: 'a', state: 'ready', slot: 0 }] })
    const three = withReplica(withReplica(volume, 'b', 'allocating'), 'c', 'allocating')
    expect(slotsOf(three)).toEqual({ a: 0, b: 1, c: 2 })
    const moving = withReplica(withReplica(three, 'b', 'leaving'), 'd', 'allocating')
    expect(slotsOf(moving)).toEqual({ a: 0, b: 1, c: 2, d: 3 })
    expect(slotsOf(withReplica(moving, 'd', 'ready'))).toEqual({ a: 0, b: 1, c: 2, d: 3 })
    expect(slotsOf(withReplica(withoutReplica(moving, 'b'), 'e', 'ready'))).toEqual({
      a: 0,
      c: 2,
      d: 3,
      e: 1,
    })
  })

  it('is one of 63', () => {
    const taken = Array.from({ length: 62 }, (_, slot) => ({ slot }))
    expect(freeSlot(taken)).toBe(62)
    expect(() => freeSlot([...taken, { slot: 62 }])).toThrow('fewer replicas')
  })
})

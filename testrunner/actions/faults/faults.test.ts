import { describe, expect, it } from 'vitest'
import { spread } from './corrupt.ts'
import { damageOf, forgetKilled, noteDamage } from './damage.ts'
import { parseFree } from './disk-fill.ts'
import { FAULTS } from './faults.ts'

describe('faults', () => {
  it('are what can be the fault of a scenario, and what ends them is not', () => {
    const ends = ['disk_free', 'heal', 'master_resume', 'server_resume']
    expect(
      FAULTS.filter(({ isFault }) => !isFault)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(ends)
  })

  it('read the room that df tells', () => {
    const stdout = '   1B-blocks      Avail\n   314572800  201326592\n'
    expect(parseFree(stdout)).toEqual({ totalBytes: 314_572_800, freeBytes: 201_326_592 })
    expect(parseFree('df: /nowhere: No such file or directory')).toBeUndefined()
  })

  it('spread over all blocks that there are', () => {
    expect(spread([1, 2, 3, 4, 5, 6], 3)).toEqual([1, 3, 5])
    expect(spread([1, 2], 3)).toEqual([1, 2])
    expect(spread([], 3)).toEqual([])
  })
})

describe('damage', () => {
  it('is remembered by kind, and a kill until its server runs again', () => {
    const world = { shared: new Map<string, unknown>() }
    noteDamage(world, 'killed', 's1')
    noteDamage(world, 'killed', 's2')
    noteDamage(world, 'corrupted', 's1')
    forgetKilled(world, 's1')
    expect([...damageOf(world, 'killed')]).toEqual(['s2'])
    expect([...damageOf(world, 'corrupted')]).toEqual(['s1'])
  })
})

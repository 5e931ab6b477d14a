import { beforeEach, describe, expect, it } from 'vitest'
import type { PathRole, VolumePaths } from '../../frontend/paths.ts'
import { PathTable } from './path-table.ts'

const pathsOf = (volume: string, name = volume, role: PathRole = 'active'): VolumePaths => ({
  volume,
  name,
  sizeBytes: 1 << 30,
  logicalBlockBytes: 512,
  isMultipath: false,
  initiators: null,
  hosts: null,
  paths: [{ server: 's1', slot: 0, role, iscsi: ['127.0.0.1:3260'], nvme: [] }],
})

describe('PathTable', () => {
  let table: PathTable
  let told: string[]

  beforeEach(() => {
    table = new PathTable()
    told = []
    table.subscribe({
      changed: ({ name, paths }) =>
        told.push(`${name}: ${paths?.volume ?? 'gone'} ${paths?.paths[0]?.role ?? ''}`),
      whole: (isWhole) => told.push(`whole: ${isWhole}`),
    })
  })
  const whole = (...volumes: VolumePaths[]): void =>
    table.apply({ isFirst: true, isLast: true, volumes, removed: [] })
  const delta = (volumes: VolumePaths[], removed: string[] = []): void =>
    table.apply({ isFirst: false, isLast: false, volumes, removed })
  const names = (): string[] => [...table.all()].map(({ name }) => name)

  it('is whole with the last chunk, not before', () => {
    expect(table.isWhole).toBe(false)
    table.apply({ isFirst: true, isLast: false, volumes: [pathsOf('a')], removed: [] })
    expect(table.isWhole).toBe(false)
    expect(table.get('a')?.volume).toBe('a')
    table.apply({ isFirst: false, isLast: true, volumes: [pathsOf('b')], removed: [] })
    expect(table.isWhole).toBe(true)
    expect(told).toEqual(['a: a active', 'b: b active', 'whole: true'])
    expect(table.get('c')).toBeUndefined()
  })

  it('tells only what is another, and takes changes one by one', () => {
    whole(pathsOf('a'), pathsOf('b'))
    told = []
    delta([pathsOf('a'), pathsOf('b', 'b', 'transitioning')])
    expect(told).toEqual(['b: b transitioning'])
    delta([], ['a', 'unheard-of'])
    expect(told.at(-1)).toBe('a: gone ')
    expect(names()).toEqual(['b'])
  })

  it('goes from one whole table to the next without forgetting what is in both', () => {
    whole(pathsOf('a'), pathsOf('b'), pathsOf('c'))
    told = []
    table.apply({ isFirst: true, isLast: false, volumes: [pathsOf('a')], removed: [] })
    expect(names()).toEqual(['a', 'b', 'c'])
    expect(told).toEqual(['whole: false'])
    table.apply({ isFirst: false, isLast: true, volumes: [pathsOf('c', 'c', 'standby')], removed: [] })
    expect(told).toEqual(['whole: false', 'c: c standby', 'b: gone ', 'whole: true'])
    expect(names()).toEqual(['a', 'c'])
  })

  it('forgets a table that was interrupted when the next one has come', () => {
    whole(pathsOf('a'))
    table.apply({ isFirst: true, isLast: false, volumes: [pathsOf('b')], removed: [] })
    table.interrupted()
    expect(table.isWhole).toBe(false)
    expect(names()).toEqual(['a', 'b'])
    table.apply({ isFirst: false, isLast: true, volumes: [], removed: [] })
    expect(table.isWhole, 'the end of a table that did not begin').toBe(false)
    table.apply({ isFirst: true, isLast: false, volumes: [pathsOf('a')], removed: [] })
    table.apply({ isFirst: false, isLast: true, volumes: [], removed: [] })
    expect(names()).toEqual(['a'])
    expect(table.isWhole).toBe(true)
  })

  it('keeps what it knows while nobody is heard, and then takes no name for unknown', () => {
    whole(pathsOf('a'))
    table.interrupted()
    expect(table.get('a')?.volume).toBe('a')
    expect(told.at(-1)).toBe('whole: false')
  })

  it('gives a name to the volume that has it now', () => {
    whole(pathsOf('a', 'data'))
    told = []
    delta([pathsOf('b', 'data')], ['a'])
    expect(told).toEqual(['data: b active'])
    delta([pathsOf('c', 'data')])
    expect(told.at(-1)).toBe('data: c active')
    expect(names()).toEqual(['data'])
    delta([pathsOf('c', 'other')])
    expect(told.slice(-2).sort()).toEqual(['data: gone ', 'other: c active'])
    expect(table.get('data')).toBeUndefined()
  })

  it('ends a subscription', () => {
    const end = table.subscribe({ changed: () => told.push('second'), whole: () => undefined })
    end()
    whole(pathsOf('a'))
    expect(told).not.toContain('second')
  })
})

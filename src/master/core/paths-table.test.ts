import { describe, expect, it } from 'vitest'
import type { VolumePaths } from '../../frontend/paths.ts'
import type { VolumeRecord } from '../records.ts'
import { type PathsMessage, PathsTable } from './paths-table.ts'
import { testUuid, testVolume } from './test-support.ts'
import { isSamePaths, type PathSources, pathsOfVolume } from './volume-paths.ts'

const VOLUME = testVolume(1)
const [A = '', B = '', C = ''] = VOLUME.replicas.map(({ server }) => server)

function sources(facts: { away?: readonly string[]; isServed?: boolean; gone?: string } = {}): PathSources {
  const { away = [], isServed = true, gone } = facts
  return {
    addresses: (server) =>
      server === gone ? undefined : { iscsi: [`${server.at(-1)}:3260`], nvme: [`${server.at(-1)}:4420`] },
    isConnected: (server) => !away.includes(server),
    isServed: () => isServed,
  }
}
const rolesOf = (volume: VolumeRecord, facts = {}): string | undefined =>
  pathsOfVolume(volume, sources(facts))
    ?.paths.map(({ slot, role }) => `${slot} ${role}`)
    .join(', ')

describe('the paths of a volume', () => {
  it('follow who leads and who is connected', () => {
    expect(rolesOf(VOLUME)).toBe('0 active, 1 standby, 2 standby')
    expect(rolesOf(VOLUME, { away: [C] })).toBe('0 active, 1 standby, 2 unavailable')
    expect(rolesOf(VOLUME, { isServed: false })).toBe('0 transitioning, 1 transitioning, 2 transitioning')
    expect(rolesOf(VOLUME, { isServed: false, away: [A] })).toBe(
      '0 unavailable, 1 transitioning, 2 transitioning',
    )
    // what the old primary said counts for nothing once a new epoch is sealed
    const sealing = { ...VOLUME, lead: { ...VOLUME.lead, state: 'sealing' as const } }
    expect(rolesOf(sealing)).toBe('0 transitioning, 1 transitioning, 2 transitioning')
  })

  it('are those of replicas that are made, in the order of their slots', () => {
    const replicas = [
      { server: A, state: 'leaving', slot: 4 },
      { server: B, state: 'allocating', slot: 0 },
      { server: C, state: 'ready', slot: 2 },
    ] as const
    expect(rolesOf({ ...VOLUME, replicas })).toBe('2 standby, 4 active')
    expect(rolesOf({ ...VOLUME, replicas }, { gone: A })).toBe('2 standby')
    expect(rolesOf({ ...VOLUME, replicas: replicas.slice(1, 2) })).toBeUndefined()
    expect(rolesOf({ ...VOLUME, state: 'deleting' })).toBeUndefined()
  })

  it('differ when hosts would be told something else', () => {
    const before = pathsOfVolume(VOLUME, sources())!
    const access = { ...VOLUME.access, hosts: ['nqn.a'] }
    const others: VolumeRecord[] = [
      { ...VOLUME, access },
      { ...VOLUME, access: { ...access, initiators: [] } },
      { ...VOLUME, isMultipath: true },
      { ...VOLUME, sizeBytes: 2 * VOLUME.sizeBytes },
      { ...VOLUME, name: 'renamed' },
      { ...VOLUME, replicas: VOLUME.replicas.slice(1) },
    ]
    for (const other of others) expect(isSamePaths(before, pathsOfVolume(other, sources())!)).toBe(false)
    expect(
      isSamePaths(before, pathsOfVolume({ ...VOLUME, qos: { ...VOLUME.qos, iops: 7 } }, sources())!),
    ).toBe(true)
    expect(isSamePaths(before, pathsOfVolume(VOLUME, sources({ away: [B] }))!)).toBe(false)
  })
})

/** What a server has when it has heard these. */
function heard(messages: readonly PathsMessage[], before = new Map<string, VolumePaths>()) {
  let table = new Map(before)
  for (const { isFirst, volumes, removed } of messages) {
    if (isFirst) table = new Map()
    for (const volume of removed) table.delete(volume)
    for (const paths of volumes) table.set(paths.volume, paths)
  }
  return table
}

describe('the table of paths', () => {
  const paths = (n: number, different: Partial<VolumeRecord> = {}): VolumePaths =>
    pathsOfVolume(testVolume(n, different), sources())!

  it('is told whole in chunks, the first and the last marked', () => {
    const table = new PathsTable()
    expect(table.whole()).toMatchObject([{ isFirst: true, isLast: true, volumes: [] }])
    for (let n = 0; n < 600; n++) table.note(testUuid(n), paths(n))
    table.takeChanges()
    const whole = table.whole()
    expect(whole.map(({ volumes }) => volumes.length)).toEqual([256, 256, 88])
    expect(whole.map(({ isFirst, isLast }) => [isFirst, isLast])).toEqual([
      [true, false],
      [false, false],
      [false, true],
    ])
    expect(heard(whole).size).toBe(600)
  })

  it('keeps messages small when volumes name many hosts', () => {
    const table = new PathsTable()
    const hosts = Array.from({ length: 1000 }, (_, n) => `nqn.2014-08.org.nvmexpress:${n}`.padEnd(200, 'x'))
    for (let n = 0; n < 5; n++) {
      table.note(testUuid(n), paths(n, { access: { ...VOLUME.access, hosts } }))
    }
    expect(table.takeChanges().map(({ volumes }) => volumes.length)).toEqual([1, 1, 1, 1, 1])
  })

  it('tells what changed once, and nothing of what changed back', () => {
    const table = new PathsTable()
    table.note(testUuid(1), paths(1))
    expect(table.takeChanges()).toMatchObject([{ isFirst: false, isLast: false, removed: [] }])
    expect(table.takeChanges()).toEqual([])
    table.note(testUuid(1), paths(1))
    table.note(testUuid(2), null)
    expect(table.takeChanges()).toEqual([])
    table.note(testUuid(1), paths(1, { isMultipath: true }))
    table.note(testUuid(1), paths(1))
    expect(table.takeChanges()).toEqual([])
    table.note(testUuid(1), null)
    table.note(testUuid(3), paths(3, { name: testVolume(1).name }))
    const changes = table.takeChanges()
    // the name is free before another volume has it
    expect(changes.map(({ removed, volumes }) => [removed.length, volumes.length])).toEqual([
      [1, 0],
      [0, 1],
    ])
    expect([...heard(changes, new Map([[testUuid(1), paths(1)]])).keys()]).toEqual([testUuid(3)])
  })
})

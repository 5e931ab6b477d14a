import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GIB, MIB } from '../../base/units.ts'
import { type Holders, rejectionOf } from './filters.ts'
import { needOf, place, placeOneMore } from './place.ts'
import type { PlacementServer } from './servers.ts'
import { DEFAULT_PLACEMENT as settings } from './settings.ts'
import { aServer, aVolume, someServers, someWish } from './testing.ts'
import { rackOf, zoneOf } from './topology.ts'

const reasons = (servers: PlacementServer[], volume = aVolume(1)): Record<string, string> =>
  Object.fromEntries(
    place(volume, servers, settings).plan.rejections.map(({ server, reason }) => [server, reason]),
  )

describe('placement refuses a server that', () => {
  it.each([
    ['not_connected', { isConnected: false }],
    ['draining', { isDraining: true }],
    ['cordoned', { isCordoned: true }],
    ['disk_type_mismatch', { diskType: 'hdd' }],
    ['zone_not_allowed', { zone: 'b' }],
    ['zone_not_allowed', { zone: null }],
    ['insufficient_space', { allocatedBytes: 195 * GIB }],
    ['insufficient_space', { freeBytes: 5 * GIB }],
    ['insufficient_space', { capacityBytes: 0, freeBytes: 0 }],
  ] as const)('%s %o', (reason, facts) => {
    const servers = [aServer('1', { zone: 'a', ...facts }), aServer('2', { zone: 'a' })]
    const volume = aVolume(1, { wish: { zones: ['a'], diskType: 'ssd' } })
    expect(reasons(servers, volume)).toEqual({ 1: reason })
  })

  it('has not the space: the very last byte that fits is taken', () => {
    const volume = aVolume(1, { sizeBytes: 10 * GIB, logBytes: 64 * MIB })
    const needed = 10 * GIB + 64 * MIB
    const full = (allocatedBytes: number) => reasons([aServer('1', { allocatedBytes })], volume)
    expect(full(200 * GIB - needed)).toEqual({})
    expect(full(200 * GIB - needed + 1)).toEqual({ 1: 'insufficient_space' })
    const free = (freeBytes: number) => reasons([aServer('1', { freeBytes })], volume)
    expect(free(5 * GIB + 64 * MIB)).toEqual({})
    expect(free(5 * GIB + 64 * MIB - 1)).toEqual({ 1: 'insufficient_space' })
  })

  it('is in a zone or rack where the volume has a replica, when the spread is required', () => {
    const servers = [
      aServer('1', { zone: 'a', rack: 'r1' }),
      aServer('2', { zone: 'a', rack: 'r2', replicas: 1 }),
      aServer('3', { zone: 'b', rack: 'r1', replicas: 2 }),
    ]
    const zones = place(aVolume(2, { wish: { zoneSpread: 'required' } }), servers, settings)
    expect(zones.plan).toMatchObject({ primary: '1', replicas: ['1', '3'] })
    expect(zones.plan.rejections).toMatchObject([{ server: '2', reason: 'zone_taken' }])
    const racks = place(aVolume(3, { wish: { rackSpread: 'required' } }), servers, settings)
    expect(racks.errors).toEqual([])
    const same = servers.map((server) => ({ ...server, zone: 'a', rack: 'r1' }))
    const none = place(aVolume(2, { wish: { rackSpread: 'required' } }), same, settings)
    expect(none.plan.rejections.map(({ reason }) => reason)).toEqual(['rack_taken', 'rack_taken'])
  })
})

describe('placement takes', () => {
  it('another zone before another rack before the preferred disks before room', () => {
    const first = aServer('1', { zone: 'a', rack: 'r1', diskType: 'nvme' })
    const chosenBeside = (...others: PlacementServer[]) =>
      placeOneMore(
        aVolume(2, { preset: 'database' }),
        [first, ...others],
        { holding: ['1'], leaving: [] },
        settings,
      ).server
    const sameRack = aServer('2', { zone: 'a', rack: 'r1', diskType: 'nvme' })
    const sameZone = aServer('3', { zone: 'a', rack: 'r2', diskType: 'hdd' })
    const farFull = aServer('4', { zone: 'b', diskType: 'hdd', allocatedBytes: 180 * GIB, replicas: 90 })
    const farEmpty = aServer('5', { zone: 'b', diskType: 'hdd' })
    const farSsd = aServer('6', { zone: 'b', diskType: 'ssd', allocatedBytes: 180 * GIB })
    expect(chosenBeside(sameRack, sameZone)).toBe('3')
    expect(chosenBeside(sameRack, sameZone, farFull)).toBe('4')
    expect(chosenBeside(farFull, farEmpty)).toBe('5')
    expect(chosenBeside(farFull, farEmpty, farSsd)).toBe('6')
  })

  it('for the primary the server that leads least, and the lesser id among equals', () => {
    const servers = [
      aServer('1', { primaries: 3 }),
      aServer('2', { primaries: 2 }),
      aServer('3', { primaries: 2 }),
    ]
    expect(place(aVolume(3), servers, settings).plan).toMatchObject({
      primary: '2',
      replicas: ['2', '3', '1'],
    })
    expect(place(aVolume(2), [aServer('b'), aServer('a')], settings).plan.replicas).toEqual(['a', 'b'])
  })

  it('servers in turn when volume after volume is made', () => {
    let servers = ['1', '2', '3', '4'].map((id) => aServer(id))
    const volume = aVolume(2, { sizeBytes: GIB })
    for (let i = 0; i < 40; i++) {
      const { plan } = place(volume, servers, settings)
      servers = servers.map((server) =>
        plan.replicas.includes(server.id)
          ? {
              ...server,
              allocatedBytes: server.allocatedBytes + needOf(volume).footprintBytes,
              replicas: server.replicas + 1,
              primaries: server.primaries + Number(plan.primary === server.id),
            }
          : server,
      )
    }
    expect(servers.map(({ replicas }) => replicas)).toEqual([20, 20, 20, 20])
    for (const { primaries } of servers) expect(Math.abs(primaries - 10)).toBeLessThanOrEqual(1)
  })
})

describe('too few servers', () => {
  const two = [aServer('1'), aServer('2'), aServer('3', { isCordoned: true })]
  it('are an error where writes need them all, and a warning in best_effort', () => {
    expect(place(aVolume(3), two, settings)).toMatchObject({
      plan: { primary: '1', replicas: ['1', '2'] },
      errors: [
        { code: 'rf_not_satisfiable', message: '3 replicas are asked for, and 2 can be placed (1 cordoned)' },
      ],
    })
    const policy = { replicaFactor: 3, mode: { kind: 'best_effort', maxLagEntries: 1, maxLagMs: 1 } } as const
    const lenient = place(aVolume(3, { policy }), two, settings)
    expect(lenient.errors).toEqual([])
    expect(lenient.warnings).toMatchObject([{ code: 'rf_not_satisfiable' }])
  })

  it('none at all leave no primary', () => {
    for (const servers of [[], [aServer('3', { isCordoned: true })]]) {
      const { plan, errors } = place(aVolume(1), servers, settings)
      expect(plan).toMatchObject({ primary: null, replicas: [] })
      expect(errors).toMatchObject([{ code: 'no_viable_primary' }])
    }
  })
})

describe('one more replica', () => {
  const servers = [
    aServer('1', { zone: 'a' }),
    aServer('2', { zone: 'b' }),
    aServer('3', { zone: 'b' }),
    aServer('4', { zone: 'c', replicas: 9 }),
  ]
  const volume = aVolume(2, { wish: { zoneSpread: 'required' } })
  it('may go to the zone of the one that leaves, and never to a server that has one', () => {
    const beside = (holding: string[], leaving: string[]) =>
      placeOneMore(volume, servers, { holding, leaving }, settings)
    expect(beside(['1', '2'], ['2']).server).toBe('3')
    expect(beside(['1', '2'], []).server).toBe('4')
    const none = beside(['1', '2', '4'], ['1'])
    expect(none.server).toBeNull()
    expect(none.errors).toMatchObject([{ code: 'rf_not_satisfiable' }])
    expect(none.plan.rejections.map(({ reason }) => reason)).toEqual([
      'has_replica',
      'has_replica',
      'zone_taken',
      'has_replica',
    ])
  })
})

describe('for any servers and any wish', () => {
  const cases = fc.record({
    servers: someServers(8),
    wish: someWish,
    replicaFactor: fc.integer({ min: 1, max: 5 }),
    preset: fc.constantFrom('general' as const, 'database' as const),
  })

  it('what is chosen passes every filter, and as many are chosen as any choice could give', () => {
    fc.assert(
      fc.property(cases, ({ servers, wish, replicaFactor, preset }) => {
        const volume = aVolume(replicaFactor, { wish, preset })
        const { plan } = place(volume, servers, settings)
        const chosen = plan.replicas.map((id) => servers.find((server) => server.id === id)!)
        expect(new Set(plan.replicas).size).toBe(plan.replicas.length)
        for (const server of chosen) {
          const staying = chosen.filter((other) => other !== server)
          const holders: Holders = { all: new Set(staying.map(({ id }) => id)), staying }
          expect(rejectionOf(server, needOf(volume), holders, settings)).toBeUndefined()
        }
        const able = servers.filter((server) => plan.candidates.some((one) => one.server === server.id))
        const kinds =
          wish.zoneSpread === 'required' ? zoneOf : wish.rackSpread === 'required' ? rackOf : undefined
        const most = kinds === undefined ? able.length : new Set(able.map(kinds)).size
        expect(chosen.length).toBe(Math.min(replicaFactor, most))
        expect(plan.primary === null).toBe(chosen.length === 0)
      }),
      { numRuns: 500 },
    )
  })

  it('each server is a candidate or rejected, and the order of the facts changes nothing', () => {
    fc.assert(
      fc.property(cases, ({ servers, wish, replicaFactor, preset }) => {
        const volume = aVolume(replicaFactor, { wish, preset })
        const placed = place(volume, servers, settings)
        const named = [...placed.plan.candidates, ...placed.plan.rejections].map(({ server }) => server)
        expect([...new Set(named)].sort()).toEqual(servers.map(({ id }) => id))
        expect(place(volume, servers.toReversed(), settings)).toEqual(placed)
      }),
      { numRuns: 300 },
    )
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GIB } from '../../base/units.ts'
import type { RebalanceMove } from '../master-api.ts'
import type { VolumeRecord } from '../records.ts'
import { rejectionOf } from './filters.ts'
import type { MoveFacts } from './moves.ts'
import { needOf } from './place.ts'
import { planRebalance } from './rebalance.ts'
import { footprintBytes, type PlacementServer } from './servers.ts'
import { DEFAULT_PLACEMENT } from './settings.ts'
import { aRecord, aServer, someWish } from './testing.ts'
import { rackOf, zoneOf } from './topology.ts'

const settings = { ...DEFAULT_PLACEMENT, movesMax: 1000 }
const used = (): number => GIB

/** The servers with what the volumes put on them. */
const cluster = (volumes: readonly VolumeRecord[], bare: readonly PlacementServer[]): MoveFacts => ({
  volumes,
  servers: bare.map((server) => {
    const on = volumes.filter(({ replicas }) => replicas.some((replica) => replica.server === server.id))
    return {
      ...server,
      allocatedBytes: on.reduce((sum, volume) => sum + footprintBytes(volume), 0),
      freeBytes: server.freeBytes - on.length * used(),
      replicas: on.length,
      primaries: on.filter(({ lead }) => lead.primary === server.id).length,
    }
  }),
  isMovable: () => true,
  usedBytes: used,
})

/** What the cluster is after the moves; each must be allowed where it is made. */
function carryOut(
  facts: MoveFacts,
  moves: readonly RebalanceMove[],
  bare: readonly PlacementServer[],
): MoveFacts {
  let now = facts
  for (const { kind, volume: uuid, from, to } of moves) {
    const volume = now.volumes.find((one) => one.uuid === uuid)!
    const holders = volume.replicas.map(({ server }) => server)
    expect(holders).toContain(from)
    if (kind === 'lead') {
      expect(volume.lead.primary).toBe(from)
      expect(holders).toContain(to)
    } else {
      const staying = now.servers.filter(({ id }) => id !== from && holders.includes(id))
      const need = needOf({ ...volume, usedBytes: used() })
      const target = now.servers.find(({ id }) => id === to)!
      expect(rejectionOf(target, need, { all: new Set(holders), staying }, settings)).toBeUndefined()
    }
    const next = kind === 'lead' ? holders : holders.map((server) => (server === from ? to : server))
    const primary = kind === 'lead' || volume.lead.primary === from ? to : volume.lead.primary
    const lead = { ...volume.lead, primary, set: { ...volume.lead.set, members: next } }
    const replicas = next.map((server, slot) => ({ server, state: 'ready' as const, slot }))
    const volumes = now.volumes.map((one) => (one === volume ? { ...volume, replicas, lead } : one))
    now = cluster(volumes, bare)
  }
  return now
}

const ids = ['a', 'b', 'c', 'd', 'e']
const empty = (...names: string[]): PlacementServer[] => names.map((id) => aServer(id))
const twenty = Array.from({ length: 20 }, (_, i) =>
  aRecord(`v${String(i).padStart(2, '0')}`, [ids[i % 3]!, ids[(i + 1) % 3]!], { sizeBytes: GIB }),
)

describe('rebalance', () => {
  it('fills a server that joined, and gives it its share of the leads', () => {
    const bare = empty('a', 'b', 'c', 'd')
    const facts = cluster(twenty, bare)
    const moves = planRebalance(facts, settings)
    expect(moves.filter(({ kind }) => kind === 'replica')).toHaveLength(10)
    const after = carryOut(facts, moves, bare)
    expect(after.servers.map(({ replicas }) => replicas)).toEqual([10, 10, 10, 10])
    for (const { primaries } of after.servers) expect(Math.abs(primaries - 5)).toBeLessThanOrEqual(1)
    expect(moves.every(({ to, kind }) => kind === 'lead' || to === 'd')).toBe(true)
  })

  it('fills in proportion to capacity', () => {
    const bare = [
      aServer('a'),
      aServer('b'),
      aServer('c'),
      aServer('d', { capacityBytes: 200 * GIB, freeBytes: 200 * GIB }),
    ]
    const after = carryOut(cluster(twenty, bare), planRebalance(cluster(twenty, bare), settings), bare)
    expect(after.servers.map(({ replicas }) => replicas)).toEqual([8, 8, 8, 16])
  })

  it('moves no volume that is not in order, none to a cordoned server, and not more than it may', () => {
    const facts = cluster(twenty, empty('a', 'b', 'c', 'd'))
    expect(planRebalance({ ...facts, isMovable: () => false }, settings)).toEqual([])
    const cordoned = facts.servers.map((server) => ({ ...server, isCordoned: server.id === 'd' }))
    expect(planRebalance({ ...facts, servers: cordoned }, settings).filter(({ to }) => to === 'd')).toEqual(
      [],
    )
    expect(planRebalance(facts, { ...settings, movesMax: 3 })).toEqual(
      planRebalance(facts, settings).slice(0, 3),
    )
  })

  it('moves nothing where all is even, or nothing is', () => {
    expect(planRebalance(cluster([], empty('a', 'b')), settings)).toEqual([])
    expect(planRebalance(cluster([], []), settings)).toEqual([])
    expect(planRebalance(cluster([aRecord('v', ['a'])], empty('a', 'b')), settings)).toEqual([])
  })
})

const cases = fc
  .record({
    servers: fc.array(
      fc.record({
        zone: fc.constantFrom(null, 'a', 'b', 'c'),
        rack: fc.constantFrom(null, 'r1', 'r2'),
        diskType: fc.constantFrom('ssd' as const, 'nvme' as const),
        isCordoned: fc.integer({ min: 0, max: 6 }).map((n) => n === 0),
        isDraining: fc.integer({ min: 0, max: 6 }).map((n) => n === 0),
        capacityBytes: fc.integer({ min: 20, max: 200 }).map((n) => n * GIB),
      }),
      { minLength: 2, maxLength: 6 },
    ),
    volumes: fc.array(
      fc.record({
        first: fc.nat(5),
        copies: fc.integer({ min: 1, max: 3 }),
        gib: fc.integer({ min: 1, max: 20 }),
        wish: someWish,
        preset: fc.constantFrom('general' as const, 'database' as const),
      }),
      { maxLength: 25 },
    ),
  })
  .map(({ servers, volumes }) => {
    const bare = servers.map((facts, i) =>
      aServer(ids[i] ?? 'f', { ...facts, freeBytes: facts.capacityBytes }),
    )
    const records = volumes.map(({ first, copies, gib, wish, preset }, i) => {
      const on = Array.from(
        { length: Math.min(copies, bare.length) },
        (_, n) => bare[(first + n) % bare.length]!.id,
      )
      const placement = { ...wish, diskType: null, zones: [] }
      return aRecord(`v${String(i).padStart(2, '0')}`, on, { sizeBytes: gib * GIB, placement, preset })
    })
    return { bare, facts: cluster(records, bare) }
  })

const sharing = (facts: MoveFacts, of: (server: PlacementServer) => string): number[] =>
  facts.volumes.map(({ replicas }) => {
    const places = replicas.map(({ server }) => of(facts.servers.find(({ id }) => id === server)!))
    return places.length - new Set(places).size
  })

describe('for any cluster, a rebalance', () => {
  it('is possible step by step, ends, spreads no volume worse, and leaves nothing for the next one', () => {
    fc.assert(
      fc.property(cases, ({ bare, facts }) => {
        const moves = planRebalance(facts, settings)
        expect(moves.length).toBeLessThan(settings.movesMax)
        const after = carryOut(facts, moves, bare)
        expect(planRebalance(after, settings)).toEqual([])
        for (const placeOf of [zoneOf, rackOf]) {
          const before = sharing(facts, placeOf)
          for (const [i, count] of sharing(after, placeOf).entries())
            expect(count).toBeLessThanOrEqual(before[i]!)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('makes no server fuller than the fullest was', () => {
    const fullest = ({ servers }: MoveFacts): number =>
      Math.max(...servers.map(({ allocatedBytes, capacityBytes }) => allocatedBytes / capacityBytes))
    fc.assert(
      fc.property(cases, ({ bare, facts }) => {
        const after = carryOut(facts, planRebalance(facts, settings), bare)
        expect(fullest(after)).toBeLessThanOrEqual(fullest(facts))
      }),
      { numRuns: 100 },
    )
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GIB } from '../../base/units.ts'
import {
  planReplacements,
  type ReplacementFacts,
  type ReplacementPlan,
  type ReplacementServer,
} from './replace.ts'
import { DEFAULT_PLACEMENT as settings } from './settings.ts'
import { aRecord, aServer } from './testing.ts'

const MINUTE = 60_000
const here = (id: string, facts: Partial<ReplacementServer> = {}): ReplacementServer => ({
  ...aServer(id),
  state: 'active',
  awayMs: null,
  ...facts,
})
const away = (id: string, awayMs: number, facts: Partial<ReplacementServer> = {}): ReplacementServer =>
  here(id, { awayMs, isConnected: false, ...facts })

const plan = (facts: Partial<ReplacementFacts>): ReplacementPlan =>
  planReplacements(
    {
      volumes: [aRecord('v', ['a', 'b'])],
      servers: [],
      busy: new Set(),
      running: 0,
      isServing: () => true,
      usedBytes: () => GIB,
      ...facts,
    },
    settings,
  )
const reasons = (facts: Partial<ReplacementFacts>): string[] =>
  plan(facts).waiting.map(({ reason }) => reason)

describe('a lost replica', () => {
  const rest = [here('a'), here('c'), here('d', { replicas: 3 })]
  it('is replaced after the grace period, at the best place', () => {
    expect(plan({ servers: [...rest, away('b', 10 * MINUTE)] })).toEqual({
      replacements: [{ volume: 'v', lost: 'b', to: 'c' }],
      waiting: [],
    })
    expect(plan({ servers: [...rest, away('b', 10 * MINUTE - 1)] })).toMatchObject({
      replacements: [],
      waiting: [
        {
          volume: 'v',
          lost: 'b',
          reason: 'grace_period',
          message: 'host-b is away and is waited for: 1 s more',
        },
      ],
    })
  })

  it('of a server that said goodbye is waited for as well, of one in maintenance for ever', () => {
    expect(plan({ servers: [...rest, away('b', 20 * MINUTE, { state: 'left' })] }).replacements).toHaveLength(
      1,
    )
    const inMaintenance = here('b', { isConnected: false, state: 'maintenance' })
    expect(plan({ servers: [...rest, inMaintenance] })).toEqual({ replacements: [], waiting: [] })
  })

  it('of a server that an operator removed is replaced at once, whatever else is away', () => {
    expect(plan({ servers: [here('a'), here('c'), away('d', 1), away('e', 1)] }).replacements).toEqual([
      { volume: 'v', lost: 'b', to: 'c' },
    ])
  })

  it('waits, with a reason', () => {
    const servers = [...rest, away('b', 20 * MINUTE)]
    expect(reasons({ servers: [here('a'), here('c'), away('d', 0), away('b', 20 * MINUTE)] })).toEqual([
      'too_many_away',
    ])
    expect(reasons({ servers, busy: new Set(['v']) })).toEqual(['job_running'])
    expect(reasons({ servers, isServing: () => false })).toEqual(['no_primary'])
    expect(reasons({ servers, running: 4 })).toEqual(['replacements_full'])
    expect(
      reasons({ servers: [here('a'), here('c', { isCordoned: true }), away('b', 20 * MINUTE)] }),
    ).toEqual(['rf_not_satisfiable'])
    const replicas = [
      { server: 'a', state: 'ready', slot: 0 },
      { server: 'b', state: 'ready', slot: 1 },
      { server: 'c', state: 'allocating', slot: 2 },
    ] as const
    expect(reasons({ servers, volumes: [aRecord('v', ['a', 'b'], { replicas })] })).toEqual(['job_running'])
  })

  it('may be replaced when exactly a third of the servers is away', () => {
    expect(plan({ servers: [here('a'), here('c'), away('b', 10 * MINUTE)] }).replacements).toHaveLength(1)
  })

  it('that is leaving already is not waited for, and its place is not taken', () => {
    const replicas = [
      { server: 'a', state: 'ready', slot: 0 },
      { server: 'b', state: 'leaving', slot: 1 },
    ] as const
    const volumes = [aRecord('v', ['a', 'b'], { replicas })]
    expect(plan({ volumes, servers: [here('a'), here('b'), here('c')] }).replacements).toEqual([
      { volume: 'v', lost: null, to: 'c' },
    ])
  })
})

describe('many lost replicas', () => {
  it('are replaced a few at a time, the volumes with the fewest copies first', () => {
    const three = Array.from({ length: 5 }, (_, i) => aRecord(`v${i}`, ['a', 'b', 'c']))
    const volumes = [...three, aRecord('x', ['b', 'a'])]
    const servers = [here('a'), away('b', 11 * MINUTE), here('c'), here('d'), here('e')]
    const { replacements, waiting } = plan({ volumes, servers, running: 1 })
    expect(replacements.map(({ volume, to }) => [volume, to])).toEqual([
      ['x', 'c'],
      ['v0', 'd'],
      ['v1', 'e'],
    ])
    expect(waiting.map(({ reason }) => reason)).toEqual(Array.from({ length: 3 }, () => 'replacements_full'))
  })

  it('of one volume are replaced one at a time, the one away for longest first', () => {
    const volumes = [aRecord('v', ['a', 'b', 'c'])]
    const servers = [
      here('a'),
      away('b', 11 * MINUTE),
      away('c', 12 * MINUTE),
      ...['d', 'e', 'f', 'g'].map((id) => here(id)),
    ]
    expect(plan({ volumes, servers }).replacements).toEqual([{ volume: 'v', lost: 'c', to: 'd' }])
  })

  it('never, while more than a third is away, and never more than may run', () => {
    const someServer = fc.record({ awayMs: fc.option(fc.nat(30 * MINUTE)), isCordoned: fc.boolean() })
    const cases = fc.tuple(
      fc.array(someServer, { minLength: 1, maxLength: 8 }),
      fc.nat(6),
      fc.array(fc.nat(7), { maxLength: 12 }),
    )
    fc.assert(
      fc.property(cases, ([all, running, firsts]) => {
        const servers = all.map(({ awayMs, isCordoned }, i) =>
          here(`s${i}`, { awayMs, isCordoned, isConnected: awayMs === null }),
        )
        const volumes = firsts.map((first, i) => {
          const on = [first % all.length, (first + 1) % all.length].map((n) => `s${n}`)
          return aRecord(`v${String(i).padStart(2, '0')}`, [...new Set(on)])
        })
        const { replacements, waiting } = plan({ volumes, servers, running })
        const gone = servers.filter(({ awayMs }) => awayMs !== null).length
        if (gone * 3 > servers.length) expect(replacements).toEqual([])
        expect(running + replacements.length).toBeLessThanOrEqual(Math.max(running, settings.replacementsMax))
        const named = [...replacements, ...waiting].map(({ volume }) => volume)
        expect(new Set(named).size).toBe(named.length)
        for (const { lost, to } of replacements) {
          expect(servers.find(({ id }) => id === to)).toMatchObject({ awayMs: null, isCordoned: false })
          expect(servers.find(({ id }) => id === lost)?.awayMs).toBeGreaterThanOrEqual(settings.lostAfterMs)
        }
      }),
      { numRuns: 500 },
    )
  })
})

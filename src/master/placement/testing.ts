/** Servers and volumes for the tests of placement, and random ones for properties. */
import fc from 'fast-check'
import { GIB, MIB } from '../../base/units.ts'
import type { DiskType, PlacementWish } from '../records.ts'
import type { PlacedVolume } from './place.ts'
import type { PlacementServer } from './servers.ts'

export const ANYWHERE: PlacementWish = {
  diskType: null,
  zones: [],
  zoneSpread: 'preferred',
  rackSpread: 'preferred',
}

export const aServer = (id: string, facts: Partial<PlacementServer> = {}): PlacementServer => ({
  id,
  name: `host-${id}`,
  zone: null,
  rack: null,
  diskType: 'ssd',
  isCordoned: false,
  isConnected: true,
  isDraining: false,
  capacityBytes: 100 * GIB,
  freeBytes: 100 * GIB,
  allocatedBytes: 0,
  replicas: 0,
  primaries: 0,
  ...facts,
})

export const aVolume = (
  replicaFactor: number,
  facts: Partial<PlacedVolume> & { readonly wish?: Partial<PlacementWish> } = {},
): PlacedVolume => {
  const { wish, ...rest } = facts
  return {
    preset: 'general',
    policy: { replicaFactor, mode: { kind: 'sync_all', minInSync: 1 } },
    placement: { ...ANYWHERE, ...wish },
    sizeBytes: 10 * GIB,
    logBytes: 64 * MIB,
    ...rest,
  }
}

const diskTypes: readonly DiskType[] = ['ssd', 'hdd', 'nvme']
const zones = [null, 'a', 'b', 'c'] as const

/** Up to `max` servers with ids in order, full and empty, here and away. */
export const someServers = (max: number): fc.Arbitrary<PlacementServer[]> =>
  fc
    .array(
      fc.record({
        zone: fc.constantFrom(...zones),
        rack: fc.constantFrom(null, 'r1', 'r2'),
        diskType: fc.constantFrom(...diskTypes),
        isCordoned: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
        isConnected: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
        isDraining: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
        capacityBytes: fc.integer({ min: 1, max: 200 }).map((n) => n * GIB),
        freeShare: fc.double({ min: 0, max: 1, noNaN: true }),
        allocatedBytes: fc.integer({ min: 0, max: 200 }).map((n) => n * GIB),
        replicas: fc.nat(40),
        primaries: fc.nat(20),
      }),
      { maxLength: max },
    )
    .map((all) =>
      all.map(({ freeShare, ...facts }, index) =>
        aServer(`s${String(index).padStart(2, '0')}`, {
          ...facts,
          freeBytes: Math.floor(facts.capacityBytes * freeShare),
        }),
      ),
    )

export const someWish: fc.Arbitrary<PlacementWish> = fc.record({
  diskType: fc.option(fc.constantFrom(...diskTypes), { freq: 3 }),
  zones: fc.oneof(fc.constant([]), fc.subarray(['a', 'b', 'c'])),
  zoneSpread: fc.constantFrom('required' as const, 'preferred' as const),
  rackSpread: fc.constantFrom('required' as const, 'preferred' as const),
})

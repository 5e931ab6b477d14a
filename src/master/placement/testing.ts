/** Servers and volumes for the tests of placement, and random ones for properties. */
import fc from 'fast-check'
import { epochNumber, GIB, MIB } from '../../base/units.ts'
import { SOUND } from '../../v2engine/marks.ts'
import type { LiveCluster, LiveServer } from '../core/live.ts'
import type { ReplicaBeat } from '../links.ts'
import type { DiskType, PlacementWish, VolumeRecord } from '../records.ts'
import type { PlacedVolume } from './place.ts'
import type { PlacementServer } from './servers.ts'

const ANYWHERE: PlacementWish = {
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

/** An active volume, led by the first of `servers`, all in sync. */
export const aRecord = (
  uuid: string,
  servers: readonly string[],
  facts: Partial<Omit<VolumeRecord, 'lead'>> & { readonly lead?: Partial<VolumeRecord['lead']> } = {},
): VolumeRecord => {
  const { lead, ...rest } = facts
  return {
    uuid,
    name: `vol-${uuid}`,
    logicalBlockBytes: 512,
    ...aVolume(servers.length),
    isMultipath: false,
    origin: null,
    madeOf: null,
    replicas: servers.map((server, slot) => ({ server, state: 'ready', slot })),
    lead: {
      epoch: { number: 3, id: '77' },
      state: 'serving',
      primary: servers[0]!,
      opening: 1,
      set: { epoch: 3, version: 1, members: servers },
      mayHaveLost: false,
      hasServed: true,
      ...lead,
    },
    access: { initiators: null, chap: null, hosts: null, dhchap: [] },
    publications: [],
    accessVersion: 0,
    qos: { iops: 0, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 },
    state: 'active',
    createdAt: 0,
    ...rest,
  }
}

type Open = NonNullable<ReplicaBeat['open']>

/** What a server says of a replica that is open and in order; `leads` with epoch 3, which `aRecord` has. */
export const aBeat = (
  volume: string,
  open: (Partial<Open> & { readonly isLeading?: boolean }) | null = {},
  facts: Partial<ReplicaBeat> = {},
): ReplicaBeat => {
  const epoch = { number: epochNumber(3), id: 77n }
  const { isLeading = false, ...rest } = open ?? {}
  return {
    volume,
    name: `vol-${volume}`,
    sizeBytes: 10 * GIB,
    state: 'open',
    open: open && {
      opening: 1 as Open['opening'],
      askedAtMs: 0,
      leads: isLeading ? epoch : null,
      isServing: isLeading,
      sealed: epoch,
      set: null,
      standing: SOUND,
      appended: 0,
      committed: 0,
      durable: 0,
      peers: [],
      sessions: 0,
      ...rest,
    },
    outage: null,
    usedBytes: 0,
    settingsTag: 0,
    led: null,
    kept: null,
    messages: [],
    ...facts,
  }
}

/** What was heard: by server its beats, or null for one whose stream is lost; others were never heard of. */
export const aLive = (heard: Readonly<Record<string, readonly ReplicaBeat[] | null>>): LiveCluster => {
  const servers = new Map<string, LiveServer>()
  for (const [id, beats] of Object.entries(heard)) {
    servers.set(id, {
      hello: {
        id,
        name: `host-${id}`,
        clusterId: 'c',
        addresses: { grpc: '', replication: '', http: '', iscsi: [], nvme: [] },
        zone: null,
        rack: null,
        diskType: 'ssd',
        process: 'p',
        registrySeen: null,
      },
      isConnected: beats !== null,
      heardMs: 0,
      lostSinceMs: beats === null ? 1000 : null,
      beat: { sentAtMs: 0, freeBytes: 50 * GIB, capacityBytes: 100 * GIB, isDraining: false },
      isComplete: true,
      replicas: new Map((beats ?? []).map((beat) => [beat.volume, beat])),
    })
  }
  return {
    server: (id) => servers.get(id),
    replica: (volume, server) => servers.get(server)?.replicas.get(volume),
    subscribe: () => () => undefined,
  }
}

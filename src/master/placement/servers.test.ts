import { describe, expect, it } from 'vitest'
import { GIB } from '../../base/units.ts'
import type { RecordsView } from '../core/records-view.ts'
import type { JobRecord, ServerRecord, VolumeRecord } from '../records.ts'
import { replacementServers } from './replace.ts'
import { footprintBytes, placementServers } from './servers.ts'
import { aLive, aRecord } from './testing.ts'

const server = (id: string, facts: Partial<ServerRecord> = {}): ServerRecord => ({
  id,
  name: `host-${id}`,
  addresses: { grpc: '', replication: '', http: '', iscsi: [], nvme: [] },
  zone: null,
  rack: null,
  diskType: 'ssd',
  capacityBytes: 10 * GIB,
  isCordoned: false,
  state: 'active',
  joinedAt: 0,
  ...facts,
})
const drain = (id: string, state: JobRecord['state']): JobRecord => ({
  id: `job-${id}`,
  kind: 'drain',
  state,
  volume: null,
  server: id,
  actor: 'local',
  step: '',
  data: {},
  progress: { done: 0, total: 0, unit: 'volumes' },
  message: null,
  createdAt: 0,
  updatedAt: 0,
})
const view = (
  servers: readonly ServerRecord[],
  volumes: readonly VolumeRecord[] = [],
  jobs: readonly JobRecord[] = [],
): RecordsView => ({
  cluster: { clusterId: 'c', createdAt: 0, lock: null },
  server: (id) => servers.find((one) => one.id === id),
  servers: () => servers,
  volume: (uuid) => volumes.find((one) => one.uuid === uuid),
  volumeNamed: (name) => volumes.find((one) => one.name === name),
  volumes: () => volumes,
  volumesOn: (id) => volumes.filter(({ replicas }) => replicas.some((replica) => replica.server === id)),
  job: (id) => jobs.find((one) => one.id === id),
  jobs: () => jobs,
  tokens: () => [],
  snapshot: () => undefined,
  snapshotsOf: () => [],
  snapshotVolumes: () => [],
  schedule: () => undefined,
  schedules: () => [],
  repository: () => undefined,
  repositories: () => [],
})

describe('a server as placement sees it', () => {
  it('carries what the registry put on it, leaving replicas too', () => {
    const moving = aRecord('w', ['b', 'a'], { sizeBytes: GIB })
    const leaving = [...moving.replicas, { server: 'c', state: 'leaving' as const, slot: 2 }]
    const volumes = [aRecord('v', ['a', 'b']), { ...moving, replicas: leaving }]
    const [a, b, c] = placementServers(view([server('c'), server('b'), server('a')], volumes), aLive({}))
    const [first, second] = volumes.map(footprintBytes)
    expect(a).toMatchObject({ id: 'a', allocatedBytes: first! + second!, replicas: 2, primaries: 1 })
    expect(b).toMatchObject({ id: 'b', replicas: 2, primaries: 1 })
    expect(c).toMatchObject({ id: 'c', allocatedBytes: second, replicas: 1, primaries: 0 })
  })

  it('is connected when it was heard and did not say goodbye; its own word on its disk counts', () => {
    const records = view([server('a'), server('b', { state: 'left' }), server('c'), server('d')])
    const seen = placementServers(records, aLive({ a: [], b: [], c: null }))
    expect(seen.map(({ isConnected }) => isConnected)).toEqual([true, false, false, false])
    expect(seen[0]).toMatchObject({ capacityBytes: 100 * GIB, freeBytes: 50 * GIB })
    expect(seen[3]).toMatchObject({ capacityBytes: 10 * GIB, freeBytes: 0 })
  })

  it('is draining while a drain of it runs, and in maintenance', () => {
    const jobs = [drain('a', 'running'), drain('b', 'succeeded')]
    const records = view([server('a'), server('b'), server('c', { state: 'maintenance' })], [], jobs)
    const draining = placementServers(records, aLive({ a: [], b: [], c: [] })).map(
      ({ isDraining }) => isDraining,
    )
    expect(draining).toEqual([true, false, true])
  })

  it('is away since it was lost, and not for longer than this master listens', () => {
    const records = view([server('a'), server('b'), server('c'), server('d', { state: 'maintenance' })])
    const live = aLive({ a: [], b: null, d: null })
    const awayAt = (nowMs: number, startedMs: number) =>
      replacementServers(records, live, { nowMs, startedMs }).map(({ awayMs }) => awayMs)
    expect(awayAt(5000, 0)).toEqual([null, 4000, 5000, null])
    expect(awayAt(5000, 3000)).toEqual([null, 2000, 2000, null])
  })
})

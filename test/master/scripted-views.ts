/** Volumes, servers, jobs and events as `ScriptedMaster` shows them. */
import type { ClusterView, ServerView, VolumeView } from '../../src/master/master-api.ts'
import type { EventRecord, JobRecord, VolumeRecord } from '../../src/master/records.ts'

export const SERVER = '11111111-1111-4111-8111-111111111111'
const EPOCH = { number: 3, id: '42' }

export const volumeRecord = (name: string): VolumeRecord => ({
  uuid: `22222222-2222-4222-8222-${Buffer.from(name).toString('hex').padStart(12, '0').slice(-12)}`,
  name,
  sizeBytes: 2 ** 30,
  logicalBlockBytes: 512,
  logBytes: null,
  preset: 'general',
  policy: { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 2 },
  placement: { diskType: null, zones: [], zoneSpread: 'preferred', rackSpread: 'preferred' },
  isMultipath: false,
  replicas: [{ server: SERVER, state: 'ready', slot: 0 }],
  lead: {
    epoch: EPOCH,
    state: 'serving',
    primary: SERVER,
    opening: 1,
    set: { epoch: 3, version: 1, members: [SERVER] },
    mayHaveLost: false,
    hasServed: true,
  },
  access: {
    initiators: ['iqn.2026-11.org.example:host1'],
    chap: { user: 'host1', sealedSecret: 'sealed', mutual: { user: 'target', sealedSecret: 'sealed' } },
    hosts: ['nqn.2014-08.org.nvmexpress:uuid:1'],
    dhchap: [
      { host: 'nqn.2014-08.org.nvmexpress:uuid:1', sealedSecret: 'sealed', sealedControllerSecret: null },
    ],
  },
  publications: [],
  accessVersion: 0,
  qos: { iops: 100, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 },
  origin: null,
  madeOf: null,
  state: 'active',
  createdAt: 0,
})

export const volumeView = (name: string, changes: Partial<VolumeRecord> = {}): VolumeView => ({
  record: { ...volumeRecord(name), ...changes },
  health: 'degraded',
  healthReasons: ['one replica of two'],
  isServing: true,
  iqn: `iqn.2026-11.io.basalt:${name}`,
  nqn: `nqn.2026-11.io.basalt:${name}`,
  iscsi: ['10.0.0.1:3260'],
  nvme: ['10.0.0.1:4420'],
  paths: [
    {
      ...{ server: SERVER, serverName: 'host-a', slot: 0, role: 'active' },
      ...{ iscsi: ['10.0.0.1:3260'], nvme: ['10.0.0.1:4420'] },
    },
  ],
  replicas: [
    {
      server: SERVER,
      serverName: 'host-a',
      role: 'primary',
      state: 'ready',
      isInSync: true,
      isConnected: true,
      standing: 'sound',
      lagEntries: 0,
      lagBytes: null,
      resyncRatio: null,
    },
  ],
  usedBytes: 4096,
  snapshots: { count: 1, bytes: 8192 },
  clone: null,
  scrub: { lastAt: 0, errors: 0, repaired: 0 },
  jobs: [],
})

export const serverView = (name: string): ServerView => ({
  record: {
    id: SERVER,
    name,
    addresses: {
      grpc: '10.0.0.1:7461',
      replication: '10.0.0.1:7460',
      http: '10.0.0.1:7462',
      iscsi: ['10.0.0.1:3260'],
      nvme: ['10.0.0.1:4420'],
    },
    zone: null,
    rack: null,
    diskType: 'ssd',
    capacityBytes: 2 ** 40,
    isCordoned: false,
    state: 'active',
    joinedAt: 0,
  },
  connection: 'connected',
  silentMs: 12.5,
  freeBytes: 2 ** 39,
  allocatedBytes: 0,
  replicas: 1,
  primaries: 1,
})

export const jobRecord = (changes: Partial<JobRecord> = {}): JobRecord => ({
  id: 'job-1',
  kind: 'expand',
  state: 'running',
  volume: volumeRecord('vol1').uuid,
  server: null,
  actor: 'local',
  step: 'asking',
  data: { secretOfTheJob: true },
  progress: { done: 1, total: 2, unit: 'steps' },
  message: null,
  createdAt: 0,
  updatedAt: 0,
  ...changes,
})

export const eventRecord = (number: number, changes: Partial<EventRecord> = {}): EventRecord => ({
  number,
  at: 0,
  lastAt: 0,
  count: 1,
  severity: 'info',
  kind: 'volume.promoted',
  actor: 'master',
  volume: null,
  server: null,
  message: `event ${number}`,
  reason: null,
  epoch: null,
  lsn: null,
  requestId: null,
  ...changes,
})

export const CLUSTER: ClusterView = {
  clusterId: 'cluster-1',
  registryId: 'registry-1',
  registrySeq: 9,
  lock: null,
  volumes: { total: 3, healthy: 1, degraded: 1, rebuilding: 0, unsafe: 1 },
  servers: { total: 3, connected: 2, cordoned: 1 },
  capacityBytes: 3,
  freeBytes: 2,
  allocatedBytes: 1,
  promotionsTotal: 5,
  failoversTotal: 4,
  rebuildsTotal: 3,
  runningJobs: 2,
  pending: [
    {
      volume: 'vol1',
      why: 'the old lease runs',
      wait: { reason: 'grant_running', message: 'the old lease runs', forMs: 1200, servers: [SERVER] },
      isOperatorNeeded: false,
    },
  ],
  refused: [{ volume: 'vol1', what: 'move', reason: 'not_drained', message: 'it could not drain', agoMs: 5 }],
}

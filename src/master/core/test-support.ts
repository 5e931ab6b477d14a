/** Records for tests: whole and plain, with what a test wants different. */
import { formatUuid } from '../../base/uuid.ts'
import type { JobRecord, ServerRecord, TokenRecord, VolumeRecord } from '../records.ts'

/** A UUID that says its number. */
export function testUuid(n: number, kind = 0): string {
  const bytes = new Uint8Array(16)
  bytes[0] = kind
  new DataView(bytes.buffer).setUint32(12, n)
  return formatUuid(bytes)
}

export function testVolume(n: number, different: Partial<VolumeRecord> = {}): VolumeRecord {
  const servers = [testUuid(n % 10, 1), testUuid((n + 1) % 10, 1), testUuid((n + 2) % 10, 1)]
  return {
    uuid: testUuid(n),
    name: `vol-${String(n).padStart(6, '0')}`,
    sizeBytes: 1024 ** 3,
    logicalBlockBytes: 4096,
    logBytes: null,
    preset: 'general',
    policy: { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 },
    placement: { diskType: null, zones: [], zoneSpread: 'preferred', rackSpread: 'preferred' },
    isMultipath: false,
    origin: null,
    madeOf: null,
    replicas: servers.map((server, slot) => ({ server, state: 'ready' as const, slot })),
    lead: {
      epoch: { number: 1, id: '12345678901234567890' },
      state: 'serving',
      primary: servers[0] ?? '',
      opening: 1,
      set: { epoch: 1, version: 1, members: servers },
      mayHaveLost: false,
      hasServed: true,
    },
    access: { initiators: null, chap: null, hosts: null, dhchap: [] },
    publications: [],
    accessVersion: 0,
    qos: { iops: 0, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 },
    state: 'active',
    createdAt: 1_790_000_000_000,
    ...different,
  }
}

export const testServer = (n: number, different: Partial<ServerRecord> = {}): ServerRecord => ({
  id: testUuid(n, 1),
  name: `server-${n}`,
  addresses: {
    grpc: '127.0.0.1:7461',
    replication: '127.0.0.1:7463',
    http: '127.0.0.1:7462',
    iscsi: ['127.0.0.1:3260'],
    nvme: ['127.0.0.1:4420'],
  },
  zone: null,
  rack: null,
  diskType: 'ssd',
  capacityBytes: 1024 ** 4,
  isCordoned: false,
  state: 'active',
  joinedAt: 1_790_000_000_000,
  ...different,
})

export const testJob = (n: number, different: Partial<JobRecord> = {}): JobRecord => ({
  id: testUuid(n, 2),
  kind: 'create',
  state: 'running',
  volume: null,
  server: null,
  actor: 'test',
  step: 'begin',
  data: {},
  progress: { done: 0, total: 1, unit: 'steps' },
  message: null,
  createdAt: 1_790_000_000_000 + n,
  updatedAt: 1_790_000_000_000 + n,
  ...different,
})

export const testToken = (n: number, different: Partial<TokenRecord> = {}): TokenRecord => ({
  id: testUuid(n, 3),
  name: `token-${n}`,
  role: 'viewer',
  sha256: '00'.repeat(32),
  createdAt: 1_790_000_000_000,
  expiresAt: null,
  ...different,
})

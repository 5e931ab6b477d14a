/**
 * The shape of every kind of record, checked when it is read and before it is written. Nothing is filled in but what the
 * release that wrote it did not know (record-upgrades.ts), and nothing is passed over: a record that is not exactly so is
 * CORRUPT, and the message names its key.
 */
import { type Static, type TProperties, type TSchema, Type } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { assert } from '../../base/assert.ts'
import { BlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'
import { SLOTS_MAX } from '../../frontend/paths.ts'
import { KeepRules } from '../../rpc/tasks.ts'
import type {
  ClusterRecord,
  EventRecord,
  JobKind,
  JobRecord,
  NameRecord,
  RepositoryRecord,
  ScheduleRecord,
  ServerRecord,
  SnapshotRecord,
  TokenRecord,
  VolumeRecord,
} from '../records.ts'
import type { Json, JsonObject } from '../registry/registry.ts'
import { upgradeServer, upgradeVolume } from './record-upgrades.ts'

/** Which opening of a record store wrote last, and its how manieth transaction it was. */
export interface HeadRecord {
  readonly writer: string
  readonly number: number
}

/** Which process leads, of several masters; a registry that one process has at a time has none. */
export interface LeaderRecord {
  readonly id: string
  /** Rises by 1 with each change of who leads. */
  readonly term: number
  /** `HOST:PORT`, and a URL, for who asks another master; empty when it has none. */
  readonly grpc: string
  readonly http: string
}

interface LeaderBeatRecord {
  readonly term: number
  readonly beat: number
}

export interface RecordKind<Record> {
  /** The record that `value`, read at `key`, is; CORRUPT when it is none. */
  parse(key: string, value: unknown): Record
  /** The record as the registry keeps it. A record of another shape is a bug of who made it. */
  readonly encode: (record: Record) => JsonObject
}

const object = <Properties extends TProperties>(properties: Properties) =>
  Type.Object(properties, { additionalProperties: false })
const nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([Type.Null(), schema])
/** Arrays of records are read-only. */
const list = <Item extends TSchema>(item: Item) => Type.Unsafe<readonly Static<Item>[]>(Type.Array(item))

const Text = Type.String()
const Id = Type.String({ minLength: 1, maxLength: 128 })
const Count = Type.Integer({ minimum: 0 })
const SnapshotId = Type.String({ pattern: '^[0-9a-f]{16}$' })
const Time = Type.Number()
const Ids = list(Id)

const Cluster = object({
  clusterId: Id,
  createdAt: Time,
  lock: nullable(object({ reason: Type.Enum(['seq', 'registryId', 'epoch']), detail: Text, since: Time })),
  replaced: Type.Optional(list(object({ id: Id, seq: Count }))),
})

const DiskType = Type.Enum(['ssd', 'hdd', 'nvme'])

const Server = object({
  id: Id,
  name: Text,
  addresses: object({ grpc: Text, replication: Text, http: Text, iscsi: list(Text), nvme: list(Text) }),
  zone: nullable(Text),
  rack: nullable(Text),
  diskType: DiskType,
  capacityBytes: Count,
  isCordoned: Type.Boolean(),
  state: Type.Enum(['active', 'maintenance', 'left']),
  joinedAt: Time,
})

const Lead = object({
  epoch: object({ number: Count, id: Type.String({ pattern: '^[0-9]{1,20}$' }) }),
  state: Type.Enum(['sealing', 'serving']),
  primary: Id,
  opening: nullable(Count),
  set: object({ epoch: Count, version: Count, members: Ids }),
  mayHaveLost: Type.Boolean(),
  hasServed: Type.Boolean(),
})

const Policy = object({
  mode: Type.Union([
    object({ kind: Type.Literal('sync_all'), minInSync: Count }),
    object({ kind: Type.Literal('sync_quorum') }),
    object({
      kind: Type.Literal('best_effort'),
      maxLagEntries: Count,
      maxLagMs: Type.Number({ minimum: 0 }),
    }),
  ]),
  replicaFactor: Type.Integer({ minimum: 1 }),
})

const Spread = Type.Enum(['required', 'preferred'])
const chap = { user: Text, sealedSecret: Text }

const Volume = object({
  uuid: Id,
  name: Id,
  sizeBytes: Count,
  logicalBlockBytes: Type.Union([Type.Literal(512), Type.Literal(4096)]),
  logBytes: nullable(Count),
  preset: Type.Enum(['database', 'general', 'throughput']),
  policy: Policy,
  placement: object({
    diskType: nullable(DiskType),
    zones: list(Text),
    zoneSpread: Spread,
    rackSpread: Spread,
  }),
  isMultipath: Type.Boolean(),
  replicas: list(
    object({
      server: Id,
      state: Type.Enum(['allocating', 'ready', 'leaving']),
      slot: Type.Integer({ minimum: 0, maximum: SLOTS_MAX - 1 }),
    }),
  ),
  lead: Lead,
  access: object({
    initiators: nullable(list(Text)),
    chap: nullable(object({ ...chap, mutual: nullable(object(chap)) })),
    hosts: nullable(list(Text)),
    dhchap: list(object({ host: Text, sealedSecret: Text, sealedControllerSecret: nullable(Text) })),
  }),
  publications: list(
    object({
      node: Id,
      initiator: nullable(Text),
      host: nullable(Text),
      dhchap: nullable(object({ sealedSecret: Text, sealedControllerSecret: nullable(Text) })),
      isReadOnly: Type.Boolean(),
      isShared: Type.Boolean(),
      since: Time,
    }),
  ),
  accessVersion: Count,
  qos: object({ iops: Count, iopsBurst: Count, bytesPerSecond: Count, bytesBurst: Count }),
  origin: nullable(object({ volume: Id, snapshot: SnapshotId, sizeBytes: Count })),
  madeOf: nullable(object({ volume: Id, snapshot: SnapshotId })),
  state: Type.Enum(['creating', 'active', 'deleting']),
  createdAt: Time,
})

const Job = object({
  id: Id,
  kind: Type.Enum([
    ...['create', 'expand', 'delete', 'replace', 'move', 'drain', 'rebalance', 'restore', 'clone'],
    ...['scrub', 'backup', 'restore_backup', 'verify_backup', 'delete_backup', 'prune_backups', 'policy'],
  ] as JobKind[]),
  state: Type.Enum(['running', 'succeeded', 'failed', 'cancelling', 'cancelled']),
  volume: nullable(Id),
  server: nullable(Id),
  actor: Text,
  step: Text,
  data: Type.Unsafe<JsonObject>(Type.Object({})),
  progress: object({
    done: Type.Number(),
    total: Type.Number(),
    unit: Type.Enum(['bytes', 'volumes', 'steps', 'blocks', 'objects']),
  }),
  message: nullable(Text),
  createdAt: Time,
  updatedAt: Time,
})

const Snapshot = object({
  id: SnapshotId,
  volume: Id,
  name: Id,
  state: Type.Enum(['creating', 'ready', 'deleting', 'lost']),
  lsn: nullable(Count),
  sizeBytes: Count,
  createdAt: Time,
  schedule: nullable(Id),
  isExposed: Type.Boolean(),
  group: nullable(Id),
  backup: nullable(object({ repository: Id, id: nullable(Id), fullAt: nullable(Time) })),
})

const Schedule = object({
  name: Id,
  volumes: list(Text),
  when: Type.Union([
    object({ everyMs: Type.Integer({ minimum: 1 }) }),
    object({ at: Type.String({ minLength: 1 }) }),
  ]),
  keep: KeepRules,
  backup: nullable(object({ repository: Id, fullEveryMs: nullable(Count), keep: nullable(KeepRules) })),
  isPaused: Type.Boolean(),
  createdAt: Time,
  last: nullable(
    object({
      dueAt: Time,
      startedAt: Time,
      endedAt: nullable(Time),
      made: Count,
      failed: Count,
      message: nullable(Text),
    }),
  ),
})

const Repository = object({
  name: Id,
  target: Type.Union([
    object({
      kind: Type.Literal('s3'),
      endpoint: nullable(Text),
      region: Text,
      bucket: Text,
      prefix: Text,
      accessKeyId: Text,
      sealedSecretAccessKey: Text,
      sealedSessionToken: nullable(Text),
      forcePathStyle: Type.Boolean(),
    }),
    object({ kind: Type.Literal('directory'), path: Text }),
  ]),
  sealedEncryptionKey: nullable(Text),
  createdAt: Time,
})

const Token = object({
  id: Id,
  name: Text,
  role: Type.Enum(['admin', 'operator', 'viewer', 'server']),
  sha256: Text,
  createdAt: Time,
  expiresAt: nullable(Time),
})

const Event = object({
  number: Type.Integer({ minimum: 1 }),
  at: Time,
  lastAt: Time,
  count: Type.Integer({ minimum: 1 }),
  severity: Type.Enum(['info', 'warning', 'error']),
  kind: Text,
  actor: Text,
  volume: nullable(Id),
  server: nullable(Id),
  message: Text,
  reason: nullable(Text),
  epoch: nullable(Type.Number()),
  lsn: nullable(Type.Number()),
  requestId: nullable(Text),
})

/** By the first part of the key. */
export const RECORD_KINDS: {
  readonly cluster: RecordKind<ClusterRecord>
  readonly server: RecordKind<ServerRecord>
  readonly volume: RecordKind<VolumeRecord>
  readonly name: RecordKind<NameRecord>
  readonly job: RecordKind<JobRecord>
  readonly event: RecordKind<EventRecord>
  readonly token: RecordKind<TokenRecord>
  readonly snapshot: RecordKind<SnapshotRecord>
  readonly schedule: RecordKind<ScheduleRecord>
  readonly repository: RecordKind<RepositoryRecord>
  readonly head: RecordKind<HeadRecord>
  readonly leader: RecordKind<LeaderRecord>
  readonly leaderBeat: RecordKind<LeaderBeatRecord>
} = {
  cluster: kind(Cluster),
  server: kind(Server, upgradeServer),
  volume: kind(Volume, upgradeVolume, twoWithOneSlot),
  name: kind(object({ uuid: Id })),
  job: kind(Job),
  event: kind(Event),
  token: kind(Token),
  snapshot: kind(Snapshot),
  schedule: kind(Schedule),
  repository: kind(Repository),
  head: kind(object({ writer: Id, number: Count })),
  leader: kind(object({ id: Id, term: Count, grpc: Text, http: Text })),
  leaderBeat: kind(object({ term: Count, beat: Count })),
}

export type RecordKindName = keyof typeof RECORD_KINDS

export const corruptRecord = (key: string, why: string): BlockError =>
  new BlockError(
    'CORRUPT',
    `the registry's record ${printable(key)} cannot be read: ${why}; put a copy back, then run 'basalt cluster recover'`,
    { facts: { key } },
  )

function kind<Schema extends TSchema>(
  schema: Schema,
  upgrade: (value: unknown) => unknown = (value) => value,
  alsoWrong: (record: Static<Schema>) => string | null = () => null,
): RecordKind<Static<Schema>> {
  let compiled: Validator<TProperties, Schema> | undefined
  const validator = (): Validator<TProperties, Schema> => {
    compiled ??= Compile(schema)
    return compiled
  }
  const isRecord = (value: unknown): value is Static<Schema> => validator().Check(value)
  const flaw = (value: unknown): string => {
    const [first] = validator().Errors(value)
    return first === undefined ? 'it is no JSON' : `${first.instancePath || 'it'} ${first.message}`
  }
  return {
    parse: (key, stored) => {
      const value = upgrade(stored)
      if (!isRecord(value)) throw corruptRecord(key, flaw(value))
      const wrong = alsoWrong(value)
      if (wrong !== null) throw corruptRecord(key, wrong)
      return value
    },
    encode: (record) => {
      assert(validator().Check(record), `a record is not as records are: ${flaw(record)}`)
      const wrong = alsoWrong(record)
      assert(wrong === null, `a record is not as records are: ${wrong}`)
      assert(isJsonObject(record), 'a record holds nothing but JSON')
      return record
    },
  }
}

/** Hosts would take the paths of both for one. */
function twoWithOneSlot({ replicas }: VolumeRecord): string | null {
  const slots = new Set(replicas.map(({ slot }) => slot))
  return slots.size === replicas.length ? null : '/replicas two of them have one slot'
}

const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && isJson(value)

function isJson(value: unknown): value is Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      return value === null || Object.values(value).every(isJson)
    default:
      return false
  }
}

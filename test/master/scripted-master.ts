/** A master that says what a test tells it to, for what HTTP adds: statuses, roles, input, pages and streams. */
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { assert } from '../../src/base/assert.ts'
import { BlockError } from '../../src/base/errors.ts'
import { silentLogger } from '../../src/base/log.ts'
import { buildHttpApp } from '../../src/http/app.ts'
import { RealRandom } from '../../src/io/random.ts'
import { attachInfo } from '../../src/master/core/attach-info.ts'
import type { RecordStore, RecordsView } from '../../src/master/core/records-view.ts'
import { type MasterHttpOptions, masterAppOptions } from '../../src/master/http/master-http.ts'
import type { TokenWish } from '../../src/master/http/tokens.ts'
import type { ClusterView, MasterApi, Page, VolumeView } from '../../src/master/master-api.ts'
import type { EventRecord, JobRecord, TokenRecord } from '../../src/master/records.ts'
import { newToken } from '../../src/master/security/tokens.ts'
import { MetricsRegistry } from '../../src/metrics/registry.ts'
import { ManualClock } from '../e2e/iscsi/manual-clock.ts'
import {
  backupInfo,
  protectionView,
  repositoryRecord,
  scheduleView,
  snapshotView,
} from './scripted-snapshots.ts'
import { CLUSTER, jobRecord, SERVER, serverView, volumeRecord, volumeView } from './scripted-views.ts'

const PUBLICATIONS = [
  {
    ...{ node: 'n1', initiator: 'iqn.2026-11.io.basalt:node:n1', host: null, dhchap: null },
    ...{ isReadOnly: false, isShared: false, since: 0 },
  },
]

/** Keeps what it was asked in `calls`; `volumeNames` are there, everything else succeeds. */
export class ScriptedMaster implements MasterApi {
  readonly calls: unknown[][] = []
  readonly log: EventRecord[] = []
  volumeNames = ['vol1']
  /** The last job that was asked for. */
  begun: JobRecord = jobRecord()
  clusterView: ClusterView = CLUSTER
  /** Thrown by every call that changes something. */
  failure: Error | undefined
  readonly #listeners = new Set<(event: EventRecord) => void>()

  get listeners(): number {
    return this.#listeners.size
  }

  record(event: EventRecord): void {
    const index = this.log.findIndex(({ number }) => number === event.number)
    if (index === -1) this.log.push(event)
    else this.log[index] = event
    for (const listener of this.#listeners) listener(event)
  }

  #does<T>(result: T, ...call: unknown[]): T {
    this.calls.push(call)
    if (this.failure !== undefined) throw this.failure
    return result
  }
  #begin(changes: Partial<JobRecord> = {}): JobRecord {
    this.begun = jobRecord(changes)
    return this.begun
  }
  #find(name: string): string {
    const found = this.volumeNames.find((other) => other === name || volumeRecord(other).uuid === name)
    if (found !== undefined) return found
    throw new BlockError('NOT_FOUND', `there is no volume '${name}'`)
  }

  resolveVolume: MasterApi['resolveVolume'] = (wish) => {
    this.calls.push(['resolveVolume', wish])
    return { policy: volumeRecord(wish.name), overrides: ['replicas', 'qos'], warnings: [], errors: [] }
  }
  planVolume: MasterApi['planVolume'] = (wish) => ({
    ...this.resolveVolume(wish),
    policy: null,
    errors: [{ code: 'replica_factor', message: 'at least 1' }],
    plan: {
      primary: SERVER,
      replicas: [],
      candidates: [{ server: SERVER, serverName: 'host-a', score: 0.5 }],
      rejections: [{ server: SERVER, serverName: 'host-b', reason: 'cordoned', message: 'it is cordoned' }],
    },
  })
  createVolume: MasterApi['createVolume'] = async (caller, wish) => {
    const isThere = this.volumeNames.includes(wish.name)
    const job = isThere ? null : this.#begin({ kind: 'create' })
    return this.#does({ volume: volumeView(wish.name), job }, 'createVolume', caller, wish)
  }
  volume: MasterApi['volume'] = (name) => volumeView(this.#find(name), { publications: PUBLICATIONS })
  attachInfo: MasterApi['attachInfo'] = (name) => attachInfo(this.volume(name))
  volumes: MasterApi['volumes'] = (page): Page<VolumeView> => {
    this.calls.push(['volumes', page])
    const { after = '', limit } = page
    const rest = this.volumeNames.filter((name) => name > after)
    const items = rest.slice(0, limit).map((name) => volumeView(name))
    return { items, next: rest.length > limit ? (items.at(-1)?.record.name ?? null) : null }
  }
  deleteVolume: MasterApi['deleteVolume'] = async (caller, name, request) =>
    this.#does(this.#begin({ kind: 'delete' }), 'deleteVolume', caller, name, request)
  expandVolume: MasterApi['expandVolume'] = async (caller, name, sizeBytes) =>
    this.#does(this.#begin(), 'expandVolume', caller, name, sizeBytes)
  preflight: MasterApi['preflight'] = (name) => ({
    isPromotable: false,
    reason: 'members_missing',
    primary: this.#find(name),
    isPrimaryAlive: false,
    candidate: null,
    rejections: [{ server: SERVER, reason: 'not_connected', message: 'it is not connected' }],
    atRisk: { firstLsn: 7, lastLsn: 9 },
    unreached: [SERVER],
    waits: [{ reason: 'grant_running', message: 'the old lease runs', forMs: 1200, servers: [SERVER] }],
    refusal: { what: 'move', reason: 'not_drained', message: 'it could not drain', agoMs: 5 },
  })
  /** A forced one is decided later. */
  promoteVolume: MasterApi['promoteVolume'] = async (caller, name, request) => {
    const { lead } = volumeRecord(name)
    const changed = { lead: { ...lead, state: request.force ? 'sealing' : 'serving' } } as const
    return this.#does(volumeView(name, changed), 'promoteVolume', caller, name, request)
  }
  moveVolume: MasterApi['moveVolume'] = async (caller, name, request) =>
    this.#does(this.#begin({ kind: 'move' }), 'moveVolume', caller, name, request)
  setAccess: MasterApi['setAccess'] = async (caller, name, access) =>
    this.#does(volumeView(name, { access }), 'setAccess', caller, name, access)
  setQos: MasterApi['setQos'] = async (caller, name, qos) =>
    this.#does(volumeView(name), 'setQos', caller, name, qos)

  setPreset: MasterApi['setPreset'] = async (caller, name, preset) => ({
    volume: volumeView(name),
    job: this.#does(jobRecord({ kind: 'policy' }), 'setPreset', caller, name, preset),
    warnings: [],
  })
  publishVolume: MasterApi['publishVolume'] = async (caller, name, wish) => {
    const publications = [{ ...wish, since: 0 }]
    return this.#does(volumeView(name, { publications }), 'publishVolume', caller, name, wish)
  }
  unpublishVolume: MasterApi['unpublishVolume'] = async (caller, name, node) =>
    this.#does(undefined, 'unpublishVolume', caller, name, node)

  servers: MasterApi['servers'] = () => ['host-c', 'host-a', 'host-b'].map(serverView)
  server: MasterApi['server'] = (name) => serverView(name)
  setCordoned: MasterApi['setCordoned'] = async (caller, name, isCordoned) =>
    this.#does(serverView(name), 'setCordoned', caller, name, isCordoned)
  drainServer: MasterApi['drainServer'] = async (caller, name) =>
    this.#does(this.#begin({ kind: 'drain', volume: null, server: SERVER }), 'drainServer', caller, name)
  removeServer: MasterApi['removeServer'] = async (caller, name, request) =>
    this.#does(undefined, 'removeServer', caller, name, request)

  planRebalance: MasterApi['planRebalance'] = () => [
    { kind: 'replica', volume: 'uuid', name: 'vol1', from: SERVER, to: SERVER, bytes: 1 },
  ]
  rebalance: MasterApi['rebalance'] = async (caller) =>
    this.#does(this.#begin({ kind: 'rebalance', volume: null }), 'rebalance', caller)
  cluster: MasterApi['cluster'] = () => this.clusterView
  recover: MasterApi['recover'] = async (caller, request) =>
    this.#does(this.clusterView, 'recover', caller, request)

  jobs: MasterApi['jobs'] = (filter) => {
    this.calls.push(['jobs', filter])
    return { items: [jobRecord()], next: null }
  }
  job: MasterApi['job'] = (id) => jobRecord({ id, volume: volumeRecord('gone').uuid })
  cancelJob: MasterApi['cancelJob'] = async (caller, id) =>
    this.#does(jobRecord({ id, state: 'cancelling' }), 'cancelJob', caller, id)

  protection: MasterApi['protection'] = () => protectionView
  snapshots: MasterApi['snapshots'] = async (name) => [snapshotView(this.#find(name), 'snap1')]
  allSnapshots: MasterApi['allSnapshots'] = ({ volume = 'vol1' }) => ({
    items: [snapshotView(volume, 'snap1')],
    next: 'after snap1',
  })
  snapshot: MasterApi['snapshot'] = async (name, snapshot) => snapshotView(this.#find(name), snapshot)
  createSnapshot: MasterApi['createSnapshot'] = async (caller, name, request) =>
    this.#does(snapshotView(name, request.name), 'createSnapshot', caller, name, request)
  deleteSnapshot: MasterApi['deleteSnapshot'] = async (caller, name, snapshot) =>
    this.#does(undefined, 'deleteSnapshot', caller, name, snapshot)
  exposeSnapshot: MasterApi['exposeSnapshot'] = async (caller, name, snapshot, isExposed) =>
    this.#does(snapshotView(name, snapshot, isExposed), 'exposeSnapshot', caller, name, snapshot, isExposed)
  restoreSnapshot: MasterApi['restoreSnapshot'] = async (caller, name, snapshot, request) =>
    this.#does(this.#begin({ kind: 'restore' }), 'restoreSnapshot', caller, name, snapshot, request)
  cloneSnapshot: MasterApi['cloneSnapshot'] = async (caller, name, snapshot, wish) =>
    this.#does(
      { volume: volumeView(wish.name), job: this.#begin({ kind: 'clone' }) },
      ...['cloneSnapshot', caller, name, snapshot, wish],
    )
  createSnapshotGroup: MasterApi['createSnapshotGroup'] = async (caller, request) =>
    this.#does(
      request.volumes.map((name) => snapshotView(name, request.name)),
      ...['createSnapshotGroup', caller, request],
    )
  scrubVolume: MasterApi['scrubVolume'] = async (caller, name, request) =>
    this.#does(this.#begin({ kind: 'scrub' }), 'scrubVolume', caller, name, request)

  schedules: MasterApi['schedules'] = () => [scheduleView('nightly')]
  schedule: MasterApi['schedule'] = (name) => scheduleView(name)
  createSchedule: MasterApi['createSchedule'] = async (caller, schedule) =>
    this.#does(scheduleView(schedule.name, schedule), 'createSchedule', caller, schedule)
  setSchedule: MasterApi['setSchedule'] = async (caller, schedule) =>
    this.#does(scheduleView(schedule.name, schedule), 'setSchedule', caller, schedule)
  deleteSchedule: MasterApi['deleteSchedule'] = async (caller, name) =>
    this.#does(undefined, 'deleteSchedule', caller, name)

  repositories: MasterApi['repositories'] = () => [repositoryRecord('offsite')]
  repository: MasterApi['repository'] = (name) => repositoryRecord(name)
  createRepository: MasterApi['createRepository'] = async (caller, repository) =>
    this.#does({ ...repository, createdAt: 0 }, 'createRepository', caller, repository)
  setRepository: MasterApi['setRepository'] = async (caller, repository) =>
    this.#does({ ...repository, createdAt: 0 }, 'setRepository', caller, repository)
  deleteRepository: MasterApi['deleteRepository'] = async (caller, name) =>
    this.#does(undefined, 'deleteRepository', caller, name)
  checkRepository: MasterApi['checkRepository'] = async (caller, name) =>
    this.#does({ server: SERVER }, 'checkRepository', caller, name)
  backupVolume: MasterApi['backupVolume'] = async (caller, name, request) =>
    this.#does(this.#begin({ kind: 'backup' }), 'backupVolume', caller, name, request)
  backups: MasterApi['backups'] = async (repository, page) => {
    this.calls.push(['backups', repository, page])
    return { items: [backupInfo('b1')], next: null }
  }
  backup: MasterApi['backup'] = async (_repository, id) => backupInfo(id)
  restoreBackup: MasterApi['restoreBackup'] = async (caller, repository, id, request) =>
    this.#does(
      { volume: volumeView(request.wish.name), job: this.#begin({ kind: 'restore_backup' }) },
      ...['restoreBackup', caller, repository, id, request],
    )
  verifyBackup: MasterApi['verifyBackup'] = async (caller, repository, id) =>
    this.#does(this.#begin({ kind: 'verify_backup' }), 'verifyBackup', caller, repository, id)
  deleteBackup: MasterApi['deleteBackup'] = async (caller, repository, id) =>
    this.#does(this.#begin({ kind: 'delete_backup' }), 'deleteBackup', caller, repository, id)
  pruneBackups: MasterApi['pruneBackups'] = async (caller, repository, request) =>
    this.#does(this.#begin({ kind: 'prune_backups' }), 'pruneBackups', caller, repository, request)

  events: MasterApi['events'] = ({ after, volume, server, limit }) => {
    const fitting = this.log.filter(
      (event) =>
        (volume === undefined || event.volume === volume) &&
        (server === undefined || event.server === server),
    )
    if (after === undefined) return fitting.slice(-limit)
    return fitting.filter(({ number }) => number > after).slice(0, limit)
  }
  subscribe: MasterApi['subscribe'] = (listener) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** As much of a store as tokens need. */
class TokenStore implements RecordStore {
  readonly registryId = 'registry-1'
  readonly seq = 0
  readonly told: string[] = []
  readonly #tokens = new Map<string, TokenRecord>()
  readonly view: RecordsView = {
    cluster: { clusterId: 'cluster-1', createdAt: 0, lock: null },
    server: () => undefined,
    servers: () => [],
    volume: () => undefined,
    volumeNamed: () => undefined,
    volumes: () => [],
    volumesOn: () => [],
    job: () => undefined,
    jobs: () => [],
    tokens: () => [...this.#tokens.values()],
    snapshot: () => undefined,
    snapshotsOf: () => [],
    snapshotVolumes: () => [],
    schedule: () => undefined,
    schedules: () => [],
    repository: () => undefined,
    repositories: () => [],
  }

  change: RecordStore['change'] = async (decide) => {
    const { writes, events = [], result } = decide(this.view)
    for (const write of writes) {
      if (write.kind === 'token') this.#tokens.set(write.record.id, write.record)
      else if (write.kind === 'removeToken') this.#tokens.delete(write.id)
      else assert(false, 'only tokens are written here')
    }
    this.told.push(...events.map(({ kind, actor }) => `${kind} by ${actor}`))
    return result
  }
  events: RecordStore['events'] = () => []
  subscribe: RecordStore['subscribe'] = () => () => undefined
  watch: RecordStore['watch'] = () => () => undefined
  close: RecordStore['close'] = async () => undefined

  add(record: TokenRecord): void {
    this.#tokens.set(record.id, record)
  }
}

export interface TestMaster {
  readonly app: FastifyInstance
  readonly master: ScriptedMaster
  readonly store: TokenStore
  readonly clock: ManualClock
  readonly metrics: MetricsRegistry
  readonly options: MasterHttpOptions
  /** Makes a token and returns it. */
  token(role: TokenRecord['role'], wish?: Partial<TokenWish>): string
  call(
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS',
    url: string,
    given?: { readonly body?: unknown; readonly token?: string } & Pick<
      InjectOptions,
      'headers' | 'remoteAddress'
    >,
  ): Promise<LightMyRequestResponse>
}

export async function testMaster(changes: Partial<MasterHttpOptions> = {}): Promise<TestMaster> {
  const master = new ScriptedMaster()
  const store = new TokenStore()
  const clock = new ManualClock()
  const random = new RealRandom()
  const metrics = new MetricsRegistry()
  const options: MasterHttpOptions = {
    api: master,
    store,
    seal: (text) => `sealed(${text.length})`,
    metrics,
    version: '0.0.1',
    clock,
    random,
    logger: silentLogger,
    ...changes,
  }
  const app = await buildHttpApp({ ...masterAppOptions(options), hasDocsPage: false })
  return {
    app,
    master,
    store,
    clock,
    metrics,
    options,
    token: (role, wish = {}) => {
      const { name = role, expiresInMs = null } = wish
      const nowMs = clock.wallMs()
      const expiresAt = expiresInMs === null ? null : nowMs + expiresInMs
      const made = newToken(random, { name, role, expiresAt }, nowMs)
      store.add(made.record)
      return made.token
    },
    call: (method, url, { body, token, headers, remoteAddress } = {}) =>
      app.inject({
        method,
        url,
        headers: {
          host: '127.0.0.1:7470',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
        ...(remoteAddress === undefined ? {} : { remoteAddress }),
      }),
  }
}

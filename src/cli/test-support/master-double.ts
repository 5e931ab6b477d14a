/**
 * A master for tests of the CLI: a real HTTP server with the routes of the master's API, whose answers a test chooses.
 * It keeps what it was asked. Resources are as `docs/http-api.md` describes them.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

export interface Asked {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly token: string | undefined
  readonly body: unknown
}

export type Answer = readonly [status: number, body: unknown]
/** By `METHOD /path` without its query; a function may answer differently each time, or take the response over. */
export type Answers = Record<
  string,
  Answer | ((asked: Asked, response: ServerResponse) => Answer | undefined)
>

export class MasterDouble {
  readonly asked: Asked[] = []
  answers: Answers = {}
  readonly #server = createServer((request, response) => void this.#serve(request, response))

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve)
    })
    return this
  }

  get url(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  }

  get last(): Asked | undefined {
    return this.asked.at(-1)
  }

  /** The bodies of requests to `METHOD /path`, oldest first. */
  bodies(route: string): unknown[] {
    return this.asked
      .filter(({ method, path }) => `${method} ${path.split('?')[0]}` === route)
      .map(({ body }) => body)
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const piece of request) text += String(piece)
    const asked: Asked = {
      method: request.method ?? '',
      path: request.url ?? '',
      token: request.headers.authorization?.replace(/^Bearer /, ''),
      body: text === '' ? undefined : JSON.parse(text),
    }
    this.asked.push(asked)
    const found = this.answers[`${asked.method} ${asked.path.split('?')[0]}`]
    const answer = typeof found === 'function' ? found(asked, response) : found
    if (answer === undefined && found !== undefined) return
    const [status, body] = answer ?? problem(404, 'NOT_FOUND', `there is no ${asked.path}`)
    response.writeHead(status, {
      'content-type': status >= 400 ? 'application/problem+json' : 'application/json',
    })
    response.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body))
  }
}

/** Problem details (RFC 9457) as the master gives them. */
export const problem = (status: number, code: string, detail: string, more: object = {}): Answer => [
  status,
  { type: 'about:blank', title: 'Problem', status, code, detail, requestId: 'r1', ...more },
]

export const SERVER_IDS = ['a', 'b', 'c'].map((x) => x.repeat(8) + '-0000-4000-8000-000000000000')

export const server = (index: number, more: object = {}) => ({
  id: SERVER_IDS[index] ?? '',
  name: `s${index + 1}`,
  address: `127.0.0.1:746${index}`,
  addresses: {
    grpc: `127.0.0.1:746${index}`,
    replication: `127.0.0.1:745${index}`,
    http: `127.0.0.1:748${index}`,
    iscsi: [`127.0.0.1:326${index}`],
    nvme: [`127.0.0.1:442${index}`],
  },
  zone: `z${index + 1}`,
  rack: null,
  disk_type: 'ssd',
  state: 'active',
  cordoned: false,
  connection: 'connected',
  silent_ms: 120,
  capacity_bytes: 1024 ** 4,
  free_bytes: 1024 ** 4 / 2,
  allocated_bytes: 10 * 1024 ** 3,
  volume_count: 2,
  primary_count: 1,
  joined_at: '2026-11-21T13:00:00.000Z',
  ...more,
})

const replica = (index: number) => ({
  server: SERVER_IDS[index] ?? '',
  server_name: `s${index + 1}`,
  role: index === 0 ? 'primary' : 'replica',
  state: 'ready',
  in_sync: true,
  connected: true,
  standing: 'sound',
  wal_lag: index === 0 ? null : 0,
  wal_lag_bytes: index === 0 ? null : 0,
  resync_ratio: null,
})

const path = (index: number, role: string) => ({
  server: SERVER_IDS[index] ?? '',
  server_name: `s${index + 1}`,
  slot: index,
  role,
  iscsi_addrs: [`127.0.0.1:326${index}`],
  nvme_addrs: [`127.0.0.1:442${index}`],
})

export const POLICY = {
  name: 'db1',
  size_bytes: 10 * 1024 ** 3,
  preset: 'general',
  replica_factor: 3,
  durability_mode: 'sync_all',
  min_in_sync: 1,
  max_lag_entries: null,
  max_lag_ms: null,
  logical_block_bytes: 512,
  log_bytes: null,
  disk_type: null,
  zones: [],
  zone_spread: 'preferred',
  rack_spread: 'preferred',
  multipath: false,
  qos: { iops: 0, iops_burst: 0, bytes_per_second: 0, bytes_burst: 0 },
}

export const volume = (more: object = {}) => ({
  id: '0e6d3b9a-5f3c-4d2e-8a44-2f6f0a6a9c11',
  ...POLICY,
  status: 'active',
  health_state: 'healthy',
  health_reasons: [] as string[],
  serving: true,
  epoch: 1,
  volume_server: SERVER_IDS[0],
  iqn: 'iqn.2026-11.io.basalt:db1',
  iscsi_addr: '127.0.0.1:3260',
  iscsi_addrs: ['127.0.0.1:3260'],
  nqn: 'nqn.2026-11.io.basalt:db1',
  nvme_addr: '127.0.0.1:4420',
  nvme_addrs: ['127.0.0.1:4420'],
  paths: [path(0, 'active'), path(1, 'standby'), path(2, 'standby')],
  replicas: [replica(0), replica(1), replica(2)],
  replica_degraded: false,
  may_have_lost: false,
  used_bytes: 1024 ** 3,
  snapshots_count: 0,
  snapshot_bytes: 0 as number | null,
  clone: null as object | null,
  scrub: null as object | null,
  access: { initiators: null, chap: null, hosts: null, dhchap: [] },
  publications: [],
  jobs: [] as string[],
  created_at: '2026-11-21T13:00:00.000Z',
  ...more,
})

export const job = (more: object = {}) => ({
  id: 'job-1',
  kind: 'create',
  state: 'running',
  volume: '0e6d3b9a-5f3c-4d2e-8a44-2f6f0a6a9c11',
  volume_name: 'db1',
  server: null,
  actor: 'local',
  step: 'allocate',
  progress: { done: 0, total: 3, unit: 'steps' },
  message: null,
  result: null as unknown,
  created_at: '2026-11-21T13:00:00.000Z',
  updated_at: '2026-11-21T13:00:01.000Z',
  ...more,
})

export const event = (number: number, more: object = {}) => ({
  number,
  at: '2026-11-21T13:00:00.000Z',
  last_at: '2026-11-21T13:00:00.000Z',
  count: 1,
  severity: 'info',
  kind: 'volume.created',
  actor: 'local',
  volume: null,
  server: null,
  message: `volume ${number} was made`,
  reason: null,
  epoch: null,
  lsn: null,
  request_id: null,
  ...more,
})

export const CLUSTER = {
  cluster_id: 'c1',
  registry_id: 'r1',
  registry_seq: 42,
  lock: null,
  volume_count: 3,
  healthy_count: 2,
  degraded_count: 1,
  rebuilding_count: 0,
  unsafe_count: 0,
  server_count: 3,
  connected_server_count: 3,
  cordoned_server_count: 0,
  capacity_bytes: 3 * 1024 ** 4,
  free_bytes: 2 * 1024 ** 4,
  allocated_bytes: 30 * 1024 ** 3,
  promotions_total: 4,
  failovers_total: 1,
  rebuilds_total: 0,
  running_job_count: 1,
  pending: [],
  refused: [],
}

export const snapshot = (more: object = {}) => ({
  id: '00000000000000a1',
  name: 'monday',
  volume: 'db1',
  volume_id: '0e6d3b9a-5f3c-4d2e-8a44-2f6f0a6a9c11',
  state: 'ready',
  lsn: 4711,
  size_bytes: 10 * 1024 ** 3,
  created_at: '2026-11-21T13:00:00.000Z',
  held_bytes: (3 * 1024 ** 2) as number | null,
  exclusive_bytes: (1024 ** 2) as number | null,
  exposed: null as object | null,
  schedule: null as string | null,
  group: null as string | null,
  repository: null as string | null,
  ...more,
})

export const schedule = (more: object = {}) => ({
  name: 'nightly',
  volumes: ['db*'],
  every_seconds: 86_400 as number | null,
  at: null as string | null,
  keep: { last: 2 },
  backup: null as object | null,
  paused: false,
  created_at: '2026-11-21T13:00:00.000Z',
  next_at: '2026-11-22T13:00:00.000Z',
  matching: ['db1', 'db2'],
  last: null as object | null,
  ...more,
})

export const repository = (more: object = {}) => ({
  name: 'offsite',
  kind: 's3',
  endpoint: null,
  region: 'us-east-1',
  bucket: 'backups',
  prefix: 'basalt',
  access_key_id: 'AKIA1',
  force_path_style: false,
  directory: null,
  encrypted: true,
  created_at: '2026-11-21T13:00:00.000Z',
  ...more,
})

export const backup = (more: object = {}) => ({
  id: 'b-1',
  volume_name: 'db1',
  volume_uuid: '0e6d3b9a-5f3c-4d2e-8a44-2f6f0a6a9c11',
  created_at: '2026-11-21T13:00:00.000Z',
  snapshot_name: 'backup-1',
  size_bytes: 10 * 1024 ** 3,
  kind: 'incremental',
  base: 'b-0' as string | null,
  why_full: null as string | null,
  stored_bytes: 1024 ** 2,
  changed_bytes: 4 * 1024 ** 2,
  compression: 'zstd',
  encrypted: true,
  state: 'complete',
  ...more,
})

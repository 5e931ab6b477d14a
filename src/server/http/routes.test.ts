import { request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  makeVolume,
  RecordingService,
  realPorts,
  temporaryDirectory,
} from '../../../test/e2e/target/support/volume.ts'
import { BLOCK_ERROR_CODES, BlockError } from '../../base/errors.ts'
import { Volume } from '../../blockvol/volume.ts'
import { Secret } from '../../frontend/secret.ts'
import { buildHttpApp } from '../../http/app.ts'
import { tokenGate } from '../../http/guards.ts'
import { HttpServer, type HttpServerOptions } from '../../http/http-server.ts'
import { problemOf } from '../../http/problem.ts'
import { MetricsRegistry } from '../../metrics/registry.ts'
import { HostedVolume } from '../hosted-volume.ts'
import { HostedVolumes } from '../hosted-volumes.ts'
import { makeLatencyRecorders } from '../latencies.ts'
import { addVolumeMetrics } from '../volume-metrics.ts'
import { addRoutes } from './routes.ts'
import type { ServerView } from './server-view.ts'

const directory = temporaryDirectory()
const ports = realPorts()
const volumes = new HostedVolumes()
const metrics = new MetricsRegistry()
const service = new RecordingService()
const token = Secret.fromText('0123456789abcdef')
let state: ServerView['state'] = 'serving'

const options = (changes: Partial<HttpServerOptions> = {}): HttpServerOptions => ({
  listen: { host: '127.0.0.1', port: 0 },
  flag: '--admin',
  gate: tokenGate({ token: undefined, tokenFlag: '--admin-token-file', host: '127.0.0.1' }),
  title: 'Basalt admin API',
  addRoutes: (app) => {
    const server = () => ({ id: 'server-1', version: '0.0.1', pid: 1, startedWallMs: 0, state })
    addRoutes(app, { volumes, metrics, server })
  },
  version: '0.0.1',
  clock: ports.clock,
  logger: ports.logger,
  ...changes,
})

let app: FastifyInstance
beforeAll(async () => {
  await makeVolume(ports, `${directory.path}/v`)
  volumes.add(
    await HostedVolume.open({
      open: () => Volume.open(ports, { directory: `${directory.path}/v` }),
      service,
      latencies: makeLatencyRecorders(),
      clock: ports.clock,
      logger: ports.logger,
      onFatal: (error) => {
        throw error
      },
    }),
  )
  addVolumeMetrics(metrics, volumes, 'server-1')
  app = await buildHttpApp(options())
})
afterAll(async () => {
  await app.close()
  await volumes.stop()
  directory.remove()
})

const call = (given: InjectOptions, on = app): Promise<LightMyRequestResponse> =>
  on.inject({ ...given, headers: { host: '127.0.0.1:7462', ...given.headers } })
const get = (url: string): Promise<LightMyRequestResponse> => call({ method: 'GET', url })

function expectProblem(response: LightMyRequestResponse, status: number): { detail?: string; code?: string } {
  expect(response.statusCode).toBe(status)
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/)
  const problem = response.json<{ status: number; requestId: string; detail?: string; code?: string }>()
  expect(problem.status).toBe(status)
  expect(problem.requestId).toBe(response.headers['x-request-id'])
  return problem
}

describe('volumes', () => {
  it('shows size, space that adds up, LSNs, log and health', async () => {
    await service.device?.write(0, new Uint8Array(4096).fill(1), { fua: true })
    const volume = (await get('/block/volumes/vol1')).json()
    expect(volume).toMatchObject({
      name: 'vol1',
      state: 'serving',
      health: 'healthy',
      reasons: [],
      sizeBytes: 16 * 1024 * 1024,
      readOnly: false,
      epoch: { number: 1 },
      iscsi: { iqn: 'iqn.2026-11.io.basalt:vol1', sessions: [] },
    })
    expect(volume.uuid).toMatch(/^[0-9a-f-]{36}$/)
    expect(volume.lsn.durable).toBeGreaterThanOrEqual(2)
    const { totalBytes, freeBytes, ...parts } = volume.space
    expect(Object.values<number>(parts).reduce((sum, bytes) => sum + bytes, 0)).toBe(totalBytes)
    expect(freeBytes).toBeGreaterThan(0)
    expect((await get('/block/volumes')).json().volumes).toHaveLength(1)
    expect((await get('/block/volumes/vol1/space')).json().totalBytes).toBe(totalBytes)
  })

  it('checkpoints and scrubs', async () => {
    const before = (await get('/block/volumes/vol1')).json().lsn
    const done = await call({ method: 'POST', url: '/block/volumes/vol1/checkpoint' })
    expect(done.statusCode).toBe(200)
    expect(done.json().checkpointLsn).toBeGreaterThanOrEqual(before.appended)
    const started = await call({ method: 'POST', url: '/block/volumes/vol1/scrub' })
    expect(started.statusCode).toBe(202)
    expect((await get('/block/volumes/vol1/scrub')).json()).toMatchObject({ errors: 0, badBlocks: [] })
  })

  it('answers 404 with a code for a volume that is not there', async () => {
    for (const url of ['/block/volumes/other', '/block/volumes/other/space', '/block/volumes/other/scrub']) {
      expect(expectProblem(await get(url), 404).code).toBe('NOT_FOUND')
    }
  })

  it.each(['..%2f..%2fetc', '%00', 'A', 'a%20b', '%d0%b0bc', 'a'.repeat(64), '-a'])(
    'refuses the name %s at the edge',
    async (name) => {
      expectProblem(await get(`/block/volumes/${name}`), 400)
    },
  )
})

describe('status and health', () => {
  it('is healthy while it serves, and 503 with the reason while it drains', async () => {
    expect((await get('/healthz')).json()).toEqual({ healthy: true, reasons: [] })
    state = 'draining'
    const response = await get('/healthz')
    expect(response.statusCode).toBe(503)
    expect(response.json()).toEqual({ healthy: false, reasons: ['the server is draining'] })
    state = 'serving'
  })

  it('tells of the server and all volumes', async () => {
    const status = (await get('/status')).json()
    expect(status.server).toEqual({
      id: 'server-1',
      version: '0.0.1',
      pid: 1,
      startedAt: '1970-01-01T00:00:00.000Z',
      state: 'serving',
    })
    expect(status.volumes[0].latency.read).toEqual({ count: 0, p50Us: 0, p99Us: 0 })
  })
})

describe('metrics', () => {
  it('gives counters, gauges and histograms of the volume', async () => {
    const response = await get('/metrics')
    expect(response.headers['content-type']).toMatch(/^text\/plain; version=0.0.4/)
    const labels = '\\{server="server-1",volume="vol1"\\}'
    expect(response.body).toMatch(new RegExp(`^basalt_write_ops_total${labels} [1-9]`, 'm'))
    expect(response.body).toMatch(new RegExp(`^basalt_volume_serving${labels} 1$`, 'm'))
    expect(response.body).toMatch(/^basalt_volume_used_bytes\{.*part="log"\} [1-9]/m)
    expect(response.body).toMatch(/^basalt_command_seconds_bucket\{.*op="read",le="\+Inf"\} 0$/m)
  })
})

describe('what a request may be', () => {
  it('answers 404 and 405 as problems, with the methods that are there', async () => {
    expectProblem(await get('/nothing'), 404)
    const response = await call({ method: 'DELETE', url: '/block/volumes/vol1/scrub' })
    expectProblem(response, 405)
    expect(response.headers.allow).toBe('GET, HEAD, POST')
    expectProblem(await call({ method: 'POST', url: '/healthz' }), 405)
  })

  it('keeps a harmless request id and replaces another', async () => {
    const given = await call({ method: 'GET', url: '/healthz', headers: { 'x-request-id': 'probe-7' } })
    expect(given.headers['x-request-id']).toBe('probe-7')
    const odd = await call({ method: 'GET', url: '/healthz', headers: { 'x-request-id': 'a b"' } })
    expect(odd.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })

  it.each([
    ['a large body', 'application/json', JSON.stringify('x'.repeat(70_000)), 413],
    ['a media type that is not JSON', 'text/plain', 'x', 415],
    ['malformed JSON', 'application/json', '{', 400],
    ['__proto__ in JSON', 'application/json', '{"__proto__":{"a":1}}', 400],
  ])('refuses %s', async (_, type, payload, status) => {
    const url = '/block/volumes/vol1/checkpoint'
    expectProblem(await call({ method: 'POST', url, payload, headers: { 'content-type': type } }), status)
  })

  it.each([
    ['another host name', { host: 'evil.example:7462' }],
    ['another origin', { origin: 'http://evil.example' }],
    ['a cross-site fetch', { 'sec-fetch-site': 'cross-site' }],
  ])('refuses a request of %s on loopback', async (_, headers) => {
    expectProblem(await call({ method: 'POST', url: '/block/volumes/vol1/checkpoint', headers }), 403)
  })

  it('limits the rate of an address', async () => {
    const limited = await buildHttpApp(options())
    const statuses = new Set<number>()
    for (let i = 0; i < 700; i++)
      statuses.add((await call({ method: 'GET', url: '/healthz' }, limited)).statusCode)
    expect([...statuses]).toEqual([200, 429])
    await limited.close()
  })
})

describe('with a token', () => {
  it('wants it everywhere but on what tells nothing', async () => {
    const guarded = await buildHttpApp(
      options({ gate: tokenGate({ token, tokenFlag: '--admin-token-file', host: '0.0.0.0' }) }),
    )
    const withToken = (given: string): Promise<LightMyRequestResponse> =>
      call(
        { method: 'GET', url: '/status', headers: { authorization: `Bearer ${given}`, host: 'a.example' } },
        guarded,
      )
    const without = await call({ method: 'GET', url: '/status' }, guarded)
    expectProblem(without, 401)
    expect(without.headers['www-authenticate']).toBe('Bearer')
    expectProblem(await withToken('0123456789abcdeX'), 401)
    expectProblem(await withToken('0123456789abcdef0'), 401)
    expect((await withToken('0123456789abcdef')).statusCode).toBe(200)
    for (const url of ['/healthz', '/ui', '/openapi.json']) {
      expect((await call({ method: 'GET', url }, guarded)).statusCode, url).toBe(200)
    }
    await guarded.close()
  })
})

describe('the page and the description', () => {
  it('is one document without anything from elsewhere, under a policy that forbids it', async () => {
    const page = await get('/ui')
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    const policy = String(page.headers['content-security-policy'])
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-/)
    expect(policy).not.toContain('unsafe')
    expect(page.body).not.toMatch(/(?:src|href)=|https?:\/\/|\sstyle=|\son\w+=|innerHTML/)
    const root = await get('/')
    expect(root.headers.location).toBe('/ui')
  })

  it('describes exactly the routes that there are', async () => {
    const document = (await get('/openapi.json')).json()
    expect(document.openapi).toBe('3.1.0')
    const operations = Object.entries<Record<string, unknown>>(document.paths)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
      .sort()
    expect(operations).toEqual([
      'GET /block/volumes',
      'GET /block/volumes/{name}',
      'GET /block/volumes/{name}/scrub',
      'GET /block/volumes/{name}/space',
      'GET /healthz',
      'GET /metrics',
      'GET /status',
      'POST /block/volumes/{name}/checkpoint',
      'POST /block/volumes/{name}/scrub',
    ])
    expect(document.paths['/block/volumes/{name}'].get.parameters[0].name).toBe('name')
  })
})

describe('errors', () => {
  it('have a status for each code and hide what they do not know', () => {
    for (const code of BLOCK_ERROR_CODES) {
      expect(problemOf(new BlockError(code, 'text'), 'id')).toMatchObject({ code, detail: 'text' })
    }
    const unknown = problemOf(new Error('secret'), 'id')
    expect(unknown).toEqual({ type: 'about:blank', title: 'Internal error', status: 500, requestId: 'id' })
  })
})

describe('on a socket', () => {
  it('serves real requests, and refuses oversized headers and malformed HTTP without harm', async () => {
    const server = await HttpServer.open(options())
    const { host, port } = server.address
    const response = await fetch(`http://${host}:${port}/healthz`)
    expect(response.status).toBe(200)

    const oversized = await new Promise<number | undefined>((resolve, reject) => {
      request({ host, port, path: '/healthz', headers: { 'x-a': 'a'.repeat(20_000) } }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      })
        .on('error', reject)
        .end()
    })
    expect(oversized).toBe(431)
    const socket = connect(port, host)
    socket.end('BREW /coffee\r\n\r\n')
    expect(await text(socket)).toMatch(/^HTTP\/1.1 400 /)
    expect((await fetch(`http://${host}:${port}/healthz`)).status).toBe(200)

    await expect(HttpServer.open(options({ listen: { host, port } }))).rejects.toThrow(
      `--admin ${host}:${port}: another process listens there`,
    )
    await server.close()
    await expect(HttpServer.open(options({ listen: { host: '192.0.2.1', port: 0 } }))).rejects.toThrow(
      '--admin 192.0.2.1:0: this machine has no such address',
    )
  })
})

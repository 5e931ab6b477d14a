import { type IncomingMessage, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { json } from 'node:stream/consumers'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { Type } from 'typebox'
import { afterEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../test/e2e/iscsi/manual-clock.ts'
import { silentLogger } from '../base/log.ts'
import { RealRandom } from '../io/random.ts'
import { makeAuthority, makeNodeCertificate } from '../master/security/certificate.ts'
import { buildHttpApp, type HttpAppOptions } from './app.ts'
import { refuseForeignPages, tokenGate } from './guards.ts'
import { HttpServer } from './http-server.ts'
import { depthOf } from './json-body.ts'
import { PROBLEM_ANSWERS } from './problem.ts'

const Body = Type.Object(
  { name: Type.String(), kind: Type.Optional(Type.Enum(['a', 'b'])) },
  { additionalProperties: false },
)
const Query = Type.Object(
  { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 9 })), force: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
)

const options = (changes: Partial<HttpAppOptions> = {}): HttpAppOptions => ({
  title: 'Test',
  version: '1',
  gate: tokenGate({ token: undefined, tokenFlag: '--t', host: '127.0.0.1' }),
  addRoutes: (app: FastifyInstance) => {
    const answers = { response: { 200: Type.Any(), ...PROBLEM_ANSWERS } }
    app.post('/things', { schema: { summary: 'Make', body: Body, ...answers } }, async ({ body }) => body)
    app.get(
      '/things',
      { schema: { summary: 'List', querystring: Query, ...answers } },
      async ({ query }) => query,
    )
    app.get('/things/:name', { schema: { summary: 'Show', ...answers } }, async () => ({}))
  },
  clock: new ManualClock(),
  logger: silentLogger,
  ...changes,
})

const apps: FastifyInstance[] = []
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close()
})
async function build(changes: Partial<HttpAppOptions> = {}): Promise<FastifyInstance> {
  const app = await buildHttpApp(options(changes))
  apps.push(app)
  return app
}
const call = (app: FastifyInstance, given: InjectOptions) =>
  app.inject({ ...given, headers: { host: 'localhost:1', ...given.headers } })
const post = (app: FastifyInstance, payload: string, type = 'application/json') =>
  call(app, { method: 'POST', url: '/things', payload, headers: { 'content-type': type } })

const validity = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2099-01-01T00:00:00Z') }

describe('a body', () => {
  it.each([
    ['{"name":"x","other":1}', 400, "there is no field 'other'; /openapi.json lists those that there are"],
    ['{}', 400, "'name' is missing"],
    ['{"name":1}', 400, "'name' is to be of type string"],
    ['{"name":"x","kind":"c"}', 400, "'kind' is one of a, b"],
    ['[]', 400, 'the body is to be of type object'],
    ['{"constructor":{"prototype":{"a":1}}}', 400, undefined],
    ['{"__proto__":{"a":1}}', 400, undefined],
    ['{"\\u005f_proto__":{"a":1}}', 400, undefined],
    [
      `${'['.repeat(17)}${']'.repeat(17)}`,
      400,
      'the body nests objects and lists deeper than 16; no request needs that',
    ],
    [
      `{"a":${'['.repeat(30_000)}`,
      400,
      'the body nests objects and lists deeper than 16; no request needs that',
    ],
    ['', 400, undefined],
  ])('is refused in a sentence: %.40s', async (payload, status, detail) => {
    const answer = await post(await build(), payload)
    expect(answer.statusCode).toBe(status)
    const problem = answer.json()
    expect(problem).toMatchObject({ status, code: 'INVALID_ARGUMENT', reason: expect.any(String) })
    expect(problem.detail).toMatch(/\w/)
    if (detail !== undefined) expect(problem.detail).toBe(detail)
  })

  it('may hold brackets in strings', () => {
    expect(depthOf('{"a":"[[[[{{{\\"[["}')).toBe(1)
    expect(depthOf('[[],[[]]]')).toBe(3)
    expect(depthOf(']]]')).toBe(0)
  })

  it('of 100 MB is refused before it has come', async () => {
    const server = await HttpServer.open({
      ...options(),
      listen: { host: '127.0.0.1', port: 0 },
      flag: '--http',
    })
    const { host, port } = server.address
    const send = (headers: Record<string, string>): Promise<{ status?: number; sentBytes: number }> =>
      new Promise((resolve, reject) => {
        let sentBytes = 0
        const piece = Buffer.alloc(64 * 1024, 0x20)
        const sending = request({ host, port, method: 'POST', path: '/things', headers }, (answer) => {
          answer.resume().on('end', () => {
            sending.destroy()
            resolve({ ...(answer.statusCode === undefined ? {} : { status: answer.statusCode }), sentBytes })
          })
        })
        const more = (): void => {
          if (sending.destroyed || sentBytes >= 100 * 1024 * 1024) return
          sentBytes += piece.length
          sending.write(piece, more)
        }
        // After the answer the server resets what is still being sent.
        sending.on('error', (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
        })
        more()
      })
    const type = { 'content-type': 'application/json' }
    for (const headers of [type, { ...type, 'content-length': String(100 * 1024 * 1024) }]) {
      const { status, sentBytes } = await send(headers)
      expect(status).toBe(413)
      expect(sentBytes).toBeLessThan(50 * 1024 * 1024)
    }
    await server.close()
  })
})

describe('a query', () => {
  it('has numbers and truth values where its schema says so', async () => {
    const app = await build()
    const get = async (query: string) => (await call(app, { url: `/things?${query}` })).json()
    expect(await get('limit=3&force=true')).toEqual({ limit: 3, force: true })
    for (const query of [
      'limit=x',
      'limit=10',
      'limit=1e0',
      'limit=1&limit=2',
      'force=yes',
      'else=1',
      'limit=',
    ]) {
      expect(await get(query), query).toMatchObject({ status: 400 })
    }
  })
})

describe('a browser', () => {
  const origin = 'https://console.example'
  const preflight = { origin, 'access-control-request-method': 'POST' }

  it('is told nothing of other origins unless they are allowed', async () => {
    const app = await build()
    const answer = await call(app, { method: 'OPTIONS', url: '/things', headers: preflight })
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin')
    expect(answer.statusCode).toBe(403)
    const own = await call(app, { method: 'OPTIONS', url: '/things' })
    expect(own.statusCode).toBe(405)
    expect(own.headers.allow).toBe('GET, HEAD, POST')
  })

  it('may call from an origin that is allowed, and from no other', async () => {
    const gate: HttpAppOptions['gate'] = (given) => refuseForeignPages(given, [origin])
    const app = await build({ corsOrigins: [origin], gate })
    const asked = await call(app, { method: 'OPTIONS', url: '/things', headers: preflight })
    expect(asked.statusCode).toBe(204)
    expect(asked.headers['access-control-allow-origin']).toBe(origin)
    const called = await call(app, { url: '/things', headers: { origin } })
    expect(called.statusCode).toBe(200)
    expect(called.headers['access-control-allow-origin']).toBe(origin)
    const other = await call(app, { url: '/things', headers: { origin: 'https://evil.example' } })
    expect(other.statusCode).toBe(403)
    expect(other.headers).not.toHaveProperty('access-control-allow-origin')
    expect((await call(app, { method: 'PUT', url: '/things' })).headers.allow).toBe('GET, HEAD, POST')
  })
})

describe('the page of the description', () => {
  it('comes from this server with all that it loads', async () => {
    const app = await build({ hasDocsPage: true })
    const page = await call(app, { url: '/docs' })
    expect(page.statusCode).toBe(200)
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'self'/)
    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file!)
    expect(files.length).toBeGreaterThan(3)
    for (const file of files) {
      expect((await call(app, { url: new URL(file, 'http://x/docs/').pathname })).statusCode, file).toBe(200)
    }
    const { paths } = (await call(app, { url: '/openapi.json' })).json()
    expect(Object.keys(paths)).toEqual(['/things', '/things/{name}'])
  })
})

describe('with a key and a certificate', () => {
  it('speaks HTTPS and nothing else', async () => {
    const authority = await makeAuthority(new RealRandom(), 'cluster-1', validity)
    const node = await makeNodeCertificate(new RealRandom(), authority, {
      clusterId: 'cluster-1',
      name: 'host-a',
      hosts: ['host-a', '127.0.0.1'],
      validity,
    })
    const listen = { host: '127.0.0.1', port: 0 }
    const server = await HttpServer.open({ ...options({ tls: node }), listen, flag: '--http' })
    const { host, port } = server.address
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      secureRequest({ host, port, path: '/things?limit=2', ca: authority.cert, agent: false }, resolve)
        .on('error', reject)
        .end()
    })
    expect(answer.statusCode).toBe(200)
    expect(await json(answer)).toEqual({ limit: 2 })
    await expect(fetch(`http://${host}:${port}/things`)).rejects.toThrow()
    await server.close()
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TestMaster, testMaster } from '../../../test/master/scripted-master.ts'
import type { Role } from '../records.ts'
import { ROUTE_ROLES } from './roles.ts'

let test: TestMaster
beforeEach(async () => {
  test = await testMaster()
})
afterEach(() => test.app.close())

const status = async (...given: Parameters<TestMaster['call']>): Promise<unknown[]> => {
  const answer = await test.call(...given)
  const { code, reason } = answer.statusCode >= 400 ? answer.json() : {}
  return [answer.statusCode, code, reason]
}

const SERVED = [200, undefined, undefined]

describe('without a token in the registry', () => {
  it('serves this machine, and lets it do everything', async () => {
    expect(await status('GET', '/block/status')).toEqual([200, undefined, undefined])
    expect(await status('DELETE', '/block/server/host-a')).toEqual([204, undefined, undefined])
    expect(await status('GET', '/block/status', { remoteAddress: '::ffff:127.0.0.1' })).toEqual(SERVED)
  })

  it('serves nobody else, and says how to go on', async () => {
    const answer = await test.call('GET', '/block/status', { remoteAddress: '10.0.0.9' })
    expect(answer.statusCode).toBe(401)
    expect(answer.json()).toMatchObject({
      reason: 'no_tokens',
      detail: expect.stringContaining('basalt cluster token create'),
    })
    const headers = { 'x-forwarded-for': '10.0.0.9' }
    expect(await status('GET', '/block/status', { headers })).toEqual([401, 'ACCESS_DENIED', 'no_tokens'])
  })

  it('refuses what a page of another site sent', async () => {
    const refusals = [
      { origin: 'http://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { host: 'evil.example:7470' },
    ]
    for (const headers of refusals) {
      expect(await status('DELETE', '/block/volume/vol1', { headers })).toEqual([
        403,
        'ACCESS_DENIED',
        expect.stringMatching(/^foreign_/),
      ])
    }
    expect(test.master.calls).toEqual([])
  })

  it('goes on so while only block servers have tokens', async () => {
    test.token('server')
    expect(await status('GET', '/block/status')).toEqual(SERVED)
  })
})

describe('with tokens', () => {
  it.each([
    [undefined, 'token_missing'],
    ['', 'token_missing'],
    ['Basic abc', 'token_missing'],
    ['Bearer ', 'token_unknown'],
    ['Bearer basalt_stale', 'token_unknown'],
    [`Bearer ${'x'.repeat(5000)}`, 'token_unknown'],
  ])('answers 401 to %.20s', async (authorization, reason) => {
    test.token('admin')
    const headers = authorization === undefined ? {} : { authorization }
    const answer = await test.call('GET', '/block/status', { headers })
    expect(answer.statusCode).toBe(401)
    expect(answer.headers['www-authenticate']).toBe('Bearer')
    expect(answer.json()).toMatchObject({
      code: 'ACCESS_DENIED',
      reason,
      detail: expect.stringMatching(/token/),
    })
  })

  it('knows a token from anywhere, until it expires or is revoked', async () => {
    test.token('admin')
    const token = test.token('viewer', { expiresInMs: 60_000 })
    const remote = { token, remoteAddress: '10.0.0.9', headers: { host: 'master.example' } }
    expect(await status('GET', '/block/status', remote)).toEqual(SERVED)
    test.clock.advance(60_000)
    expect(await status('GET', '/block/status', remote)).toEqual([401, 'ACCESS_DENIED', 'token_expired'])
  })

  it('stays closed when all tokens have expired', async () => {
    test.token('admin', { expiresInMs: 1000 })
    test.clock.advance(1000)
    expect(await status('GET', '/block/status')).toEqual([401, 'ACCESS_DENIED', 'token_missing'])
  })

  it('lets a viewer look and not touch, and a server token do neither', async () => {
    test.token('admin')
    const viewer = test.token('viewer')
    const answer = await test.call('DELETE', '/block/volume/vol1', { token: viewer })
    expect(answer.statusCode).toBe(403)
    expect(answer.json()).toMatchObject({
      reason: 'role_too_low',
      detail:
        "this needs the role operator, and the token 'viewer' has the role viewer; ask an admin for another",
    })
    const server = test.token('server')
    expect(await status('GET', '/block/status', { token: server })).toEqual([
      403,
      'ACCESS_DENIED',
      'server_token',
    ])
    expect(test.master.calls).toEqual([])
  })

  it('tells the master who asks', async () => {
    const token = test.token('admin', { name: 'ops' })
    const headers = { 'x-request-id': 'change-7' }
    await test.call('DELETE', '/block/volume/vol1', { token, headers })
    expect(test.master.calls).toEqual([
      ['deleteVolume', { actor: 'ops', requestId: 'change-7' }, 'vol1', { keepSnapshots: false }],
    ])
  })

  it('slows down who guesses, and not who knows', async () => {
    const token = test.token('admin')
    const statuses: number[] = []
    for (let i = 0; i < 30; i++) {
      statuses.push((await test.call('GET', '/block/status', { token: `guess-${i}` })).statusCode)
    }
    expect(new Set(statuses)).toEqual(new Set([401, 429]))
    expect(statuses.filter((given) => given === 401).length).toBeLessThanOrEqual(21)
    expect(await status('GET', '/block/status', { token })).toEqual([429, 'BUSY', 'too_many_requests'])
    const elsewhere = { token, remoteAddress: '10.0.0.9' }
    expect(await status('GET', '/block/status', elsewhere)).toEqual(SERVED)
    test.clock.advance(20_000)
    expect(await status('GET', '/block/status', { token })).toEqual(SERVED)
  })

  it('limits one token that is used from many addresses', async () => {
    const token = test.token('viewer')
    const statuses = new Set<number>()
    for (let i = 0; i < 1100; i++) {
      const remoteAddress = `10.0.${i % 8}.1`
      statuses.add((await test.call('GET', '/block/job/j', { token, remoteAddress })).statusCode)
    }
    expect([...statuses]).toEqual([200, 429])
  })
})

describe('every route', () => {
  interface Operation {
    readonly summary: string
    readonly responses: Readonly<
      Record<string, { readonly content?: Readonly<Record<string, { schema?: object }>> }>
    >
  }
  const operations = async (): Promise<[string, Operation][]> => {
    const { paths } = (await test.call('GET', '/openapi.json')).json<{
      paths: Record<string, Record<string, Operation>>
    }>()
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, Operation] => [
        `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
        operation,
      ]),
    )
  }

  it('has a role, or tells nothing', async () => {
    const described = (await operations()).map(([route]) => route)
    expect(described.filter((route) => route !== 'GET /healthz').sort()).toEqual(
      Object.keys(ROUTE_ROLES).sort(),
    )
  })

  it('is described, with a schema for each of its answers', async () => {
    for (const [route, { summary, responses }] of await operations()) {
      expect(summary, route).toMatch(/^[A-Z].{5,}/)
      const statuses = Object.keys(responses)
      expect(
        statuses.some((status) => status.startsWith('2')),
        route,
      ).toBe(true)
      if (route.includes('/block/')) expect(statuses, route).toEqual(expect.arrayContaining(['4XX', '5XX']))
      for (const [status, { content }] of Object.entries(responses)) {
        if (status === '204') continue
        const [[type, answer] = []] = Object.entries(content ?? {})
        expect(answer?.schema, `${route} ${status}`).toBeDefined()
        if (status.endsWith('XX')) expect(type).toBe('application/problem+json')
      }
    }
  })

  it('is served from its least role on, and to nobody below', async () => {
    const tokens: Record<Role, string> = {
      admin: test.token('admin'),
      operator: test.token('operator'),
      viewer: test.token('viewer'),
    }
    const ranks = ['viewer', 'operator', 'admin'] as const
    for (const [route, least] of Object.entries(ROUTE_ROLES)) {
      const [method = '', path = ''] = route.split(' ')
      // A query that no route has: whoever is let in gets 400, and nothing is done.
      const url = `${path.replaceAll(/:\w+/g, 'x')}?nothing=1`
      for (const role of ranks) {
        test.clock.advance(10_000)
        const answer = await test.app.inject({
          method: method as 'GET',
          url,
          headers: { authorization: `Bearer ${tokens[role]}` },
        })
        const isServed = ranks.indexOf(role) >= ranks.indexOf(least)
        if (route === 'GET /metrics' && isServed) expect(answer.statusCode).toBe(200)
        else expect(answer.statusCode, `${route} as ${role}`).toBe(isServed ? 400 : 403)
      }
      expect((await test.app.inject({ method: method as 'GET', url })).statusCode, route).toBe(401)
    }
    expect(test.master.calls).toEqual([])
  })

  it('answers other methods with those that there are', async () => {
    for (const [url, allow] of [
      ['/block/volumes', 'GET, HEAD'],
      ['/block/volume/vol1', 'DELETE, GET, HEAD'],
      ['/block/volume/vol1/qos', 'PUT'],
      ['/healthz', 'GET, HEAD'],
    ] as const) {
      const answer = await test.call('OPTIONS', url)
      expect(answer.statusCode, url).toBe(405)
      expect(answer.headers.allow, url).toBe(allow)
      expect(answer.json()).toMatchObject({ reason: 'method_not_allowed' })
    }
    expect(await status('GET', '/block/nothing')).toEqual([404, 'NOT_FOUND', 'no_such_path'])
  })
})

import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TestMaster, testMaster } from '../../../test/master/scripted-master.ts'

let test: TestMaster
beforeEach(async () => {
  test = await testMaster()
})
afterEach(() => test.app.close())

const make = (name: string, role: string, token?: string, more: object = {}) =>
  test.call('POST', '/block/token', {
    body: { name, role, ...more },
    ...(token === undefined ? {} : { token }),
  })

describe('tokens', () => {
  it('are shown once, kept as a hash, and open what their role allows until they are revoked', async () => {
    const made = await make('ops', 'admin')
    expect(made.statusCode).toBe(201)
    const { id, token: admin } = made.json()
    expect(admin).toMatch(/^basalt_[\w-]{43}$/)
    expect(made.headers.location).toBe(`/block/token/${id}`)
    const hash = createHash('sha256').update(admin).digest('hex')
    expect(test.store.view.tokens()).toMatchObject([{ id, name: 'ops', role: 'admin', sha256: hash }])

    expect((await test.call('GET', '/block/tokens')).statusCode).toBe(401)
    const reader = (await make('grafana', 'viewer', admin, { expires_in_seconds: 3600 })).json().token
    const list = await test.call('GET', '/block/tokens', { token: admin })
    expect(list.json().tokens).toMatchObject([
      { name: 'grafana', role: 'viewer' },
      { name: 'ops', expires_at: null },
    ])
    for (const secret of [admin, reader, hash]) expect(list.body).not.toContain(secret)

    expect((await test.call('GET', '/block/status', { token: reader })).statusCode).toBe(200)
    expect((await test.call('DELETE', '/block/token/grafana', { token: admin })).statusCode).toBe(204)
    expect((await test.call('GET', '/block/status', { token: reader })).statusCode).toBe(401)
    expect(test.store.told).toEqual([
      'token.created by local',
      'token.created by ops',
      'token.revoked by ops',
    ])
  })

  it('do not lock their maker out, nor open what was closed', async () => {
    expect((await make('reader', 'viewer')).json()).toMatchObject({ reason: 'first_token_is_admin' })
    expect((await make('host-a', 'server')).statusCode).toBe(201)
    const { token, id } = (await make('ops', 'admin')).json()
    expect((await test.call('DELETE', `/block/token/${id}`, { token })).json()).toMatchObject({
      status: 409,
      reason: 'last_admin',
    })
    await make('short', 'admin', token, { expires_in_seconds: 60 })
    test.clock.advance(60_000)
    expect((await test.call('DELETE', `/block/token/${id}`, { token })).json().reason).toBe('last_admin')
  })

  it('have names of their own and roles that there are', async () => {
    const { token } = (await make('ops', 'admin')).json()
    expect((await make('ops', 'viewer', token)).json()).toMatchObject({ status: 409, reason: 'name_taken' })
    expect((await make('../x', 'viewer', token)).statusCode).toBe(400)
    expect((await make('x', 'root', token)).json().detail).toBe(
      "'role' is one of admin, operator, viewer, server",
    )
    expect((await make('x', 'viewer', token, { expires_in_seconds: 0 })).statusCode).toBe(400)
    expect((await test.call('DELETE', '/block/token/nobody', { token })).statusCode).toBe(404)
  })
})

import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TestMaster, testMaster } from '../../../test/master/scripted-master.ts'
import { jobRecord, volumeRecord } from '../../../test/master/scripted-views.ts'
import { BlockError } from '../../base/errors.ts'
import { silentLogger } from '../../base/log.ts'

let test: TestMaster
beforeEach(async () => {
  test = await testMaster()
})
afterEach(() => test.app.close())

const LOCAL = { actor: 'local', requestId: expect.any(String) }

describe('a volume', () => {
  it('is shown as it is recorded and as servers report it, without secrets', async () => {
    const answer = await test.call('GET', '/block/volume/vol1')
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({
      id: volumeRecord('vol1').uuid,
      name: 'vol1',
      size_bytes: 2 ** 30,
      preset: 'general',
      replica_factor: 2,
      durability_mode: 'sync_all',
      min_in_sync: 1,
      max_lag_ms: null,
      status: 'active',
      health_state: 'degraded',
      health_reasons: ['one replica of two'],
      epoch: 3,
      iqn: 'iqn.2026-11.io.basalt:vol1',
      iscsi_addr: '10.0.0.1:3260',
      replicas: [{ server_name: 'host-a', role: 'primary', in_sync: true, wal_lag: 0, wal_lag_bytes: null }],
      replica_degraded: true,
      access: {
        initiators: ['iqn.2026-11.org.example:host1'],
        chap: { user: 'host1', mutual_user: 'target' },
      },
      created_at: '1970-01-01T00:00:00.000Z',
    })
    expect(answer.body).not.toContain('sealed')
  })

  it('is made once: 201 with its place and job, and 200 for the same again', async () => {
    const body = { name: 'new', size_bytes: 2 ** 30, replica_factor: 3, qos: { iops: 5 } }
    const made = await test.call('POST', '/block/volume', { body })
    expect(made.statusCode).toBe(201)
    expect(made.headers.location).toBe('/block/volume/new')
    expect(made.json()).toMatchObject({ name: 'new', job: 'job-1' })
    expect(test.master.calls).toEqual([
      ['createVolume', LOCAL, { name: 'new', sizeBytes: 2 ** 30, replicas: 3, qos: { iops: 5 } }],
    ])
    const again = await test.call('POST', '/block/volume', { body: { ...body, name: 'vol1' } })
    expect(again.statusCode).toBe(200)
    expect(again.json()).toMatchObject({ name: 'vol1', job: null })
  })

  it('is refused with the reason that the master gives', async () => {
    const facts = { reason: 'other_parameters' }
    test.master.failure = new BlockError('CONFLICT', "'vol1' is there with another size", { facts })
    const answer = await test.call('POST', '/block/volume', { body: { name: 'vol1', size_bytes: 1 } })
    expect(answer.statusCode).toBe(409)
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(answer.json()).toMatchObject({
      code: 'CONFLICT',
      reason: 'other_parameters',
      detail: "'vol1' is there with another size",
      requestId: answer.headers['x-request-id'],
    })
  })

  it('is promoted, or refused as unsafe', async () => {
    const body = { target_server: 'host-b', force: true, reason: 'rack is gone' }
    const done = await test.call('POST', '/block/volume/vol1/promote', { body })
    expect(done.json()).toMatchObject({ new_primary: null, epoch: 3, volume: { name: 'vol1' } })
    expect(test.master.calls.at(-1)?.slice(2)).toEqual([
      'vol1',
      { server: 'host-b', force: true, reason: 'rack is gone' },
    ])
    const handed = await test.call('POST', '/block/volume/vol1/promote', {
      body: { target_server: 'host-b' },
    })
    expect(handed.json()).toMatchObject({ new_primary: expect.any(String) })
    test.master.failure = new BlockError('CONFLICT', 'no member answers', { facts: { unsafe: true } })
    const refused = await test.call('POST', '/block/volume/vol1/promote', { body: {} })
    expect(refused.statusCode).toBe(409)
    expect(refused.json()).toMatchObject({ code: 'CONFLICT', unsafe: true })
  })

  it('has a preflight, a plan and a resolved policy, with the names of the API', async () => {
    expect((await test.call('GET', '/block/volume/vol1/preflight')).json()).toMatchObject({
      promotable: false,
      reason: 'members_missing',
      candidate_server: null,
      rejections: [{ reason: 'not_connected' }],
      at_risk: { first_lsn: 7, last_lsn: 9 },
    })
    const body = { name: 'new', size_bytes: 0, replica_factor: 0 }
    expect((await test.call('POST', '/block/volume/resolve', { body })).json()).toMatchObject({
      policy: { name: 'new', replica_factor: 2 },
      overrides: ['replica_factor', 'qos'],
    })
    expect((await test.call('POST', '/block/volume/plan', { body })).json()).toMatchObject({
      resolved_policy: null,
      errors: [{ code: 'replica_factor' }],
      plan: { replicas: [], candidates: [{ score: 0.5 }], rejections: [{ reason: 'cordoned' }] },
    })
  })

  it.each([
    ['DELETE', '/block/volume/vol1', undefined, ['deleteVolume', LOCAL, 'vol1', { keepSnapshots: false }]],
    [
      'DELETE',
      '/block/volume/vol1?keep_snapshots=true',
      undefined,
      ['deleteVolume', LOCAL, 'vol1', { keepSnapshots: true }],
    ],
    ['POST', '/block/volume/vol1/expand', { new_size_bytes: 9 }, ['expandVolume', LOCAL, 'vol1', 9]],
    ['POST', '/block/volume/vol1/move', { to: 'host-b' }, ['moveVolume', LOCAL, 'vol1', { to: 'host-b' }]],
    ['POST', '/block/server/host-a/drain', undefined, ['drainServer', LOCAL, 'host-a']],
    ['POST', '/block/rebalance', { dry_run: false }, ['rebalance', LOCAL]],
  ] as const)('%s %s is a job: 202 with its place', async (method, url, body, call) => {
    const answer = await test.call(method, url, { body })
    expect(answer.statusCode).toBe(202)
    expect(answer.headers.location).toBe('/block/job/job-1')
    expect(answer.json()).toMatchObject({ id: 'job-1', progress: { done: 1, total: 2, unit: 'steps' } })
    expect(answer.body).not.toContain('secretOfTheJob')
    expect(test.master.calls).toEqual([call])
  })

  it('has its limits set, those that are given', async () => {
    const body = { bytes_per_second: 7, iops_burst: 0 }
    expect((await test.call('PUT', '/block/volume/vol1/qos', { body })).statusCode).toBe(200)
    expect(test.master.calls).toEqual([['setQos', LOCAL, 'vol1', { bytesPerSecond: 7, iopsBurst: 0 }]])
  })
})

describe('access', () => {
  const secret = 'q9Zt7Lw2Xk5Vb1Mn'
  const put = (body: unknown) => test.call('PUT', '/block/volume/vol1/access', { body })

  it('is shown without secrets, and how a host comes to use the volume', async () => {
    const access = (await test.call('GET', '/block/volume/vol1/access')).json()
    expect(access).toEqual({
      initiators: ['iqn.2026-11.org.example:host1'],
      chap: { user: 'host1', mutual_user: 'target' },
      hosts: ['nqn.2014-08.org.nvmexpress:uuid:1'],
      dhchap: [{ host: 'nqn.2014-08.org.nvmexpress:uuid:1', controller: false }],
    })
    const answer = await test.call('GET', '/block/volume/vol1/attach-info')
    expect(answer.json()).toMatchObject({
      name: 'vol1',
      iscsi: {
        iqn: 'iqn.2026-11.io.basalt:vol1',
        chap: true,
        portals: [{ address: '10.0.0.1:3260', role: 'active', slot: 0, first_port: null }],
      },
      nvme: { nqn: 'nqn.2026-11.io.basalt:vol1', dhchap: true, portals: [{ address: '10.0.0.1:4420' }] },
    })
    expect(answer.body).not.toContain('sealed')
  })

  it('takes NVMe hosts and their DH-HMAC-CHAP secrets, which are never shown', async () => {
    const host = 'nqn.2014-08.org.nvmexpress:uuid:0e6d3b9a-5f3c-4d2e-8a44-2f6f0a6a9c11'
    // 32 zeros with their CRC-32
    const secret = `DHHC-1:00:${Buffer.concat([Buffer.alloc(32), Buffer.from('ad550a19', 'hex')]).toString('base64')}:`
    const dhchap = [{ host, secret }]
    const wrong: [object, string][] = [
      [{ dhchap: [{ host, secret: 'not one' }] }, 'dhchap_secret'],
      [{ dhchap: [{ host, secret, controller_secret: secret }] }, 'dhchap_secret'],
      [{ dhchap: [...dhchap, ...dhchap] }, 'dhchap_host'],
      [{ dhchap, hosts: ['nqn.2026-11.org.example:other'] }, 'dhchap_host'],
    ]
    for (const [body, reason] of wrong) {
      const refused = await put({ initiators: null, chap: null, ...body })
      expect([refused.statusCode, refused.json().reason]).toEqual([400, reason])
      expect(refused.body).not.toContain(secret.slice(12, 30))
    }
    const answer = await put({ initiators: [], chap: null, hosts: [host, host], dhchap })
    expect(answer.statusCode).toBe(200)
    expect(answer.json().access).toEqual({
      initiators: [],
      chap: null,
      hosts: [host],
      dhchap: [{ host, controller: false }],
    })
    expect(answer.body).not.toContain('sealed')
    expect(test.master.calls.at(-1)?.at(-1)).toMatchObject({
      dhchap: [{ host, sealedSecret: `sealed(${secret.length})`, sealedControllerSecret: null }],
    })
  })

  it('is recorded with its secrets sealed, and never answers or logs them', async () => {
    await test.app.close()
    const lines: string[] = []
    const line = (event: string, facts?: object, error?: unknown): void => {
      lines.push(JSON.stringify([event, facts, String(error)]))
    }
    test = await testMaster({ logger: { ...silentLogger, debug: line, info: line, warn: line, error: line } })
    const answer = await put({
      initiators: ['iqn.2026-11.org.example:Host1', 'iqn.2026-11.org.example:host1'],
      chap: { user: 'host1', secret, mutual: { user: 'target', secret: 'another0secret!!' } },
    })
    expect(answer.statusCode).toBe(200)
    expect(test.master.calls).toEqual([
      [
        'setAccess',
        LOCAL,
        'vol1',
        {
          initiators: ['iqn.2026-11.org.example:host1'],
          chap: {
            user: 'host1',
            sealedSecret: 'sealed(16)',
            mutual: { user: 'target', sealedSecret: 'sealed(16)' },
          },
          hosts: null,
          dhchap: [],
        },
      ],
    ])
    expect(answer.json().access.chap).toEqual({ user: 'host1', mutual_user: 'target' })
    test.master.failure = new Error('the disk is gone')
    const failed = await put({ initiators: null, chap: { user: 'u', secret } })
    expect(failed.statusCode).toBe(500)
    expect(lines.join()).toContain('http.failed')
    for (const text of [answer.body, failed.body, ...lines]) expect(text).not.toMatch(/q9Zt7|another0/)
  })

  it.each([
    [{ initiators: null, chap: { user: 'u', secret: 'short' } }, 'chap_secret'],
    [{ initiators: null, chap: { user: 'u', secret, mutual: { user: 'v', secret } } }, 'chap_secret'],
    [{ initiators: ['host1'], chap: null }, undefined],
    [{ initiators: null }, 'invalid_request'],
    [{ chap: null }, 'invalid_request'],
    [{ initiators: null, chap: { user: 'u', secret: 'x'.repeat(256) } }, 'invalid_request'],
    [{ initiators: null, chap: { user: 'u', secret: 12345678901234 } }, 'invalid_request'],
  ])('refuses %j without repeating a secret', async (body, reason) => {
    const answer = await put(body)
    expect(answer.statusCode).toBe(400)
    const problem = answer.json()
    expect(problem.code).toBe('INVALID_ARGUMENT')
    expect(problem.reason).toBe(reason)
    expect(answer.body).not.toMatch(/q9Zt7|xxx|12345678901234/)
    expect(test.master.calls).toEqual([])
  })
})

describe('lists', () => {
  it('come in pages with a cursor, and every entry once', async () => {
    test.master.volumeNames = Array.from({ length: 1000 }, (_, i) => `vol${String(i).padStart(4, '0')}`)
    const seen: string[] = []
    let cursor: string | null = ''
    for (let pages = 0; cursor !== null; pages++) {
      expect(pages).toBeLessThan(8)
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`
      const page = (await test.call('GET', `/block/volumes?limit=150${query}`)).json()
      seen.push(...page.volumes.map(({ name }: { name: string }) => name))
      cursor = page.next_cursor
    }
    expect(seen).toEqual(test.master.volumeNames)
    expect((await test.call('GET', '/block/volumes')).json().volumes).toHaveLength(100)
    expect((await test.call('GET', '/block/volumes?limit=1000')).json()).toMatchObject({ next_cursor: null })
  })

  it('hand filters on', async () => {
    await test.call('GET', '/block/volumes?health_state=unsafe&server=host-a&limit=5')
    await test.call('GET', '/block/jobs?state=failed')
    expect(test.master.calls).toEqual([
      ['volumes', { limit: 5, server: 'host-a', health: 'unsafe' }],
      ['jobs', { limit: 100, state: 'failed' }],
    ])
  })

  it('of servers are in the order of their names, also over pages', async () => {
    const first = (await test.call('GET', '/block/servers?limit=2')).json()
    expect(first.servers.map(({ name }: { name: string }) => name)).toEqual(['host-a', 'host-b'])
    const next = (await test.call('GET', `/block/servers?limit=2&cursor=${first.next_cursor}`)).json()
    expect(next.servers.map(({ name }: { name: string }) => name)).toEqual(['host-c'])
    expect(next.next_cursor).toBeNull()
    expect(next.servers[0]).toMatchObject({ address: '10.0.0.1:7461', volume_count: 1, silent_ms: 13 })
  })

  it.each([
    'limit=0',
    'limit=1001',
    'limit=abc',
    'limit=-1',
    'cursor=%2e%2e',
    'cursor=!',
    'cursor=AA',
    'other=1',
  ])('refuse ?%s', async (query) => {
    const answer = await test.call('GET', `/block/volumes?${query}`)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'INVALID_ARGUMENT', detail: expect.stringMatching(/ /) })
  })
})

describe('the cluster', () => {
  it('tells its status, plans a rebalance, and recovers', async () => {
    expect((await test.call('GET', '/block/status')).json()).toMatchObject({
      volume_count: 3,
      unsafe_count: 1,
      server_count: 3,
      promotions_total: 5,
      pending: [
        {
          volume: 'vol1',
          why: 'the old lease runs',
          reason: 'grant_running',
          for_ms: 1200,
          operator_needed: false,
        },
      ],
      refused: [
        { volume: 'vol1', what: 'move', reason: 'not_drained', message: 'it could not drain', ago_ms: 5 },
      ],
    })
    const plan = await test.call('POST', '/block/rebalance', { body: { dry_run: true } })
    expect(plan.statusCode).toBe(200)
    expect(plan.json().moves).toMatchObject([{ volume_name: 'vol1', bytes: 1 }])
    await test.call('POST', '/block/recover', { body: {} })
    await test.call('DELETE', '/block/server/host-a?force=true')
    await test.call('POST', '/block/server/host-a/uncordon')
    expect(test.master.calls).toEqual([
      ['recover', LOCAL, { force: false }],
      ['removeServer', LOCAL, 'host-a', { force: true }],
      ['setCordoned', LOCAL, 'host-a', false],
    ])
  })

  it('shows jobs of volumes that are gone, and cancels', async () => {
    expect((await test.call('GET', '/block/job/job-9')).json()).toMatchObject({
      id: 'job-9',
      volume_name: null,
    })
    expect((await test.call('GET', '/block/jobs')).json().jobs[0]).toMatchObject({ volume_name: 'vol1' })
    expect((await test.call('POST', '/block/job/job-9/cancel')).json().state).toBe('cancelling')
    expect(jobRecord().data).toEqual({ secretOfTheJob: true })
  })

  it('is healthy until it is locked, and says how to go on', async () => {
    expect((await test.call('GET', '/healthz')).json()).toEqual({ healthy: true, reasons: [] })
    const lock = { reason: 'seq', detail: 'older than server a has seen' }
    test.master.clusterView = { ...test.master.clusterView, lock }
    const locked = await test.call('GET', '/healthz')
    expect(locked.statusCode).toBe(503)
    expect(locked.json().reasons).toEqual([expect.stringContaining('basalt cluster recover')])
  })
})

describe('publications', () => {
  const body = { initiator: 'iqn.2026-11.io.basalt:node:n1', host: null, read_only: true }

  it('are made, shown and taken back', async () => {
    const made = await test.call('PUT', '/block/volume/vol1/publications/n1', { body })
    expect(made.statusCode).toBe(200)
    expect(made.json()).toEqual({
      ...{ node: 'n1', ...body, dhchap: null, shared: false, since: '1970-01-01T00:00:00.000Z' },
    })
    const gone = await test.call('DELETE', '/block/volume/vol1/publications/n1')
    expect([gone.statusCode, gone.body]).toEqual([204, ''])
    const { initiator, host } = body
    const wish = { node: 'n1', initiator, host, dhchap: null, isReadOnly: true, isShared: false }
    expect(test.master.calls).toEqual([
      ['publishVolume', LOCAL, 'vol1', wish],
      ['unpublishVolume', LOCAL, 'vol1', 'n1'],
    ])
    expect((await test.call('PUT', '/block/volume/vol1/publications/N_1', { body })).statusCode).toBe(400)
    const odd = await test.call('PUT', '/block/volume/vol1/publications/n1', { body: { ...body, nqn: 'x' } })
    expect(odd.statusCode).toBe(400)
  })

  it('have the secret of a host sealed, and never show it', async () => {
    const [secret, controller_secret] = [1, 2].map((byte) => {
      const key = Buffer.alloc(32, byte)
      const sum = Buffer.alloc(4)
      sum.writeUInt32LE(crc32(key))
      return `DHHC-1:00:${Buffer.concat([key, sum]).toString('base64')}:`
    })
    const host = 'nqn.2026-11.io.basalt:node:n1'
    const put = (dhchap: object) =>
      test.call('PUT', '/block/volume/vol1/publications/n1', { body: { host, dhchap } })
    const made = await put({ secret, controller_secret })
    expect(made.json()).toMatchObject({ host, dhchap: { controller: true } })
    const sealed = { sealedSecret: 'sealed(59)', sealedControllerSecret: 'sealed(59)' }
    expect(test.master.calls.at(-1)?.at(-1)).toMatchObject({ host, dhchap: sealed })
    expect((await put({ secret })).json()).toMatchObject({ dhchap: { controller: false } })
    for (const wrong of [{ secret: 'x' }, { secret, controller_secret: secret }, {}]) {
      const refused = await put(wrong)
      expect(refused.statusCode).toBe(400)
      expect(refused.body).not.toContain(secret)
    }
  })

  it('tell who has it, and when to ask again', async () => {
    const facts = { reason: 'published_elsewhere', node: 'n2' }
    test.master.failure = new BlockError('CONFLICT', 'it is published to n2', { facts })
    const refused = await test.call('PUT', '/block/volume/vol1/publications/n1', { body })
    expect(refused.statusCode).toBe(409)
    expect(refused.json()).toMatchObject({ reason: 'published_elsewhere', node: 'n2' })
    test.master.failure = new BlockError('BUSY', 'not yet', { facts: { reason: 'not_confirmed' } })
    const busy = await test.call('DELETE', '/block/volume/vol1/publications/n1')
    expect([busy.statusCode, busy.headers['retry-after']]).toEqual([503, '1'])
  })
})

describe('a policy', () => {
  it('is changed by a job', async () => {
    const answer = await test.call('PUT', '/block/volume/vol1/policy', { body: { preset: 'database' } })
    expect(answer.statusCode).toBe(202)
    expect(answer.headers.location).toBe(`/block/job/${answer.json().job}`)
    expect(answer.json()).toMatchObject({ name: 'vol1', warnings: [] })
    const odd = await test.call('PUT', '/block/volume/vol1/policy', { body: { preset: 'fastest' } })
    expect(odd.statusCode).toBe(400)
  })
})

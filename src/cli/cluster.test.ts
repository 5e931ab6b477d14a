import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  CLUSTER,
  event,
  job,
  MasterDouble,
  problem,
  SERVER_IDS,
  server,
} from './test-support/master-double.ts'
import { type Run, type RunOptions, run as runCli } from './test-support/run-cli.ts'

let master: MasterDouble
beforeEach(async () => {
  master = await new MasterDouble().listen()
  master.answers['GET /block/servers'] = [
    200,
    {
      servers: [
        server(0),
        server(1, { cordoned: true }),
        server(2, { connection: 'lost', silent_ms: 200_000 }),
      ],
      next_cursor: null,
    },
  ]
})
afterEach(() => master.close())

const run = (args: string, options: RunOptions = {}): Promise<Run> =>
  runCli([...args.split(' '), '--master', master.url], options)

describe('server commands', () => {
  it('lists servers with what stands against placement on them', async () => {
    expect((await run('server list')).out).toBe(
      'NAME  STATE           ZONE  DISK  CAPACITY    FREE  PROMISED  REPLICAS  PRIMARIES\n' +
        's1    ready           z1    ssd       1TiB  512GiB     10GiB         2          1\n' +
        's2    cordoned        z2    ssd       1TiB  512GiB     10GiB         2          1\n' +
        's3    lost 3 min ago  z3    ssd       1TiB  512GiB     10GiB         2          1\n',
    )
    expect((await run('server list -o wide')).out).toContain(SERVER_IDS[0])
    expect(JSON.parse((await run('server list --json')).out)).toHaveLength(3)
  })

  it('shows, cordons and uncordons one', async () => {
    master.answers['GET /block/server/s1'] = [200, server(0)]
    expect((await run('server get s1')).out).toMatch(/^replicas +2, 1 of them lead$/m)
    master.answers['POST /block/server/s1/cordon'] = [200, server(0, { cordoned: true })]
    expect((await run('server cordon s1')).out).toMatch(/^placement +cordoned: gets no new replicas$/m)
    master.answers['POST /block/server/s1/uncordon'] = [200, server(0)]
    expect(JSON.parse((await run('server uncordon s1 --json')).out)).toMatchObject({ cordoned: false })
  })

  it('drains with a job', async () => {
    master.answers['POST /block/server/s1/drain'] = [
      202,
      job({ kind: 'drain', state: 'succeeded', volume: null, volume_name: null, server: SERVER_IDS[0] }),
    ]
    const { code, out } = await run('server drain s1')
    expect(code).toBe(0)
    expect(out).toMatch(/^of +s1$/m)
  })

  it('removes one that was confirmed, by its id', async () => {
    master.answers['GET /block/server/s1'] = [200, server(0)]
    master.answers[`DELETE /block/server/${SERVER_IDS[0]}`] = [204, undefined]
    expect((await run('server remove s1')).code).toBe(6)
    expect(await run('server remove s1 --yes')).toEqual({ code: 0, out: 'removed s1\n', err: '' })
    const forced = await run('server remove s1 --force --json', { types: 's1' })
    expect(forced.err).toMatch(/Its 2 replicas count as lost for good\./)
    expect(JSON.parse(forced.out)).toEqual({ removed: SERVER_IDS[0], name: 's1' })
    expect(master.last?.path).toBe(`/block/server/${SERVER_IDS[0]}?force=true`)
    master.answers[`DELETE /block/server/${SERVER_IDS[0]}`] = problem(
      409,
      'CONFLICT',
      's1 has replicas; drain it',
    )
    expect(await run('server remove s1 --yes')).toMatchObject({
      code: 4,
      err: 'basalt: s1 has replicas; drain it\n',
    })
  })
})

describe('cluster status, rebalance and recover', () => {
  it('shows the cluster, and in the first place that it is locked', async () => {
    const lock = { reason: 'seq', detail: 'server s1 saw change 90 of this registry' }
    master.answers['GET /block/status'] = [
      200,
      {
        ...CLUSTER,
        lock,
        pending: [
          {
            volume: 'db1',
            why: 'the lease of s1 has not run out',
            reason: 'grant_running',
            for_ms: 1500,
            operator_needed: true,
          },
        ],
        refused: [
          { volume: 'db1', what: 'move', reason: 'not_drained', message: 'it could not drain', ago_ms: 5 },
        ],
      },
    ]
    const { out } = await run('cluster status')
    expect(out).toMatch(/^LOCKED +server s1 saw change 90 .* until 'basalt cluster recover'$/m)
    expect(out).toMatch(/^volumes +3, 2 healthy, 1 degraded$/m)
    expect(out).toMatch(
      /^waits +promotion of db1: the lease of s1 has not run out \(grant_running, 1.5 s from now\); an operator is needed$/m,
    )
    expect(out).toMatch(/^refused +db1: it could not drain \(not_drained\)$/m)
    expect(JSON.parse((await run('cluster status --json')).out)).toMatchObject({ lock, registry_seq: 42 })
  })

  it('says what a rebalance would move, and moves it', async () => {
    master.answers['POST /block/rebalance'] = ({ body }) =>
      (body as { dry_run: boolean }).dry_run
        ? [
            200,
            {
              moves: [
                { volume: 'u', volume_name: 'db1', from: SERVER_IDS[0], to: SERVER_IDS[1], bytes: 1024 ** 3 },
              ],
            },
          ]
        : [202, job({ kind: 'rebalance', state: 'succeeded', volume: null, volume_name: null })]
    expect((await run('cluster rebalance --dry-run')).out).toBe(
      'VOLUME  MOVES    FROM  TO  SIZE\ndb1     replica  s1    s2  1GiB\n',
    )
    expect(JSON.parse((await run('cluster rebalance --dry-run --json')).out)).toMatchObject([
      { from: SERVER_IDS[0] },
    ])
    expect((await run('cluster rebalance')).out).toMatch(/^kind +rebalance$/m)
  })

  it('recovers when that was confirmed', async () => {
    master.answers['POST /block/recover'] = [200, CLUSTER]
    expect((await run('cluster recover')).code).toBe(6)
    expect((await run('cluster recover', { types: 'recover' })).code).toBe(0)
    await run('cluster recover --yes --force')
    expect(master.bodies('POST /block/recover')).toEqual([{ force: false }, { force: true }])
  })
})

describe('cluster events', () => {
  const page = (from: number, to: number, more: object = {}) =>
    [
      200,
      {
        events: Array.from({ length: to - from }, (_, i) => event(from + i, more)),
        last: to > from ? to - 1 : null,
      },
    ] as const

  it('are the last ones, read in pages from the oldest', async () => {
    master.answers['GET /block/events'] = ({ path }) => {
      const after = Number(new URL(path, master.url).searchParams.get('after') ?? 0)
      return page(after + 1, Math.min(2500, after + 1000) + 1)
    }
    const { out } = await run('cluster events --limit 2 --json')
    expect((JSON.parse(out) as { number: number }[]).map(({ number }) => number)).toEqual([2499, 2500])
    expect((await run('cluster events')).out.trim().split('\n')).toHaveLength(51)
  })

  it('show who, what, why and how often', async () => {
    master.answers['GET /block/events'] = ({ path }) =>
      path.includes('after')
        ? page(0, 0)
        : page(1, 2, { count: 3, reason: 'lease', severity: 'warning', actor: 'master' })
    expect((await run('cluster events --volume db1')).out).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +warning +volume.created +master +volume 1 was made \[lease\] \(3 times\)$/m,
    )
    expect(master.asked[0]?.path).toBe('/block/events?volume=db1&limit=1000')
  })

  it('stand where they happened last, and are followed from the greatest number on', async () => {
    const at = (second: number) => `2026-11-21T13:00:0${second}.000Z`
    const events = [1, 2, 3].map((number) =>
      event(number, { at: at(number), last_at: at(number === 1 ? 9 : number), count: number === 1 ? 2 : 1 }),
    )
    streams([sent(4)])
    master.answers['GET /block/events'] = ({ path }) =>
      path.includes('after') ? page(0, 0) : [200, { events, last: 3 }]
    const numbers = (out: string) => (JSON.parse(out) as { number: number }[]).map(({ number }) => number)
    expect(numbers((await run('cluster events --json')).out)).toEqual([2, 3, 1])
    expect(numbers((await run('cluster events --limit 1 --json')).out)).toEqual([1])
    master.asked.length = 0
    await run('cluster events --follow --limit 1 --json', { onOutput: until(4) })
    expect(master.last?.path).toBe('/block/events/stream?after=3')
  })

  /** Streams that each give some events and break; the last one stays open. */
  const streams = (...pieces: readonly string[][]): void => {
    let opened = 0
    master.answers['GET /block/events'] = ({ path }) => (path.includes('after') ? page(0, 0) : page(1, 3))
    master.answers['GET /block/events/stream'] = (_, response: ServerResponse) => {
      const mine = pieces[opened++] ?? []
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      for (const piece of mine) response.write(piece)
      if (opened < pieces.length) response.end()
      return undefined
    }
  }
  const sent = (number: number): string => `id: ${number}\ndata: ${JSON.stringify(event(number))}\n\n`
  const until =
    (number: number) =>
    (out: string, interrupt: () => void): void => {
      if (out.includes(`"number":${number},`)) interrupt()
    }

  it('are followed over broken streams: none missed, none twice, until Ctrl-C', async () => {
    streams([': hello\n\n', sent(3)], [sent(4).slice(0, 20), sent(4).slice(20), 'data: cut'], [sent(5)])
    const { code, out } = await run('cluster events --follow --json', { onOutput: until(5) })
    expect(code).toBe(0)
    const lines = out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { number: number }).number)
    expect(lines).toEqual([1, 2, 3, 4, 5])
    expect(master.asked.filter(({ path }) => path.includes('stream')).map(({ path }) => path)).toEqual([
      '/block/events/stream?after=2',
      '/block/events/stream?after=3',
      '/block/events/stream?after=4',
    ])
  })

  it('are followed again after the master was away, with one word about it', async () => {
    streams([], [sent(3)])
    const open = master.answers['GET /block/events/stream']
    let failures = 0
    master.answers['GET /block/events/stream'] = (asked, response) => {
      if (failures++ < 3) return problem(503, 'CLOSED', 'the master is stopping')
      return typeof open === 'function' ? open(asked, response) : open
    }
    const { code, err } = await run('cluster events -f --json', { onOutput: until(3) })
    expect(code).toBe(0)
    expect(err).toBe('the master is stopping; trying again\n')
  })

  it('are no longer followed when that is refused, or when it is no stream of events', async () => {
    streams([])
    master.answers['GET /block/events/stream'] = problem(401, 'ACCESS_DENIED', 'the token was revoked')
    expect(await run('cluster events -f')).toMatchObject({
      code: 6,
      err: 'basalt: the token was revoked; give a valid token with --token-file\n',
    })
    streams(['data: {"odd":1}\n\n'])
    expect(await run('cluster events -f')).toMatchObject({
      code: 1,
      err: expect.stringContaining('does not understand'),
    })
    streams([`data: ${'x'.repeat(1_100_000)}`])
    expect(await run('cluster events -f')).toMatchObject({
      code: 1,
      err: expect.stringContaining('does not end'),
    })
  })
})

describe('tokens', () => {
  const token = {
    id: 't1',
    name: 'ci',
    role: 'operator',
    created_at: '2026-11-21T13:00:00.000Z',
    expires_at: null,
  }

  it('are made and shown once, alone on stdout', async () => {
    master.answers['POST /block/token'] = [201, { ...token, token: 'basalt_secret' }]
    const { out, err } = await run('cluster token create ci --role operator --expires 30d')
    expect(out).toBe('basalt_secret\n')
    expect(err).toMatch(/Token t1 for 'ci' \(operator\); keep it/)
    expect(master.last?.body).toEqual({ name: 'ci', role: 'operator', expires_in_seconds: 30 * 86_400 })
    expect((await run('cluster token create ci')).err).toMatch(/--role is missing/)
    expect((await run('cluster token create ci --role root')).code).toBe(2)
    expect((await run('cluster token create ci --role viewer --expires 30')).err).toMatch(/is not a time/)
  })

  it('are listed and revoked', async () => {
    master.answers['GET /block/tokens'] = [200, { tokens: [token], next_cursor: null }]
    expect((await run('cluster token list')).out).toMatch(/^t1 +ci +operator .* never$/m)
    master.answers['DELETE /block/token/t1'] = [204, undefined]
    expect((await run('cluster token revoke t1')).out).toBe('revoked t1\n')
    expect(JSON.parse((await run('cluster token revoke t1 --json')).out)).toEqual({ revoked: 't1' })
  })
})

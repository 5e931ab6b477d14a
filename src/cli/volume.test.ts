import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  event,
  job,
  MasterDouble,
  POLICY,
  problem,
  SERVER_IDS,
  server,
  volume,
} from './test-support/master-double.ts'
import { type Run, type RunOptions, run as runCli } from './test-support/run-cli.ts'

let master: MasterDouble
beforeEach(async () => {
  master = await new MasterDouble().listen()
  master.answers['GET /block/servers'] = [
    200,
    { servers: [server(0), server(1), server(2)], next_cursor: null },
  ]
})
afterEach(() => {
  master.close()
})

const run = (args: string, options: RunOptions = {}): Promise<Run> =>
  runCli([...args.split(' '), '--master', master.url], options)

describe('volume list', () => {
  it('is a table, and with --json the volumes as the API shows them', async () => {
    master.answers['GET /block/volumes'] = [200, { volumes: [volume({ new: 'field' })], next_cursor: null }]
    const { code, out } = await run('volume list')
    expect(code).toBe(0)
    expect(out).toBe(
      'NAME   SIZE  USED  HEALTH   IN SYNC  DURABILITY  PRIMARY  ISCSI\n' +
        'db1   10GiB  1GiB  healthy      3/3  sync_all    s1       127.0.0.1:3260\n',
    )
    expect(JSON.parse((await run('volume list --json')).out)).toEqual([volume({ new: 'field' })])
    expect((await run('volume list -o wide')).out).toMatch(
      /^NAME .* PRESET +EPOCH +PUBLISHED TO +CREATED +UUID\n/,
    )
  })

  it('says that there is nothing', async () => {
    master.answers['GET /block/volumes'] = [200, { volumes: [], next_cursor: null }]
    expect((await run('volume list')).out).toBe('no volumes\n')
    expect((await run('volume list --json')).out).toBe('[]\n')
  })

  it('reads 1,000 volumes page by page, and no more than --limit', async () => {
    master.answers['GET /block/volumes'] = ({ path }) => {
      const query = new URL(path, master.url).searchParams
      const first = Number(query.get('cursor') ?? 0)
      const next = Math.min(1000, first + Number(query.get('limit')))
      const volumes = Array.from({ length: next - first }, (_, i) => volume({ name: `vol-${first + i}` }))
      return [200, { volumes, next_cursor: next < 1000 ? String(next) : null }]
    }
    const { out } = await run('volume list --json')
    const names = (JSON.parse(out) as { name: string }[]).map(({ name }) => name)
    expect(names).toEqual(Array.from({ length: 1000 }, (_, i) => `vol-${i}`))
    expect(master.asked).toHaveLength(2)
    expect(JSON.parse((await run('volume list --json --limit 7')).out)).toHaveLength(7)
    expect(master.last?.path).toBe('/block/volumes?limit=7')
  })

  it('ends when a page leads to itself', async () => {
    master.answers['GET /block/volumes'] = [200, { volumes: [volume()], next_cursor: 'x' }]
    expect((await run('volume list')).code).toBe(0)
    expect(master.asked).toHaveLength(2)
  })

  it('filters at the master', async () => {
    master.answers['GET /block/volumes'] = [200, { volumes: [], next_cursor: null }]
    await run('volume list --server s1 --health unsafe')
    expect(master.last?.path).toBe('/block/volumes?server=s1&health_state=unsafe&limit=500')
    expect((await run('volume list --health bad')).code).toBe(2)
  })

  it('fits the terminal, and cannot be made to steer it', async () => {
    const name = 'a-very-long-name-of-a-volume-that-somebody-gave-to-it-one-day'
    const volumes = [volume({ name, iscsi_addrs: ['\u001b[31mred:3260'] })]
    master.answers['GET /block/volumes'] = [200, { volumes, next_cursor: null }]
    const { out } = await run('volume list', { width: 90 })
    for (const line of out.trimEnd().split('\n')) expect(line.length).toBeLessThanOrEqual(90)
    expect(out).toMatch(/a-very-.*…/)
    expect(out).not.toContain('\u001b')
  })
})

describe('volume get', () => {
  it('shows the volume, its replicas and what is wrong', async () => {
    const replicas = volume().replicas.map((one, index) =>
      index === 2
        ? {
            ...one,
            in_sync: false,
            standing: 'resyncing',
            wal_lag: 9,
            wal_lag_bytes: 4096,
            resync_ratio: 0.5,
          }
        : one,
    )
    master.answers['GET /block/volume/db1'] = [
      200,
      volume({
        replicas,
        health_state: 'rebuilding',
        health_reasons: ['s3 is being resynced'],
        jobs: ['job-9'],
      }),
    ]
    const { out } = await run('volume get db1')
    expect(out).toMatch(/^health +rebuilding\n +s3 is being resynced\n/m)
    expect(out).toMatch(/^policy +general: 3 replicas, sync_all$/m)
    expect(out).toMatch(/^primary +s1, in sync, sound$/m)
    expect(out).toMatch(/^replica +s3, not in sync, resyncing, 9 entries \(4KiB\) behind, resync 50%$/m)
    expect(out).toMatch(/^job +job-9$/m)
    expect(JSON.parse((await run('volume get db1 --json')).out)).toMatchObject({ name: 'db1', epoch: 1 })
  })

  it('is exit code 3 for one that is not there, whatever it is called', async () => {
    expect(await run('volume get nope')).toEqual({
      code: 3,
      out: '',
      err: 'basalt: there is no /block/volume/nope\n',
    })
    await run('volume get ../x')
    expect(master.last?.path).toBe('/block/volume/..%2Fx')
    for (const odd of ['.', '..']) {
      expect(await run(`volume get ${odd}`)).toMatchObject({
        code: 2,
        err: `basalt: '${odd}' is not a name\n`,
      })
    }
    expect((await runCli(['volume', 'get', '', '--master', master.url])).code).toBe(2)
    expect(master.asked).toHaveLength(2)
  })
})

describe('volume create', () => {
  const made = volume({ status: 'creating', jobs: ['job-1'] })

  it('asks for what the flags say, waits for the job, and shows the volume', async () => {
    let looks = 0
    master.answers = {
      'POST /block/volume': [201, { ...made, job: 'job-1' }],
      'GET /block/job/job-1': () => {
        looks++
        const progress = { done: looks, total: 3, unit: 'steps' }
        return [200, job({ state: looks === 3 ? 'succeeded' : 'running', progress })]
      },
      [`GET /block/volume/${made.id}`]: [200, volume()],
    }
    const { code, out, err } = await run(
      'volume create db1 --size 10GiB --preset database --replicas 3 --durability sync_all --min-in-sync 2 ' +
        '--logical-block 4096 --log-size 64MiB --disk-type nvme --zone a --zone b --zone-spread required ' +
        '--rack-spread preferred --iops 1000 --bandwidth 100MiB',
    )
    expect(code).toBe(0)
    expect(master.bodies('POST /block/volume')).toEqual([
      {
        name: 'db1',
        size_bytes: 10 * 1024 ** 3,
        preset: 'database',
        replica_factor: 3,
        durability_mode: 'sync_all',
        min_in_sync: 2,
        logical_block_bytes: 4096,
        log_bytes: 64 * 1024 ** 2,
        disk_type: 'nvme',
        zones: ['a', 'b'],
        zone_spread: 'required',
        rack_spread: 'preferred',
        qos: { iops: 1000, bytes_per_second: 100 * 1024 ** 2 },
      },
    ])
    expect(out).toMatch(/^state +active, serving$/m)
    expect(err).toBe(
      'create (allocate): 33% 1 of 3 steps\ncreate (allocate): 66% 2 of 3 steps, 1 s left\ncreate (allocate): 100% 3 of 3 steps\n',
    )
  })

  it('prints one document with --json, and nothing on the way', async () => {
    master.answers = {
      'POST /block/volume': [201, { ...made, job: 'job-1' }],
      'GET /block/job/job-1': [200, job({ state: 'succeeded' })],
      [`GET /block/volume/${made.id}`]: [200, volume()],
    }
    const { out, err } = await run('volume create db1 --size 10GiB --json')
    expect(JSON.parse(out)).toEqual({ ...volume(), job: 'job-1' })
    expect(err).toBe('')
  })

  it('with --no-wait, and when there is nothing to make, does not wait', async () => {
    master.answers['POST /block/volume'] = [201, { ...made, job: 'job-1' }]
    const left = await run('volume create db1 --size 10GiB --no-wait')
    expect(left.code).toBe(0)
    expect(left.err).toMatch(/It goes on; 'basalt job watch job-1'/)
    master.answers['POST /block/volume'] = [200, { ...volume(), job: null }]
    expect(await run('volume create db1 --size 10GiB')).toMatchObject({ code: 0, err: '' })
    expect(master.asked.every(({ method }) => method === 'POST')).toBe(true)
  })

  it('is exit code 1 when the job fails, with the reason', async () => {
    master.answers = {
      'POST /block/volume': [201, { ...made, job: 'job-1' }],
      'GET /block/job/job-1': [200, job({ state: 'failed', message: 's2 has no room' })],
    }
    expect(await run('volume create db1 --size 10GiB')).toMatchObject({
      code: 1,
      err: 'basalt: the job job-1 (create) failed: s2 has no room\n',
    })
  })

  it('leaves the job running on Ctrl-C, and says so', async () => {
    master.answers = {
      'POST /block/volume': [201, { ...made, job: 'job-1' }],
      'GET /block/job/job-1': [200, job()],
    }
    const { code, err } = await run('volume create db1 --size 10GiB', {
      onPause: (count, interrupt) => count === 2 && interrupt(),
    })
    expect(code).toBe(1)
    expect(err).toMatch(/no longer waiting; the job goes on: 'basalt job watch job-1' shows it/)
    expect(master.asked.some(({ path }) => path.endsWith('/cancel'))).toBe(false)
  })

  it.each([
    ['volume create db1', /--size is missing; write for example --size 10GiB/],
    ['volume create db1 --size 1G', /'1G' is ambiguous; write 1GiB/],
    ['volume create db1 --size 1152921504606846976', /is more than any volume can be/],
    ['volume create db1 --size 0x10', /is not a size/],
    ['volume create ../x --size 1GiB', /'..\/x' is not a volume name/],
    [`volume create ${'a'.repeat(300)} --size 1GiB`, /is not a volume name/],
    ['volume create аbc --size 1GiB', /is not a volume name/],
    ['volume create db1 --size 1GiB --preset fast', /Allowed choices are database, general, throughput/],
    ['volume create db1 --size 1GiB --replicas three', /--replicas: 'three' is not a whole number/],
    ['volume create db1 --size 1GiB --max-lag 5', /is not a duration/],
    ['volume create db1 --size 1GiB --log-size 4M', /is ambiguous; write 4MiB/],
    ['volume create', /missing required argument 'NAME'/],
  ])('refuses %j as usage, before it asks anybody', async (args, sentence) => {
    const { code, err } = await run(args)
    expect(code).toBe(2)
    expect(err).toMatch(sentence)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
    expect(master.asked).toEqual([])
  })

  it('passes on why the master refuses', async () => {
    master.answers['POST /block/volume'] = problem(
      507,
      'NO_SPACE',
      'no server can hold the third replica: s3 has 1GiB left; add a server or ask for --replicas 2',
      { reason: 'placement' },
    )
    expect(await run('volume create db1 --size 10GiB')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^basalt: no server can hold the third replica: .*\n$/),
    })
    master.answers['POST /block/volume'] = problem(507, 'NO_SPACE', 'no server can take this volume', {
      reason: 'no_viable_primary',
    })
    expect((await run('volume create db1 --size 10GiB')).err).toBe(
      "basalt: no server can take this volume; 'basalt volume plan' says why of each server\n",
    )
    master.answers['POST /block/volume'] = problem(409, 'CONFLICT', "'db1' is there with other parameters")
    expect((await run('volume create db1 --size 10GiB')).code).toBe(4)
  })
})

describe('volume delete', () => {
  beforeEach(() => {
    master.answers['GET /block/volume/db1'] = [200, volume()]
    master.answers[`DELETE /block/volume/${volume().id}`] = [202, job({ kind: 'delete', state: 'succeeded' })]
  })
  const deletes = (): number => master.asked.filter(({ method }) => method === 'DELETE').length

  it('is refused as unsafe without --yes where nobody can be asked', async () => {
    expect(await run('volume delete db1')).toEqual({
      code: 6,
      out: '',
      err: "basalt: This deletes the volume 'db1' and everything in it. Give --yes if that is meant\n",
    })
    expect(deletes()).toBe(0)
  })

  it('wants the name on a terminal', async () => {
    const other = await run('volume delete db1', { types: 'y' })
    expect(other).toMatchObject({
      code: 1,
      err: expect.stringMatching(/Type db1 to go on: .*nothing was done/s),
    })
    expect(deletes()).toBe(0)
    expect((await run('volume delete db1', { types: ' db1\n' })).code).toBe(0)
    expect(deletes()).toBe(1)
  })

  it('asks nothing with --yes, and prints the job', async () => {
    const { code, out } = await run('volume delete db1 -y --json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ kind: 'delete', state: 'succeeded' })
    const route = `DELETE /block/volume/${volume().id}`
    master.answers[route] = [202, job({ kind: 'delete', state: 'succeeded', volume_name: null })]
    expect((await run('volume delete db1 -y')).out).toMatch(/^of +db1$/m)
  })
})

describe('other commands of volumes', () => {
  it('expands to a whole new size', async () => {
    master.answers['POST /block/volume/db1/expand'] = [202, job({ kind: 'expand', state: 'succeeded' })]
    expect((await run('volume expand db1 20GiB')).code).toBe(0)
    expect(master.bodies('POST /block/volume/db1/expand')).toEqual([{ new_size_bytes: 20 * 1024 ** 3 }])
    expect((await run('volume expand db1 20G')).code).toBe(2)
  })

  it('plans and resolves', async () => {
    const findings = {
      overrides: ['replica_factor'],
      warnings: [{ code: 'few_replicas', message: 'one copy is no copy' }],
      errors: [],
    }
    master.answers['POST /block/volume/resolve'] = [200, { policy: POLICY, ...findings }]
    const resolved = await run('volume resolve db1 --size 10GiB')
    expect(resolved.out).toMatch(
      /^overrides +replica_factor\nwarning +one copy is no copy \(few_replicas\)$/m,
    )
    master.answers['POST /block/volume/plan'] = [
      200,
      {
        resolved_policy: POLICY,
        ...findings,
        plan: {
          primary: SERVER_IDS[0],
          replicas: [SERVER_IDS[1]],
          candidates: [
            { server: SERVER_IDS[0], server_name: 's1', score: 0.9 },
            { server: SERVER_IDS[1], server_name: 's2', score: 0.5 },
          ],
          rejections: [
            { server: SERVER_IDS[2], server_name: 's3', reason: 'cordoned', message: 'it is cordoned' },
          ],
        },
      },
    ]
    const { out } = await run('volume plan db1 --size 10GiB')
    expect(out).toMatch(/^primary +s1\nreplicas +s2\ncandidate +s1, score 0.9$/m)
    expect(out).toMatch(/^rejected +s3: it is cordoned \(cordoned\)$/m)
  })

  it('end with an error when what is planned or resolved has one, once it is printed', async () => {
    const findings = { overrides: [], warnings: [], errors: [{ code: 'bad', message: 'that is wrong' }] }
    const plan = { primary: null, replicas: [], candidates: [], rejections: [] }
    for (const [policy, code] of [[null, 2] as const, [POLICY, 4] as const]) {
      master.answers['POST /block/volume/resolve'] = [200, { policy, ...findings }]
      master.answers['POST /block/volume/plan'] = [200, { resolved_policy: policy, ...findings, plan }]
      for (const verb of ['resolve', 'plan']) {
        expect(await run(`volume ${verb} db1 --size 10GiB`)).toMatchObject({
          code,
          out: expect.stringMatching(/^error +that is wrong \(bad\)$/m),
          err: 'basalt: such a volume cannot be made: that is wrong\n',
        })
        const { code: same, out } = await run(`volume ${verb} db1 --size 10GiB --json`)
        expect(same).toBe(code)
        expect(JSON.parse(out)).toMatchObject({ errors: findings.errors })
      }
    }
  })

  it('explains a promotion before it is made, and asks before it is forced', async () => {
    master.answers['GET /block/volume/db1/preflight'] = [
      200,
      {
        promotable: false,
        reason: 'primary_alive',
        primary_server: SERVER_IDS[0],
        primary_alive: true,
        candidate_server: null,
        rejections: [{ server: SERVER_IDS[1], reason: 'doubtful', message: 'it restarted' }],
        at_risk: { first_lsn: 7, last_lsn: 9 },
        unreached: [SERVER_IDS[0]],
        waits: [{ reason: 'grant_running', message: 'the old lease runs', for_ms: 1200, servers: [] }],
        refusal: { what: 'move', reason: 'not_drained', message: 'it could not drain', ago_ms: 5 },
      },
    ]
    const { out } = await run('volume preflight db1')
    expect(out).toMatch(/^promotable +no$/m)
    expect(out).toMatch(/^rejected +s2: it restarted \(doubtful\)$/m)
    expect(out).toMatch(/^at risk +with --force, what was acknowledged from LSN 7 to 9$/m)

    master.answers['GET /block/volume/db1'] = [200, volume({ serving: false })]
    const unsafe = problem(409, 'CONFLICT', 'LSN 7 to 9 may be lost; --force accepts that', { unsafe: true })
    master.answers['POST /block/volume/db1/promote'] = unsafe
    expect(out).toMatch(/^waits +the old lease runs \(grant_running, 1.2 s from now\)$/m)
    expect(out).toMatch(/^refused +it could not drain \(not_drained\)$/m)
    const refused = await run('volume promote db1 --to s2')
    expect(refused).toMatchObject({ code: 6, out: '' })
    expect(refused.err).toMatch(/^rejected +s2: it restarted \(doubtful\)\n(?:.|\n)*--force accepts that\n$/m)
    expect((await run('volume promote db1 --dry-run')).out).toBe(out)
    for (const [index, text] of [
      [0, /^asked for +s1 cannot lead now \(primary_alive\)$/m],
      [1, /^asked for +it restarted$/m],
      [5, /^asked for +s6 has no replica of it$/m],
    ] as const) {
      const name = `s${index + 1}`
      master.answers[`GET /block/server/${name}`] = [200, server(index, { id: `id-of-${name}`, name })]
      if (index < 3) master.answers[`GET /block/server/${name}`] = [200, server(index)]
      expect((await run(`volume promote db1 --to ${name} --dry-run`)).out).toMatch(text)
    }
    master.answers['GET /block/server/nope'] = problem(404, 'NOT_FOUND', "no server 'nope'", {})
    expect(await run('volume promote db1 --to nope --dry-run')).toMatchObject({ code: 3, out: '' })
    master.answers['POST /block/volume/db1/promote'] = [
      200,
      { new_primary: SERVER_IDS[1], epoch: 2, volume: volume({ epoch: 2 }) },
    ]
    const told =
      /may lose what was acknowledged from LSN 7 to 9. Not reached, and perhaps still serving: s1\./
    expect(await run('volume promote db1 --force')).toMatchObject({
      code: 6,
      err: expect.stringMatching(told),
    })
    const looks = [volume({ epoch: 2, serving: false }), volume({ epoch: 3 })]
    master.answers[`GET /block/volume/${volume().id}`] = () => [200, looks.shift()]
    master.answers['POST /block/volume/db1/promote'] = [
      200,
      { new_primary: SERVER_IDS[1], epoch: 2, volume: volume({ epoch: 2, serving: false }) },
    ]
    const message = 'db1: s2 was made to lead by force in epoch 3; LSNs 7 to 9 may be lost'
    const events = [
      event(1, { kind: 'volume.promoted', epoch: 1, message: 'an earlier one' }),
      event(2, { kind: 'volume.promoted_with_loss', epoch: 3, message }),
    ]
    master.answers['GET /block/events'] = [200, { events, last: 2 }]
    const forced = await run('volume promote db1 --to s2 --force --yes --reason broken')
    expect(forced.out).toMatch(/^epoch +3$/m)
    expect(forced.err).toMatch(told)
    expect(forced.err).toMatch(new RegExp(`\\n${message}\\n$`))
    expect(master.bodies('POST /block/volume/db1/promote').at(-1)).toEqual({
      target_server: 's2',
      force: true,
      reason: 'broken',
    })
  })

  it('says so when who is to lead does so already', async () => {
    master.answers['GET /block/volume/db1'] = [200, volume()]
    const same = { new_primary: SERVER_IDS[0], epoch: 1, volume: volume() }
    master.answers['POST /block/volume/db1/promote'] = [200, same]
    const { code, out, err } = await run('volume promote db1 --to s1')
    expect([code, err]).toEqual([0, "nothing has changed: s1 leads 'db1' already\n"])
    expect(out).toMatch(/^epoch +1$/m)
  })

  it('moves the lead, or a replica', async () => {
    master.answers['POST /block/volume/db1/move'] = [202, job({ kind: 'move', state: 'succeeded' })]
    await run('volume move db1 --to s2')
    await run('volume move db1 --from s1 --to s3')
    expect(master.bodies('POST /block/volume/db1/move')).toEqual([{ to: 's2' }, { from: 's1', to: 's3' }])
  })

  it('shows and sets limits; what is not named stays', async () => {
    master.answers['GET /block/volume/db1'] = [200, volume()]
    expect((await run('volume qos db1')).out).toMatch(/^iops +none$/m)
    const qos = { iops: 500, iops_burst: 0, bytes_per_second: 1024 ** 2, bytes_burst: 0 }
    master.answers['PUT /block/volume/db1/qos'] = [200, volume({ qos })]
    const { out } = await run('volume qos db1 --iops 500 --bandwidth 1MiB/s --bandwidth-burst none')
    expect(out).toMatch(/^iops +500\niops burst +none\nbandwidth +1MiB\/s$/m)
    expect(master.last?.body).toEqual({ iops: 500, bytes_per_second: 1024 ** 2, bytes_burst: 0 })
    expect((await run('volume qos db1 --iops=-1')).code).toBe(2)
  })
})

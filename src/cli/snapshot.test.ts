import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  job,
  MasterDouble,
  problem,
  SERVER_IDS,
  server,
  snapshot,
  volume,
} from './test-support/master-double.ts'
import { type Run, type RunOptions, run as runCli } from './test-support/run-cli.ts'

const SNAPSHOTS = '/block/volume/db1/snapshots'
let master: MasterDouble
beforeEach(async () => {
  master = await new MasterDouble().listen()
  master.answers['GET /block/servers'] = [200, { servers: [server(0)], next_cursor: null }]
  master.answers[`GET ${SNAPSHOTS}/monday`] = [200, snapshot()]
})
afterEach(() => {
  master.close()
})

const run = (args: string, options: RunOptions = {}): Promise<Run> =>
  runCli([...args.split(' '), '--master', master.url], options)
const asked = (method: string): string[] =>
  master.asked.filter((one) => one.method === method).map(({ path }) => path)

describe('snapshots', () => {
  it('are made by the name VOLUME@NAME', async () => {
    master.answers[`POST ${SNAPSHOTS}`] = [201, snapshot()]
    const { code, out } = await run('snapshot create db1@monday')
    expect(code).toBe(0)
    expect(master.bodies(`POST ${SNAPSHOTS}`)).toEqual([{ name: 'monday' }])
    expect(out).toMatch(/^snapshot +db1@monday$/m)
    expect(out).toMatch(/^held +3MiB kept for it and older ones$/m)
    expect(out).toMatch(/^frees +1MiB when it is deleted$/m)
    expect(JSON.parse((await run('snapshot create db1@monday --json')).out)).toEqual(snapshot())
    master.answers[`POST ${SNAPSHOTS}`] = [201, snapshot({ held_bytes: null, exclusive_bytes: null })]
    const { out: early } = await run('snapshot create db1@monday')
    expect(early).toMatch(/^held +not known now\nfrees +not known now$/m)
  })

  it.each([
    ['db1', /names no snapshot; write VOLUME@SNAPSHOT/],
    ['db1@', /names no snapshot/],
    ['@monday', /names no snapshot/],
    ['db1@a@b', /names no snapshot/],
    ['db1@Monday', /'Monday' is not a snapshot name/],
    ['../x@monday', /'..\/x' is not a volume name/],
  ])('are not taken for %s', async (name, sentence) => {
    for (const verb of ['create', 'get', 'delete', 'restore', 'expose', 'unexpose']) {
      const { code, err } = await run(`snapshot ${verb} ${name}`)
      expect(code, verb).toBe(2)
      expect(err, verb).toMatch(sentence)
    }
    expect((await run(`volume clone ${name} copy`)).code).toBe(2)
    expect(master.asked).toEqual([])
  })

  it('are listed of one volume, or of all, page by page', async () => {
    const exposed = { iqn: 'iqn.a', nqn: 'nqn.a', iscsi: ['127.0.0.1:3260'], nvme: [] }
    const older = snapshot({ name: 'sunday', held_bytes: null, exclusive_bytes: null, exposed })
    master.answers[`GET ${SNAPSHOTS}`] = [200, { snapshots: [older, snapshot()] }]
    expect((await run('snapshot list db1')).out).toMatch(
      /^SNAPSHOT +CREATED +SIZE +HELD +FREES +STATE\ndb1@sunday .* 10GiB +- +- +ready, exposed\ndb1@monday .* 3MiB +1MiB +ready\n$/,
    )
    master.answers['GET /block/snapshots'] = ({ path }) =>
      path.includes('cursor=next')
        ? [200, { snapshots: [snapshot({ volume: 'db2' })], next_cursor: null }]
        : [200, { snapshots: [older, snapshot()], next_cursor: 'next' }]
    expect((await run('snapshot list')).out).toMatch(/\ndb1@sunday .*\ndb1@monday .*\ndb2@monday .*\n$/)
    expect((await run('snapshot list db1 -o wide')).out).toMatch(/SCHEDULE +REPOSITORY +GROUP +LSN +ID\n/)
    master.answers[`GET ${SNAPSHOTS}`] = [200, { snapshots: [] }]
    expect((await run('snapshot list db1')).out).toBe('no snapshots\n')
  })

  it('are shown by get, and by show', async () => {
    const exposed = { iqn: 'iqn.a', nqn: 'nqn.a', iscsi: ['127.0.0.1:3260'], nvme: [] }
    master.answers[`GET ${SNAPSHOTS}/monday`] = [
      200,
      snapshot({ exposed, schedule: 'nightly', group: 'g1', repository: 'offsite' }),
    ]
    const { out } = await run('snapshot get db1@monday')
    expect(out).toMatch(/^exposed +read-only\niSCSI +iqn.a at 127.0.0.1:3260\nNVMe +nqn.a at no portal yet$/m)
    expect(out).toMatch(/^schedule +nightly\nkept +as the base of the next backup to offsite\ngroup +g1$/m)
    expect((await run('snapshot show db1@monday')).out).toBe(out)
    expect((await run('snapshot get db1@nope')).code).toBe(3)
  })

  it('are deleted when that is meant', async () => {
    master.answers[`DELETE ${SNAPSHOTS}/monday`] = [204, undefined]
    expect(await run('snapshot delete db1@monday')).toMatchObject({
      code: 6,
      err: "basalt: This deletes the snapshot 'db1@monday'. Give --yes if that is meant\n",
    })
    expect((await run('snapshot delete db1@monday', { types: 'db1' })).code).toBe(1)
    expect(asked('DELETE')).toEqual([])
    expect((await run('snapshot delete db1@monday', { types: 'db1@monday' })).out).toBe(
      'deleted db1@monday\n',
    )
    const json = await run('snapshot delete db1@monday --yes --json')
    expect(JSON.parse(json.out)).toEqual({ deleted: 'db1@monday' })
    expect(asked('DELETE')).toHaveLength(2)
    expect((await run('snapshot delete db1@nope --yes')).code).toBe(3)
  })

  it('are restored when that is meant, and hosts that may write speak against it', async () => {
    const route = `POST ${SNAPSHOTS}/monday/restore`
    master.answers[route] = problem(409, 'CONFLICT', 'a host is logged in; force it', { unsafe: true })
    expect(await run('snapshot restore db1@monday')).toMatchObject({
      code: 6,
      err: expect.stringMatching(/what it was at 'db1@monday'; what was written since is lost.*--yes/),
    })
    expect(master.bodies(route)).toEqual([])
    expect((await run('snapshot restore db1@monday --yes')).code).toBe(6)
    master.answers[route] = [202, job({ kind: 'restore', state: 'succeeded' })]
    expect((await run('snapshot restore db1@monday --force', { types: 'db1' })).out).toMatch(
      /^kind +restore$/m,
    )
    expect(master.bodies(route)).toEqual([{ force: false }, { force: true }])
    expect((await run('snapshot restore db1@nope --yes')).code).toBe(3)
  })

  it('are exposed and no longer', async () => {
    const route = `POST ${SNAPSHOTS}/monday/expose`
    const exposed = { iqn: 'iqn.a', nqn: 'nqn.a', iscsi: ['127.0.0.1:3260'], nvme: ['127.0.0.1:4420'] }
    master.answers[route] = [200, snapshot({ exposed })]
    expect((await run('snapshot expose db1@monday')).out).toMatch(/^NVMe +nqn.a at 127.0.0.1:4420$/m)
    master.answers[route] = [200, snapshot()]
    expect((await run('snapshot unexpose db1@monday')).out).toMatch(/^exposed +no$/m)
    expect(master.bodies(route)).toEqual([{ exposed: true }, { exposed: false }])
  })

  it('are made of several volumes at once', async () => {
    const snapshots = [snapshot({ group: 'g1' }), snapshot({ volume: 'db2', group: 'g1' })]
    master.answers['POST /block/snapshot-groups'] = [201, { snapshots }]
    const { code, out } = await run('snapshot group monday db1 db2')
    expect(code).toBe(0)
    expect(out).toMatch(/^db1@monday .*\ndb2@monday /m)
    expect(master.last?.body).toEqual({ name: 'monday', volumes: ['db1', 'db2'] })
    expect((await run('snapshot group monday db1 db2 -o wide')).out).toMatch(/ GROUP +LSN +ID\n.* g1 /)
    expect((await run('snapshot group monday')).err).toMatch(/missing required argument 'VOLUME'/)
    expect((await run('snapshot group Monday db1')).err).toMatch(/is not a snapshot name/)
  })
})

describe('volume clone', () => {
  it('makes a volume of a snapshot and waits until it is filled', async () => {
    const clone = { source: 'db1@monday', ratio: 0.25 }
    const made = volume({ name: 'copy', clone })
    master.answers[`POST ${SNAPSHOTS}/monday/clone`] = [201, { ...made, job: 'job-1' }]
    master.answers['GET /block/job/job-1'] = [200, job({ kind: 'clone', state: 'succeeded' })]
    master.answers[`GET /block/volume/${made.id}`] = [200, volume({ name: 'copy' })]
    const { code, out } = await run(
      'volume clone db1@monday copy --size 20GiB --replicas 2 --preset database',
    )
    expect(code).toBe(0)
    expect(out).toMatch(/^name +copy$/m)
    expect(master.bodies(`POST ${SNAPSHOTS}/monday/clone`)).toEqual([
      { name: 'copy', size_bytes: 20 * 1024 ** 3, replica_factor: 2, preset: 'database' },
    ])
    const left = await run('volume clone db1@monday copy --no-wait')
    expect(left.out).toMatch(/^clone +of db1@monday, being filled: 25%$/m)
    expect(left.err).toMatch(/It goes on/)
    expect((await run('volume clone db1@monday copy --logical-block 512')).code).toBe(2)
    expect((await run('volume clone db1@monday Copy')).err).toMatch(/is not a volume name/)
  })
})

describe('volume get', () => {
  it('has snapshots and scrubs', async () => {
    const scrub = { last_at: '2026-11-21T13:00:00.000Z', errors: 3, repaired: 2 }
    const more = { snapshots_count: 2, snapshot_bytes: 5 * 1024 ** 2, scrub }
    master.answers['GET /block/volume/db1'] = [200, volume(more)]
    const { out } = await run('volume get db1')
    expect(out).toMatch(/^snapshots +2, which hold 5MiB$/m)
    expect(out).toMatch(/^scrub +2026-11-21 \S+, 3 bad blocks, 2 mended$/m)
    master.answers['GET /block/volume/db1'] = [200, volume({ snapshots_count: 1, snapshot_bytes: null })]
    expect((await run('volume get db1')).out).toMatch(/^snapshots +1\nscrub +not yet$/m)
  })
})

describe('scrub', () => {
  const found = [{ block: 7, what: 'checksum', repaired: true, server: SERVER_IDS[0] }]
  const ended = (result: object): void => {
    master.answers['POST /block/volume/db1/scrub'] = [202, job({ kind: 'scrub', state: 'succeeded', result })]
  }

  it('says what it found and mended', async () => {
    ended({ verified_bytes: 1024 ** 3, errors: 1, repaired: 1, found })
    const { code, out } = await run('scrub db1')
    expect(code).toBe(0)
    expect(out).toMatch(
      /^verified +1GiB\nerrors +1\nrepaired +1\nfound +block 7, what checksum, repaired yes, server s1$/m,
    )
    expect(master.last?.path).not.toMatch(/repair/)
    expect(master.bodies('POST /block/volume/db1/scrub')).toEqual([{ repair: true }])
  })

  it('is exit code 1 when something stays bad', async () => {
    ended({ verifiedBytes: 1024 ** 3, errors: 3, repaired: 1, found: [] })
    const { code, out, err } = await run('scrub db1 --no-repair')
    expect(code).toBe(1)
    expect(out).toMatch(/^verified +1GiB$/m)
    expect(err).toBe('basalt: the scrub found 2 blocks that are bad and not mended\n')
    expect(master.bodies('POST /block/volume/db1/scrub')).toEqual([{ repair: false }])
    expect((await run('scrub db1 --no-wait')).code).toBe(0)
  })

  it('stands among the commands of the cluster', async () => {
    expect((await run('--help')).out).toMatch(/Commands over the API of the master:(?:\n .*)*\n +scrub /)
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MasterDouble, problem } from './test-support/master-double.ts'
import { type Run, type RunOptions, run as runCli } from './test-support/run-cli.ts'

const VOLUME = '/block/volumes/vol1'
const TASK_ID = '7b1d9a40-5d55-4f0f-8a43-c3b2ad4f6e11'
const TASK = `/block/tasks/${TASK_ID}`

const snapshot = (more: object = {}) => ({
  id: '00000000000000a1',
  name: 'monday',
  lsn: 7,
  sizeBytes: 1024 ** 3,
  createdAt: '2026-11-21T13:00:00.000Z',
  heldBytes: 4096,
  exclusiveBytes: 0,
  exposed: null as object | null,
  ...more,
})
const task = (more: object = {}) => ({
  task: TASK_ID,
  state: 'running',
  done: 512,
  total: 1024,
  unit: 'bytes',
  message: null,
  code: null,
  result: null,
  ...more,
})
const ended = (result: object = {}) => [202, task({ state: 'succeeded', result })] as const

/** What of a volume is looked at to find out that it is the only one. */
const ONLY = {
  ...{
    name: 'vol1',
    uuid: 'u',
    state: 'serving',
    health: 'healthy',
    reasons: [],
    sizeBytes: 1,
    dirtyBlocks: 0,
  },
  ...{
    logicalBlockBytes: 512,
    readOnly: false,
    reopens: 0,
    epoch: { number: 1, id: 'e' },
    pressure: 'normal',
  },
  lsn: { appended: 1, committed: 1, durable: 1, checkpoint: 1 },
  log: { sizeBytes: 1, usedBytes: 0 },
  iscsi: { iqn: 'iqn.a', portals: [], sessions: [] },
  nvme: { nqn: 'nqn.a', portals: [], sessions: [] },
}

let target: MasterDouble
beforeEach(async () => {
  target = await new MasterDouble().listen()
  target.answers['GET /block/volumes'] = [200, { volumes: [ONLY] }]
  target.answers[`GET ${VOLUME}/snapshots/monday`] = [200, snapshot()]
})
afterEach(() => {
  target.close()
})
const run = (args: string, options: RunOptions = {}): Promise<Run> =>
  runCli([...args.split(' '), '--admin', target.url], options)

it('says so when a block server of a cluster answers', async () => {
  target.answers['GET /block/volumes'] = problem(404, 'NOT_FOUND', 'there is nothing at this path', {
    reason: 'no_such_path',
  })
  for (const command of ['target list', 'target show']) {
    expect(await run(command)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/block server of a cluster: ask its master \('basalt volume list'\)/),
    })
  }
})

describe('target snapshot', () => {
  it('makes, lists, shows and deletes them', async () => {
    target.answers[`POST ${VOLUME}/snapshots`] = [201, snapshot()]
    expect((await run('target snapshot create monday')).out).toMatch(/^snapshot +monday$/m)
    expect(target.last?.body).toEqual({ name: 'monday' })
    target.answers[`GET ${VOLUME}/snapshots`] = [200, { snapshots: [snapshot()] }]
    expect((await run('target snapshot list')).out).toMatch(/^SNAPSHOT .*\nmonday .* 1GiB +4KiB +0B +no\n$/)
    expect(JSON.parse((await run('target snapshot list --json')).out)).toEqual([snapshot()])
    expect((await run('target snapshot get monday')).out).toMatch(/^held +4KiB kept/m)
    target.answers[`DELETE ${VOLUME}/snapshots/monday`] = [204, undefined]
    expect((await run('target snapshot delete monday')).code).toBe(6)
    expect((await run('target snapshot delete monday --yes')).out).toBe('deleted monday\n')
    expect((await run('target snapshot get nope')).code).toBe(3)
    expect((await run('target snapshot create Monday')).code).toBe(2)
  })

  it('restores by the name of the volume, and exposes', async () => {
    const route = `POST ${VOLUME}/snapshots/monday/restore`
    target.answers[route] = problem(409, 'CONFLICT', '1 hosts are logged in', { unsafe: true })
    expect((await run('target snapshot restore monday', { types: 'monday' })).code).toBe(1)
    expect((await run('target snapshot restore monday', { types: 'vol1' })).code).toBe(6)
    target.answers[route] = [200, { restored: 'monday' }]
    expect((await run('target snapshot restore monday --force --yes')).out).toBe(
      'vol1 is what it was at monday\n',
    )
    expect(target.bodies(route)).toEqual([{ force: false }, { force: true }])
    const exposed = { iqn: 'iqn.s', nqn: 'nqn.s', iscsi: ['127.0.0.1:3260'], nvme: ['127.0.0.1:4420'] }
    target.answers[`POST ${VOLUME}/snapshots/monday/expose`] = [200, snapshot({ exposed })]
    expect((await run('target snapshot expose monday')).out).toMatch(/^iSCSI +iqn.s at 127.0.0.1:3260$/m)
    await run('target snapshot unexpose monday')
    expect(target.last?.body).toEqual({ exposed: false })
  })
})

describe('target backup', () => {
  const POST = `POST ${VOLUME}/tasks`
  const AT = '--directory /srv/backups'
  const repository = { kind: 'directory', path: '/srv/backups', encryption: null }

  it('begins a task and shows how far it is', async () => {
    target.answers[POST] = [202, task()]
    const looks = [task({ done: 768 }), task({ state: 'succeeded', result: { backup: { id: 'b-1' } } })]
    target.answers[`GET ${TASK}`] = () => [200, looks.shift()]
    const { code, out, err } = await run(`target backup create ${AT} --full`)
    expect(code).toBe(0)
    expect(out).toBe('state      succeeded\nbackup id  b-1\n')
    expect(err).toMatch(/^backup \(under way\): 50% 512B of 1KiB\nbackup \(under way\): 75% 768B of 1KiB/)
    expect(target.bodies(POST)).toEqual([{ kind: 'backup', full: true, repository }])
    expect(
      JSON.parse(
        (
          await run(`target backup create ${AT} --json`, {
            onPause: () => looks.push(task({ state: 'succeeded' })),
          })
        ).out,
      ),
    ).toMatchObject({ state: 'succeeded' })
  })

  it('sends the secrets of S3 and shows none', async () => {
    target.answers[POST] = ended()
    const environment = {
      AWS_ACCESS_KEY_ID: 'A',
      AWS_SECRET_ACCESS_KEY: 'never-shown',
      BASALT_ENCRYPTION_KEY: 'ab'.repeat(32),
    }
    const { out, err } = await run('target backup check --bucket b --endpoint http://127.0.0.1:9', {
      environment,
    })
    expect(`${out}${err}`).not.toMatch(/never-shown|abab/)
    expect(target.last?.body).toEqual({
      kind: 'checkRepository',
      repository: {
        ...{ kind: 's3', endpoint: 'http://127.0.0.1:9', region: 'us-east-1', bucket: 'b', prefix: '' },
        ...{ accessKeyId: 'A', secretAccessKey: 'never-shown', sessionToken: null, forcePathStyle: true },
        encryption: { keyHex: 'ab'.repeat(32) },
      },
    })
  })

  it('lists and shows what there is', async () => {
    const one = {
      ...{ id: 'b-1', volumeName: 'vol1', volumeUuid: 'u', createdAtMs: 0, snapshotName: 's', lsn: 7 },
      ...{ sizeBytes: 1024 ** 3, logicalBlockBytes: 512, kind: 'full', base: null, whyFull: null },
      ...{ storedBytes: 10, changedBytes: 20, compression: 'zstd', isEncrypted: false, state: 'complete' },
    }
    target.answers[POST] = ended({ backups: [one], next: null })
    expect((await run(`target backup list ${AT}`)).out).toMatch(
      /\nb-1 +vol1 .* full +1GiB +20B +10B +complete\n$/,
    )
    expect(JSON.parse((await run(`target backup list ${AT} --json`)).out)).toEqual([one])
    expect((await run(`target backup get b-1 ${AT}`)).out).toMatch(/^backup +b-1$/m)
    target.answers[POST] = ended({ backups: 'odd' })
    expect((await run(`target backup list ${AT}`)).err).toMatch(/does not understand/)
  })

  it('asks before it replaces or deletes', async () => {
    target.answers[POST] = ended({ restoredBytes: 4096 })
    for (const words of [
      'backup restore b-1',
      'backup delete b-1',
      'backup prune --keep-last 1',
      'import golden',
    ]) {
      expect((await run(`target ${words} ${AT}`)).code, words).toBe(6)
    }
    expect(target.bodies(POST)).toEqual([])
    expect((await run(`target backup restore b-1 ${AT}`, { types: 'vol1' })).out).toMatch(/^restored +4KiB$/m)
    await run(`target import golden ${AT} --force --yes`)
    await run(`target export golden ${AT}`)
    await run(`target backup delete b-1 ${AT} --yes`)
    await run(`target backup prune --keep-last 1 ${AT} --dry-run`)
    await run(`target backup verify b-1 ${AT}`)
    expect(target.bodies(POST)).toEqual([
      { kind: 'restoreBackup', backup: 'b-1', force: false, repository },
      { kind: 'importImage', artifact: 'golden', force: true, repository },
      { kind: 'exportImage', artifact: 'golden', repository },
      { kind: 'deleteBackup', backup: 'b-1', repository },
      { kind: 'pruneBackups', keep: { last: 1 }, dryRun: true, repository },
      { kind: 'verifyBackup', backup: 'b-1', repository },
    ])
    expect((await run(`target backup prune ${AT}`)).err).toMatch(/no rule says/)
  })

  it('tells why a task failed, and ends it on Ctrl-C', async () => {
    const failed = (code: string) =>
      [202, task({ state: 'failed', code, message: 'packs/17 is damaged' })] as const
    target.answers[POST] = failed('CORRUPT')
    expect(await run(`target backup verify b-1 ${AT}`)).toMatchObject({
      code: 1,
      err: "basalt: 'verify backup' failed: packs/17 is damaged\n",
    })
    target.answers[POST] = failed('NOT_FOUND')
    expect((await run(`target backup verify b-1 ${AT}`)).code).toBe(3)
    target.answers[POST] = [202, task()]
    target.answers[`GET ${TASK}`] = [200, task({ state: 'cancelled' })]
    target.answers[`POST ${TASK}/cancel`] = [200, task()]
    const { code, err } = await run(`target backup create ${AT}`, {
      onPause: (count, interrupt) => count === 1 && interrupt(),
    })
    expect(code).toBe(1)
    expect(err).toMatch(/the 'backup' was cancelled/)
    expect(target.asked.map(({ method, path }) => `${method} ${path}`)).toContain(`POST ${TASK}/cancel`)
  })
})

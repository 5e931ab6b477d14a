import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  backup,
  job,
  MasterDouble,
  problem,
  repository,
  SERVER_IDS,
  schedule,
  server,
  volume,
} from './test-support/master-double.ts'
import { type Run, type RunOptions, run as runCli } from './test-support/run-cli.ts'

let master: MasterDouble
let directory: string
beforeEach(async () => {
  master = await new MasterDouble().listen()
  directory = mkdtempSync(join(tmpdir(), 'basalt-cli-'))
  master.answers['GET /block/servers'] = [200, { servers: [server(0)], next_cursor: null }]
  master.answers['GET /block/repositories'] = [200, { repositories: [repository()] }]
})
afterEach(() => {
  master.close()
  rmSync(directory, { recursive: true })
})

const run = (args: string, options: RunOptions = {}): Promise<Run> =>
  runCli([...args.split(' '), '--master', master.url], options)
const file = (name: string, text: string): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}
const ended = (kind: string, result: object | null = null) =>
  [202, job({ kind, state: 'succeeded', result })] as const
const AT = '/block/repositories/offsite'

describe('repository add', () => {
  const KEY = 'ab'.repeat(32)
  beforeEach(() => {
    master.answers['POST /block/repositories'] = [201, repository()]
  })

  it('sends the secrets of files, and prints none', async () => {
    const secret = file('secret', 's3cr3t-of-a-file\n')
    const token = file('session', 'temporary\n')
    const key = file('key', `${KEY.toUpperCase()}\n`)
    const { code, out, err } = await run(
      'repository add offsite --bucket backups --prefix basalt --region eu-central-1 --endpoint https://s3.example ' +
        `--path-style --access-key-id AKIA1 --secret-key-file ${secret} --session-token-file ${token} --encryption-key-file ${key}`,
    )
    expect(code).toBe(0)
    expect(master.last?.body).toEqual({
      name: 'offsite',
      s3: {
        endpoint: 'https://s3.example',
        region: 'eu-central-1',
        bucket: 'backups',
        prefix: 'basalt',
        access_key_id: 'AKIA1',
        secret_access_key: 's3cr3t-of-a-file',
        session_token: 'temporary',
        force_path_style: true,
      },
      encryption_key: KEY,
    })
    expect(out).toMatch(/^where +s3:\/\/backups\/basalt$/m)
    expect(out).toMatch(/^encrypted +yes/m)
    expect(`${out}${err}`).not.toMatch(/s3cr3t|temporary|abab/i)
    expect(err).toBe('')
  })

  it('takes them from the environment, as other programs do', async () => {
    const environment = {
      AWS_ACCESS_KEY_ID: 'AKIA2',
      AWS_SECRET_ACCESS_KEY: 'of-the-environment',
      AWS_SESSION_TOKEN: '',
      BASALT_ENCRYPTION_KEY: KEY,
    }
    expect((await run('repository add offsite --bucket backups', { environment })).code).toBe(0)
    expect(master.last?.body).toEqual({
      name: 'offsite',
      s3: {
        endpoint: null,
        region: 'us-east-1',
        bucket: 'backups',
        prefix: '',
        access_key_id: 'AKIA2',
        secret_access_key: 'of-the-environment',
        session_token: null,
      },
      encryption_key: KEY,
    })
  })

  it('takes a directory, and says when nothing encrypts', async () => {
    const more = { kind: 'directory', directory: '/srv/backups', bucket: null, encrypted: false }
    master.answers['POST /block/repositories'] = [201, repository(more)]
    const { out, err } = await run('repository add local --directory /srv/backups')
    expect(master.last?.body).toEqual({ name: 'local', directory: '/srv/backups', encryption_key: null })
    expect(out).toMatch(/^where +\/srv\/backups\nencrypted +no$/m)
    expect(err).toMatch(/^Not encrypted: .*--encryption-key-file/)
    expect((await run('repository add local --directory /srv/backups --json')).err).toBe('')
  })

  it.each([
    ['offsite', /--directory DIR or --bucket BUCKET/],
    ['offsite --directory /a --bucket b', /give one of them/],
    ['offsite --directory relative', /write the whole path/],
    ['offsite --directory /a --region x', /--region is of S3/],
    ['offsite --directory /a --path-style', /--path-style is of S3/],
    ['offsite --bucket b', /S3 wants a key/],
    ['offsite --bucket b --access-key-id A', /S3 wants a key/],
    ['Offsite --directory /a', /is not a repository name/],
  ])('refuses %s', async (args, sentence) => {
    const { code, err } = await run(`repository add ${args}`)
    expect(code).toBe(2)
    expect(err).toMatch(sentence)
    expect(master.asked).toEqual([])
  })

  it('says of a wrong key that it is wrong and not what it is', async () => {
    const wrong = file('wrong', 'abcdef-a-secret')
    const flags = `--directory /a --encryption-key-file`
    const { code, err } = await run(`repository add local ${flags} ${wrong}`)
    expect(code).toBe(2)
    expect(err).toMatch(/64 hex digits/)
    expect(err).not.toContain('a-secret')
    expect((await run(`repository add local ${flags} ${directory}/none`)).code).toBe(3)
    expect((await run(`repository add local ${flags} ${file('empty', '\n')}`)).err).toMatch(/is empty/)
    expect(master.asked).toEqual([])
  })
})

describe('other commands of repositories', () => {
  it('list, show and check them', async () => {
    expect((await run('repository list')).out).toBe(
      'NAME     WHERE                ENDPOINT  ENCRYPTED\noffsite  s3://backups/basalt  -         yes\n',
    )
    expect((await run('repository list -o wide')).out).toMatch(/ENCRYPTED +ADDED\n.* yes +2026-/)
    master.answers[`GET ${AT}`] = [200, repository()]
    expect((await run('repository get offsite')).out).toMatch(/^access key +AKIA1$/m)
    master.answers[`POST ${AT}/check`] = [200, { server: SERVER_IDS[0] }]
    expect((await run('repository check offsite')).out).toBe("s1 can write, read and delete in 'offsite'\n")
    const denied = "the store refuses the key 'AKIA1'"
    master.answers[`POST ${AT}/check`] = problem(403, 'ACCESS_DENIED', denied, { reason: 'repository' })
    // a token of another role would change nothing
    expect(await run('repository check offsite')).toMatchObject({
      code: 6,
      err: `basalt: ${denied}; 'basalt repository set' gives the cluster other keys\n`,
    })
  })

  it('replaces one, and forgets one when that is meant', async () => {
    master.answers[`PUT ${AT}`] = [200, repository()]
    await run('repository set offsite --directory /srv/other')
    expect(master.last).toMatchObject({
      path: AT,
      body: { directory: '/srv/other', encryption_key: null },
    })
    master.answers[`GET ${AT}`] = [200, repository()]
    master.answers[`DELETE ${AT}`] = [204, undefined]
    expect((await run('repository remove offsite')).code).toBe(6)
    expect((await run('repository remove offsite --yes')).out).toBe('removed offsite\n')
    expect(master.last?.method).toBe('DELETE')
  })
})

describe('backups', () => {
  it('are made in the repository that is named, or the only one', async () => {
    master.answers['POST /block/volume/db1/backups'] = ended('backup', {
      backup: { id: 'b-9', created_at: '2026-11-21T13:00:00.000Z', stored_bytes: 2048 },
    })
    const { code, out } = await run('backup create db1')
    expect(code).toBe(0)
    expect(out).toMatch(/^backup id +b-9\nbackup created +2026-11-2\d \d\d:00:00\nbackup stored +2KiB$/m)
    await run('backup create db1 --repository other --full')
    await run('backup create db1', { environment: { BASALT_REPOSITORY: 'third' } })
    expect(master.bodies('POST /block/volume/db1/backups')).toEqual([
      { repository: 'offsite', full: false },
      { repository: 'other', full: true },
      { repository: 'third', full: false },
    ])
    master.answers['GET /block/repositories'] = [
      200,
      { repositories: [repository(), repository({ name: 'local' })] },
    ]
    expect(await run('backup create db1')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--repository is missing; there are offsite, local/),
    })
    master.answers['GET /block/repositories'] = [200, { repositories: [] }]
    expect((await run('backup list')).err).toMatch(/no repository yet; 'basalt repository add'/)
  })

  it('are listed page by page and shown', async () => {
    master.answers[`GET ${AT}/backups`] = ({ path }) =>
      path.includes('cursor')
        ? [200, { backups: [backup({ id: 'b-0', kind: 'full', base: null })], next_cursor: null }]
        : [200, { backups: [backup()], next_cursor: 'c1' }]
    const { out } = await run('backup list --volume db1')
    expect(out).toMatch(
      /^BACKUP +VOLUME +CREATED +KIND +SIZE +CHANGED +STORED +STATE\nb-1 +db1 .* incremental +10GiB +4MiB +1MiB +complete\nb-0 +db1 .* full /,
    )
    expect(master.last?.path).toMatch(/volume=db1&cursor=c1/)
    master.answers[`GET ${AT}/backups/b-1`] = [200, backup({ why_full: 'the base is gone' })]
    expect((await run('backup get b-1')).out).toMatch(/^kind +incremental, on b-0\n +the base is gone$/m)
    expect((await run('backup get nope')).code).toBe(3)
  })

  it('are verified; one that is damaged is exit code 1 and named', async () => {
    master.answers[`POST ${AT}/backups/b-1/verify`] = ended('verify_backup', {
      verified_bytes: 4096,
      objects: 3,
    })
    expect((await run('backup verify b-1')).out).toMatch(/^verified +4KiB\nobjects +3$/m)
    const damaged = 'packs/17 is damaged'
    master.answers[`POST ${AT}/backups/b-1/verify`] = [202, job({ state: 'failed', message: damaged })]
    expect(await run('backup verify b-1')).toMatchObject({ code: 1, err: expect.stringContaining(damaged) })
  })

  it('are restored into a new volume without a question, and into one that is there with one', async () => {
    const route = `POST ${AT}/backups/b-1/restore`
    const restoring = { volume: volume(), job: job({ kind: 'restore_backup', state: 'succeeded' }) }
    master.answers[route] = [202, restoring]
    expect((await run('backup restore b-1 copy --replicas 2')).code).toBe(0)
    expect(master.bodies(route)).toEqual([{ volume: 'copy', force: false, replica_factor: 2 }])
    master.answers['GET /block/volume/db1'] = [200, volume()]
    expect(await run('backup restore b-1 db1')).toMatchObject({
      code: 6,
      err: expect.stringMatching(/replaces everything in the volume 'db1' by the backup b-1/),
    })
    expect(master.bodies(route)).toHaveLength(1)
    expect((await run('backup restore b-1 db1 --force', { types: 'db1' })).code).toBe(0)
    expect(master.bodies(route)[1]).toEqual({ volume: 'db1', force: true })
    master.answers['GET /block/volume/db1'] = problem(403, 'ACCESS_DENIED', 'no')
    expect((await run('backup restore b-1 db1')).code).toBe(6)
    expect(master.bodies(route)).toHaveLength(2)
    expect((await run('backup restore b-1 Copy')).code).toBe(2)
  })

  it('are deleted and pruned when that is meant', async () => {
    master.answers[`GET ${AT}/backups/b-1`] = [200, backup()]
    master.answers[`DELETE ${AT}/backups/b-1`] = ended('delete_backup', { freed_bytes: 1024 })
    expect((await run('backup delete b-1')).code).toBe(6)
    expect((await run('backup delete b-1', { types: 'b-1' })).out).toMatch(/^freed +1KiB$/m)
    const route = `POST ${AT}/prune`
    master.answers[route] = ended('prune_backups', { deleted: ['b-0'], kept: 2, freed_bytes: 2048 })
    expect((await run('backup prune')).err).toMatch(/no rule says what to keep; give one/)
    const dry = await run('backup prune --keep-daily 7 --keep-last 0 --dry-run')
    expect(dry.out).toMatch(/^deleted +b-0\nkept +2\nfreed +2KiB$/m)
    expect((await run('backup prune --keep-daily 7')).code).toBe(6)
    expect((await run('backup prune --keep-weekly 4 --keep-monthly 12 --volume db1 --yes')).code).toBe(0)
    expect(master.bodies(route)).toEqual([
      { keep: { last: 0, daily: 7 }, dry_run: true },
      { volume: 'db1', keep: { weekly: 4, monthly: 12 }, dry_run: false },
    ])
    expect((await run('backup prune --keep-daily seven')).code).toBe(2)
  })
})

describe('schedules', () => {
  const route = 'POST /block/schedules'
  beforeEach(() => {
    master.answers[route] = [201, schedule()]
  })

  it('make snapshots, or backups as well', async () => {
    const { out } = await run(
      'schedule create hourly --volume db* --volume web --every 1h --keep-last 24 --keep-daily 7',
    )
    expect(out).toMatch(/^when +every 1d\nstate +active\nsnapshots +kept: last 2$/m)
    expect(out).toMatch(/^now +db1, db2$/m)
    await runCli([
      ...[
        'schedule',
        'create',
        'nightly',
        '--volume',
        'db1',
        '--at',
        '30 2 * * *',
        '--repository',
        'offsite',
      ],
      ...['--full-every', '30d', '--keep-backups-monthly', '12', '--paused', '--master', master.url],
    ])
    expect(master.bodies(route)).toEqual([
      {
        name: 'hourly',
        volumes: ['db*', 'web'],
        every_seconds: 3600,
        at: null,
        keep: { last: 24, daily: 7 },
        backup: null,
        paused: false,
      },
      {
        name: 'nightly',
        volumes: ['db1'],
        every_seconds: null,
        at: '30 2 * * *',
        keep: {},
        backup: { repository: 'offsite', full_every_seconds: 30 * 86_400, keep: { monthly: 12 } },
        paused: true,
      },
    ])
  })

  it.each([
    ['x --every 1h --keep-last 1', /--volume is missing/],
    ['x --volume a --keep-last 1', /--every TIME or --at CRON/],
    ['x --volume a --every 1h --at x --keep-last 1', /give one of them/],
    ['x --volume a --every 1h', /no rule says how many snapshots to keep/],
    ['x --volume a --every soon --keep-last 1', /--every: 'soon' is not a time/],
    ['x --volume a --every 1h --keep-last 1 --full-every 1d', /--repository says where/],
    ['x --volume a --every 1h --keep-last 1 --keep-backups-last 1', /--repository says where/],
    ['X --volume a --every 1h --keep-last 1', /is not a schedule name/],
  ])('refuses %s', async (args, sentence) => {
    const { code, err } = await run(`schedule create ${args}`)
    expect(code).toBe(2)
    expect(err).toMatch(sentence)
    expect(master.asked).toEqual([])
  })

  it('are listed and shown, with how the last run went', async () => {
    const last = {
      due_at: '2026-11-21T13:00:00.000Z',
      started_at: '2026-11-21T13:00:00.000Z',
      ended_at: '2026-11-21T13:00:01.000Z',
      made: 2,
      failed: 1,
      message: 'db2: nobody leads it',
    }
    const full = { repository: 'offsite', full_every_seconds: 2_592_000, keep: null }
    const one = schedule({ last, backup: full, every_seconds: null, at: '30 2 * * *' })
    master.answers['GET /block/schedules'] = [200, { schedules: [one] }]
    expect((await run('schedule list')).out).toMatch(
      /^NAME +VOLUMES +WHEN +KEEPS +REPOSITORY +STATE +LAST\nnightly +db\* +at 30 2 \* \* \* \(UTC\) +last 2 +offsite +active .*, 2 made, 1 failed\n$/,
    )
    master.answers['GET /block/schedules/nightly'] = [200, one]
    const { out } = await run('schedule get nightly')
    expect(out).toMatch(/^backups +to offsite\nfull +every 30d\n +kept: all$/m)
    expect(out).toMatch(/1 failed\n +db2: nobody leads it$/m)
  })

  it('are replaced, paused and resumed without losing what else they are', async () => {
    const at = '/block/schedules/nightly'
    master.answers[`GET ${at}`] = [200, schedule({ keep: { last: 2, weekly: 4 } })]
    master.answers[`PUT ${at}`] = [200, schedule({ paused: true })]
    expect((await run('schedule pause nightly')).out).toMatch(/^state +paused$/m)
    await run('schedule resume nightly')
    await run('schedule set nightly --volume web --every 15m --keep-last 4')
    const rest = {
      volumes: ['db*'],
      every_seconds: 86_400,
      at: null,
      keep: { last: 2, weekly: 4 },
      backup: null,
    }
    expect(master.bodies(`PUT ${at}`)).toEqual([
      { ...rest, paused: true },
      { ...rest, paused: false },
      { volumes: ['web'], every_seconds: 900, at: null, keep: { last: 4 }, backup: null, paused: false },
    ])
  })

  it('are deleted when that is meant', async () => {
    master.answers['GET /block/schedules/nightly'] = [200, schedule()]
    master.answers['DELETE /block/schedules/nightly'] = [204, undefined]
    expect((await run('schedule delete nightly')).code).toBe(6)
    expect((await run('schedule delete nightly --yes')).out).toBe('deleted nightly\n')
  })
})

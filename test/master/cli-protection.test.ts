/**
 * Snapshots, schedules, repositories and backups by the CLI, over the master itself: its HTTP API, its registry and its jobs. The
 * servers are scripts in virtual time; what they do in repositories is done for real, in a directory.
 */
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Run, run as runCli } from '../../src/cli/test-support/run-cli.ts'
import { JobWorld } from '../support/master/job-world.ts'
import { RepositoryTasks } from '../support/master/repository-tasks.ts'
import { wordsOf } from './cli-uses.ts'
import { type TestMaster, testMaster } from './scripted-master.ts'

const DB1 = '22222222-2222-4222-8222-000000000001'
const DB2 = '22222222-2222-4222-8222-000000000002'
const DAY_MS = 24 * 3600 * 1000

let world: JobWorld
let tasks: RepositoryTasks
let http: TestMaster
let url: string
let directory: string
beforeEach(async () => {
  world = new JobWorld()
  tasks = new RepositoryTasks()
  world.servers.volumes.real = tasks
  for (const [name, uuid] of [
    ['db1', DB1],
    ['db2', DB2],
  ] as const) {
    world.addVolume(name, ['s1', 's2', 's3'], { uuid, logicalBlockBytes: 4096 })
  }
  await world.start()
  http = await testMaster({ api: world.master, seal: (text) => `sealed:${text}` })
  url = await http.app.listen({ host: '127.0.0.1', port: 0 })
  directory = mkdtempSync(join(tmpdir(), 'basalt-cli-'))
  writeFileSync(join(directory, 'key'), `${'ab'.repeat(32)}\n`)
})
afterEach(async () => {
  await http.app.close()
  world.kill()
  rmSync(directory, { recursive: true })
})

/** Virtual time passes until `promise` settles, and waits for what is done in real time. */
async function until<T>(promise: Promise<T>): Promise<T> {
  let isOver = false
  const end = (): void => {
    isOver = true
  }
  promise.then(end, end)
  while (!isOver) {
    await tasks.settled()
    await world.scheduler.pass(50)
    // who asks after a job without a pause is not to be one who asks too often
    http.clock.advance(1000)
  }
  return promise
}

const run = (line: string): Promise<Run> =>
  until(runCli([...wordsOf(line.replaceAll('DIR', directory)), '--master', url]))

/** What it prints for people; it must succeed. */
async function text(line: string): Promise<string> {
  const { code, out, err } = await run(line)
  expect({ line, code, err: /^basalt: /m.test(err) ? err : '' }).toEqual({ line, code: 0, err: '' })
  return out
}

/** What it prints for programs; it must succeed. */
const document = async (line: string): Promise<unknown> => JSON.parse(await text(`${line} --json`))
const documents = async (line: string): Promise<readonly Record<string, unknown>[]> =>
  (await document(line)) as readonly Record<string, unknown>[]

describe('snapshots', () => {
  it('are made, shown, exposed, cloned, restored and deleted', async () => {
    const made = { name: 'monday', volume: 'db1', volume_id: DB1, state: 'ready', exposed: null }
    expect(await document('snapshot create db1@monday')).toMatchObject({ ...made, lsn: 101 })
    const group = await documents('snapshot group tuesday db1 db2')
    expect(group.map(({ volume }) => volume)).toEqual(['db1', 'db2'])
    expect(new Set(group.map((one) => one.group)).size).toBe(1)
    expect((await documents('snapshot list')).map(({ volume, name }) => `${volume}@${name}`)).toEqual([
      ...['db1@monday', 'db1@tuesday', 'db2@tuesday'],
    ])
    expect(await text('snapshot list db1')).toMatch(/^db1@monday .* 64MiB +8KiB +4KiB +ready$/m)

    const exposed = { iqn: 'iqn.2026-11.io.basalt:db1:snap:monday', iscsi: ['s1:3260'] }
    expect(await document('snapshot expose db1@monday')).toMatchObject({ exposed })
    expect(await document('snapshot get db1@monday')).toMatchObject({ exposed })
    expect((await run('snapshot delete db1@monday --yes')).code).toBe(4)
    expect(await document('snapshot unexpose db1@monday')).toMatchObject({ exposed: null })

    const clone = 'volume clone db1@monday copy --size 128MiB --replicas 2 --zone-spread required --iops 7'
    expect((await run(clone)).err).toMatch(/zone/)
    expect(await document(clone.replace('--zone-spread required', '--preset database'))).toMatchObject({
      ...{ name: 'copy', size_bytes: 128 * 1024 ** 2, replica_factor: 2, preset: 'database' },
      ...{ logical_block_bytes: 4096, qos: { iops: 7 }, clone: null },
    })

    world.servers.sessions.set(DB1, 1)
    expect(await run('snapshot restore db1@monday --yes')).toMatchObject({
      code: 6,
      err: expect.stringMatching(/a host is logged in to db1/),
    })
    expect(await document('snapshot restore db1@monday --yes --force')).toMatchObject({ state: 'succeeded' })
    expect(world.servers.volumes.log(DB1).restored).toHaveLength(1)
    expect(await text('snapshot delete db1@monday --yes')).toBe('deleted db1@monday\n')
    expect((await run('snapshot get db1@monday')).code).toBe(3)
    expect(await text('scrub db1')).toMatch(/^errors +2\nrepaired +2$/m)
  })
})

describe('schedules', () => {
  const FLAGS =
    "--volume 'db*' --every 1m --keep-last 2 --repository local --full-every 30d --keep-backups-daily 7 --paused"
  const WISH = {
    ...{ volumes: ['db*'], every_seconds: 60, at: null, keep: { last: 2 } },
    backup: { repository: 'local', full_every_seconds: 30 * 24 * 3600, keep: { daily: 7 } },
  }

  it('are kept as they were asked for, paused, resumed, replaced and deleted', async () => {
    expect((await run(`schedule create often ${FLAGS}`)).err).toMatch(/there is no repository 'local'/)
    await text('repository add local --directory DIR/backups')
    const now = { matching: ['db1', 'db2'], next_at: null, last: null }
    expect(await document(`schedule create often ${FLAGS}`)).toMatchObject({ ...WISH, ...now, paused: true })
    expect((await run(`schedule create often ${FLAGS}`)).code).toBe(4)
    expect((await run('repository remove local --yes')).err).toMatch(/schedule often backs up to/)
    const at = "schedule set often --volume db2 --at '30 2 * * 1' --keep-weekly 4 --keep-hourly 3"
    const other = { volumes: ['db2'], every_seconds: null, at: '30 2 * * 1', keep: { weekly: 4, hourly: 3 } }
    expect(await document(at)).toMatchObject({ ...other, backup: null, paused: false, matching: ['db2'] })
    expect(await document('schedule pause often')).toMatchObject({ ...other, paused: true, next_at: null })
    expect(await document('schedule resume often')).toMatchObject({ ...other, paused: false })
    expect(await document('schedule list')).toMatchObject([{ name: 'often', ...other, paused: false }])
    expect(await text('schedule delete often --yes')).toBe('deleted often\n')
    expect(await text('schedule list')).toBe('no schedules\n')
  })

  it('run, and tell how it went', async () => {
    await text("schedule create often --volume 'db*' --every 1m --keep-last 2")
    await world.scheduler.pass(200_000)
    expect(await document('schedule get often')).toMatchObject({
      last: { made: 2, failed: 0, message: null },
    })
    expect(await text('schedule list')).toMatch(/^often +db\* +every 1m +last 2 +- +active .*, 2 made$/m)
    await text('schedule pause often')
    await world.scheduler.pass(70_000)
    const made = await documents('snapshot list db1')
    expect(made.map(({ schedule }) => schedule)).toEqual(['often', 'often'])
    await text('schedule delete often --yes')
    expect((await documents('snapshot list db1')).map(({ schedule }) => schedule)).toEqual([null, null])
  })
})

describe('backups', () => {
  const write = (block: number): Uint8Array => {
    const data = tasks.rig.block()
    tasks.volume(DB1).model.write(block, data)
    return data
  }
  /** Id of the newest. */
  const newest = async (): Promise<string> => String((await documents('backup list --limit 1'))[0]?.id)

  it('are made, listed, verified, restored, thinned out and deleted', async () => {
    const encryption = '--encryption-key-file DIR/key'
    expect(await document(`repository add local --directory DIR/backups ${encryption}`)).toMatchObject({
      ...{ name: 'local', kind: 'directory', directory: join(directory, 'backups'), encrypted: true },
    })
    expect(await text('repository check local')).toBe("s1 can write, read and delete in 'local'\n")
    expect(await text('backup list')).toBe('no backups\n')

    write(3)
    expect(await text('backup create db1')).toMatch(
      /^backup created +2026-09-21 (?:.*\n)+backup encrypted +yes$/m,
    )
    const first = await newest()
    tasks.rig.clock.advance(DAY_MS)
    const wanted = write(9)
    const increment = { kind: 'incremental', base: first, encrypted: true }
    expect(await document('backup create db1')).toMatchObject({
      ...{ state: 'succeeded', volume_name: 'db1', result: { backup: increment } },
    })
    const second = await newest()
    tasks.rig.clock.advance(DAY_MS)
    expect(await document('backup create db1 --full')).toMatchObject({ result: { backup: { kind: 'full' } } })
    tasks.rig.clock.advance(1000)
    expect(await documents('backup create db2 --repository local')).toMatchObject({ volume_name: 'db2' })

    const all = await documents('backup list')
    expect(all.map(({ volume_name, kind }) => `${volume_name} ${kind}`)).toEqual([
      ...['db2 full', 'db1 full', 'db1 incremental', 'db1 full'],
    ])
    const page = async (query: string) => {
      const { backups, next_cursor } = (
        await until(http.call('GET', `/block/repositories/local/backups?limit=3${query}`))
      ).json() as {
        readonly backups: readonly { readonly id: string }[]
        readonly next_cursor: string | null
      }
      return { ids: backups.map(({ id }) => id), next: next_cursor }
    }
    const { ids, next } = await page('')
    expect(await page(`&cursor=${next}`)).toEqual({ ids: [first], next: null })
    expect([...ids, first]).toEqual(all.map(({ id }) => id))
    expect((await documents('backup list --volume db2')).map(({ volume_uuid }) => volume_uuid)).toEqual([DB2])
    expect(await document(`backup get ${second}`)).toEqual(all[2])
    expect(await text(`backup get ${second}`)).toMatch(new RegExp(`^kind +incremental, on ${first}$`, 'm'))
    expect((await run('backup get 20260131t120000z-0123abcd')).code).toBe(3)
    expect(await document(`backup verify ${second}`)).toMatchObject({
      result: { verified_bytes: 8192, objects: expect.any(Number) },
    })

    const restored = `backup restore ${second} copy --replicas 2 --size 128MiB`
    expect(await document(restored)).toMatchObject({ kind: 'restore_backup', state: 'succeeded' })
    const copy = (await document('volume get copy')) as { readonly id: string }
    expect(copy).toMatchObject({ size_bytes: 128 * 1024 ** 2, replica_factor: 2, logical_block_bytes: 4096 })
    const at = 9 * 4096
    const blockOf = (uuid: string) => tasks.volume(uuid).content.subarray(at, at + 4096)
    expect(Buffer.compare(blockOf(copy.id), wanted)).toBe(0)
    expect(await text(`backup restore ${second} db2 --yes --force`)).toMatch(/^restored +8KiB$/m)
    expect(Buffer.compare(blockOf(DB2), wanted)).toBe(0)

    const prune = 'backup prune --volume db1 --keep-last 1 --keep-daily 2'
    const would = { deleted: [first], kept: 2 }
    expect(await document(`${prune} --dry-run`)).toMatchObject({ result: would })
    expect(await documents('backup list')).toHaveLength(4)
    expect(await document(`${prune} --yes`)).toMatchObject({ result: would })
    expect(await text(`backup delete ${second} --yes`)).toMatch(/^kind +delete_backup$/m)
    const left = await documents('backup list')
    expect(left.map(({ volume_name, kind }) => `${volume_name} ${kind}`)).toEqual(['db2 full', 'db1 full'])
    expect(await text('repository remove local --yes')).toBe('removed local\n')
    expect(await text('repository list')).toBe('no repositories\n')
  })

  it('that are damaged or of another key are told so', async () => {
    await text('repository add local --directory DIR/backups')
    write(3)
    await text('backup create db1')
    const id = await newest()
    const packs = readdirSync(join(directory, 'backups'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.startsWith('packs/') && name.includes(`${id}/0`),
    )
    expect(packs).toHaveLength(1)
    truncateSync(join(directory, 'backups', packs[0] ?? ''), 100)
    expect(await run(`backup verify ${id}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining(packs[0] ?? ''),
    })
    await text('repository set local --directory DIR/backups --encryption-key-file DIR/key')
    expect(await run('backup list')).toEqual({
      ...{ code: 6, out: '' },
      err: "basalt: s1: object repository cannot be opened with this key; 'basalt repository set' gives the cluster other keys\n",
    })
  })
})

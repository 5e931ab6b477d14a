/** Snapshots, schedules, repositories and backups over HTTP: what a request says, what an answer shows, and who may ask. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TestMaster, testMaster } from '../../../test/master/scripted-master.ts'
import { LatencyRecorder } from '../../metrics/latency-recorder.ts'
import { addMasterMetrics } from './master-metrics.ts'
import { ROUTE_ROLES } from './roles.ts'

let test: TestMaster
beforeEach(async () => {
  test = await testMaster()
})
afterEach(() => test.app.close())

const post = async (url: string, body: unknown = {}) => await test.call('POST', url, { body })
const LOCAL = { actor: 'local' }

describe('snapshots over HTTP', () => {
  it('are made, shown and deleted', async () => {
    const made = await post('/block/volume/vol1/snapshots', { name: 'before-upgrade' })
    expect(made.statusCode).toBe(201)
    expect(made.headers.location).toBe('/block/volume/vol1/snapshots/before-upgrade')
    expect(made.json()).toEqual({
      ...{ id: '00000000000000a1', name: 'before-upgrade', volume: 'vol1', state: 'ready', lsn: 42 },
      ...{ volume_id: '22222222-2222-4222-8222-000000000001', size_bytes: 2 ** 30 },
      ...{ created_at: '1970-01-01T00:00:00.000Z', held_bytes: 8192, exclusive_bytes: 4096 },
      ...{ exposed: null, schedule: null, group: null, repository: null },
    })
    expect((await test.call('GET', '/block/volume/vol1/snapshots')).json().snapshots).toHaveLength(1)
    expect((await test.call('DELETE', '/block/volume/vol1/snapshots/s1')).statusCode).toBe(204)
    expect((await post('/block/volume/vol1/snapshots/s1/expose', { exposed: true })).json().exposed).toEqual({
      ...{ iqn: 'iqn.2026-11.io.basalt:vol1:snap:s1', nqn: 'nqn.2026-11.io.basalt:vol1:snap:s1' },
      ...{ iscsi: ['10.0.0.1:3260'], nvme: ['10.0.0.1:4420'] },
    })
    expect(test.master.calls.map(([name]) => name)).toEqual([
      ...['createSnapshot', 'deleteSnapshot', 'exposeSnapshot'],
    ])
  })

  it('are restored, cloned, made in groups; volumes are scrubbed', async () => {
    expect((await post('/block/volume/vol1/snapshots/s1/restore')).statusCode).toBe(202)
    const clone = await post('/block/volume/vol1/snapshots/s1/clone', { name: 'copy', replica_factor: 2 })
    expect([clone.statusCode, clone.json().job]).toEqual([201, 'job-1'])
    expect(
      (await post('/block/snapshot-groups', { name: 'g', volumes: ['a', 'b'] })).json().snapshots,
    ).toHaveLength(2)
    expect((await post('/block/volume/vol1/scrub')).json().kind).toBe('scrub')
    expect(test.master.calls).toEqual([
      ['restoreSnapshot', expect.objectContaining(LOCAL), 'vol1', 's1', { force: false }],
      // the size is the snapshot's unless told
      ['cloneSnapshot', expect.objectContaining(LOCAL), 'vol1', 's1', { name: 'copy', replicas: 2 }],
      ['createSnapshotGroup', expect.objectContaining(LOCAL), { name: 'g', volumes: ['a', 'b'] }],
      ['scrubVolume', expect.objectContaining(LOCAL), 'vol1', { repair: true }],
    ])
  })

  it.each([
    ['/block/volume/vol1/snapshots', { name: 'Bad Name' }],
    ['/block/volume/vol1/snapshots', { name: 'a', other: 1 }],
    ['/block/snapshot-groups', { name: 'g', volumes: [] }],
    ['/block/schedules', { name: 's', volumes: ['*'], every_seconds: 1 }],
    ['/block/repositories', { name: 'r', directory: 'relative' }],
    ['/block/repositories', { name: 'r' }],
    [
      '/block/repositories',
      { name: 'r', directory: '/a', s3: { bucket: 'b', access_key_id: 'k', secret_access_key: 's' } },
    ],
    [
      '/block/repositories',
      {
        name: 'r',
        s3: { bucket: 'b', access_key_id: 'k', secret_access_key: 's', endpoint: 'ftp://host/x' },
      },
    ],
    ['/block/repositories', { name: 'r', directory: '/a', encryption_key: 'short' }],
  ])('%s refuses %o', async (url, body) => {
    expect((await post(url, body)).statusCode).toBe(400)
    expect(test.master.calls).toEqual([])
  })
})

describe('schedules over HTTP', () => {
  it('are made and replaced', async () => {
    const fields = {
      volumes: ['db*'],
      at: '0 3 * * *',
      backup: { repository: 'offsite', full_every_seconds: 86_400, keep: { daily: 7 } },
    }
    const made = await post('/block/schedules', { name: 'nightly', ...fields })
    expect(made.statusCode).toBe(201)
    expect(made.json()).toMatchObject({
      ...fields,
      name: 'nightly',
      every_seconds: null,
      keep: {},
      paused: false,
    })
    const body = { volumes: ['*'], every_seconds: 3600, keep: { last: 2 }, paused: true }
    const set = await test.call('PUT', '/block/schedules/nightly', { body })
    expect(set.json()).toMatchObject({ ...body, at: null, backup: null, last: { made: 1, failed: 0 } })
    expect((await test.call('GET', '/block/schedules')).json().schedules).toHaveLength(1)
    expect((await test.call('DELETE', '/block/schedules/nightly')).statusCode).toBe(204)
  })
})

describe('repositories over HTTP', () => {
  it('never show their secrets, and keep them sealed', async () => {
    const s3 = {
      ...{ endpoint: 'https://s3.example', bucket: 'b', prefix: 'p', access_key_id: 'key' },
      secret_access_key: 'very-secret-key',
    }
    const body = { name: 'offsite', s3, encryption_key: 'ab'.repeat(32) }
    const made = await post('/block/repositories', body)
    expect(made.statusCode).toBe(201)
    expect(made.json()).toEqual({
      ...{ name: 'offsite', kind: 's3', endpoint: 'https://s3.example', region: 'us-east-1', bucket: 'b' },
      ...{ prefix: 'p', access_key_id: 'key', force_path_style: true, directory: null, encrypted: true },
      created_at: '1970-01-01T00:00:00.000Z',
    })
    const asked = JSON.stringify(test.master.calls)
    expect(asked).toContain('sealed(15)')
    expect(asked).toContain('sealed(64)')
    expect(asked).not.toContain('very-secret')
    const shown = await test.call('GET', '/block/repositories')
    expect(shown.body).not.toContain('sealed')
    expect((await post('/block/repositories/offsite/check')).json()).toHaveProperty('server')
  })

  it('have backups that are listed, restored, verified, deleted and thinned out', async () => {
    const list = await test.call('GET', '/block/repositories/offsite/backups?volume=vol1&limit=1000')
    expect(list.json()).toMatchObject({
      backups: [{ id: 'b1', kind: 'incremental', base: 'b0', encrypted: true, stored_bytes: 4096 }],
      next_cursor: null,
    })
    // a list is asked of the repository, and has a bound of its own
    expect(test.master.calls).toEqual([['backups', 'offsite', { limit: 200, volume: 'vol1' }]])
    test.master.calls.length = 0
    expect((await post('/block/volume/vol1/backups', { repository: 'offsite', full: true })).statusCode).toBe(
      202,
    )
    const restored = await post('/block/repositories/offsite/backups/b1/restore', {
      volume: 'copy',
      force: true,
    })
    expect(restored.json()).toMatchObject({ volume: { name: 'copy' }, job: { kind: 'restore_backup' } })
    expect((await post('/block/repositories/offsite/backups/b1/verify')).statusCode).toBe(202)
    expect((await test.call('DELETE', '/block/repositories/offsite/backups/b1')).statusCode).toBe(202)
    expect(
      (await post('/block/repositories/offsite/prune', { keep: { last: 1 }, dry_run: true })).statusCode,
    ).toBe(202)
    const who = expect.objectContaining(LOCAL)
    expect(test.master.calls).toEqual([
      ['backupVolume', who, 'vol1', { repository: 'offsite', full: true }],
      ['restoreBackup', who, 'offsite', 'b1', { force: true, wish: { name: 'copy' } }],
      ['verifyBackup', who, 'offsite', 'b1'],
      ['deleteBackup', who, 'offsite', 'b1'],
      ['pruneBackups', who, 'offsite', { keep: { last: 1 }, dryRun: true }],
    ])
  })
})

describe('who may ask', () => {
  it('for what cannot be undone elsewhere is an admin, for the rest an operator', async () => {
    test.token('admin')
    const [viewer, operator] = [test.token('viewer'), test.token('operator')]
    const status = async (
      token: string,
      ...[method, url, body]: ['GET' | 'POST' | 'DELETE', string, unknown?]
    ) => (await test.call(method, url, { token, ...(body === undefined ? {} : { body }) })).statusCode
    expect(await status(viewer, 'GET', '/block/volume/vol1/snapshots')).toBe(200)
    expect(await status(viewer, 'POST', '/block/volume/vol1/snapshots', { name: 'a' })).toBe(403)
    expect(await status(operator, 'POST', '/block/volume/vol1/snapshots', { name: 'a' })).toBe(201)
    expect(await status(operator, 'DELETE', '/block/repositories/r')).toBe(403)
    expect(await status(operator, 'DELETE', '/block/repositories/r/backups/b')).toBe(403)
    const changing = Object.entries(ROUTE_ROLES).filter(([route]) =>
      /^(POST|PUT|DELETE) .*(snap|sched|repos|backup|scrub)/.test(route),
    )
    expect(changing.length).toBeGreaterThan(15)
    expect(changing.filter(([, role]) => role === 'viewer')).toEqual([])
  })
})

describe('metrics', () => {
  it('tell of snapshots, of the age of backups, of scrubs and schedules', async () => {
    const end = addMasterMetrics(test.metrics, test.master, {
      heartbeatStreams: () => 0,
      registry: { commits: 0, conflicts: 0, failures: 0, commitSeconds: new LatencyRecorder() },
      observe: () => ({ volumes: [], servers: [], jobs: [], schedules: [], tokens: [] }),
    })
    const { body } = await test.call('GET', '/metrics')
    end()
    expect(body).toContain('basalt_master_snapshots{state="ready"} 3\n')
    expect(body).toContain('basalt_master_snapshot_bytes 12288\n')
    expect(body).toContain(
      'basalt_master_backup_last_seconds{volume="vol1",repository="offsite"} 1800000000.5\n',
    )
    expect(body).toContain('basalt_master_scrub_errors{volume="vol1"} 2\n')
    expect(body).toContain('basalt_master_schedule_last_failed{schedule="nightly"} 1\n')
  })
})

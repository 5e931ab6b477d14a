import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  makeVolume,
  RecordingService,
  realPorts,
  temporaryDirectory,
} from '../../../test/e2e/target/support/volume.ts'
import { openRepository } from '../../backup/io/open-repository.ts'
import { Volume } from '../../blockvol/volume.ts'
import { buildHttpApp } from '../../http/app.ts'
import { tokenGate } from '../../http/guards.ts'
import { MetricsRegistry } from '../../metrics/registry.ts'
import { FillingMark } from '../filling-mark.ts'
import { HostedVolume } from '../hosted-volume.ts'
import { HostedVolumes } from '../hosted-volumes.ts'
import { makeLatencyRecorders } from '../latencies.ts'
import { TargetSnapshots } from '../snapshots/target-snapshots.ts'
import { TargetTasks } from '../tasks/target-tasks.ts'
import { TaskRunner } from '../tasks/task-runner.ts'
import { addRoutes } from './routes.ts'
import { addSnapshotRoutes } from './snapshot-routes.ts'
import { addTaskRoutes } from './task-routes.ts'

const VOLUME = '/block/volumes/vol1'
const SECRET = 'never-to-be-echoed'

describe('snapshots and tasks over the admin API', () => {
  const directory = temporaryDirectory()
  const ports = realPorts()
  const { clock, logger, random, disk } = ports
  const onFatal = (error: unknown): void => {
    throw error
  }
  const runner = new TaskRunner({ clock, logger, onFatal })
  const volumes = new HostedVolumes()
  let hosted: HostedVolume
  let app: FastifyInstance

  beforeAll(async () => {
    const path = `${directory.path}/v`
    await makeVolume(ports, path)
    const unexposable = (): never => {
      throw new Error('nothing is exposed here')
    }
    const snapshots = new TargetSnapshots({
      ...{ served: { volume: unexposable }, random, logger, sessions: () => 0 },
    })
    hosted = await HostedVolume.open({
      ...{ service: new RecordingService(), filling: new FillingMark(disk, path), companion: snapshots },
      ...{ latencies: makeLatencyRecorders(), clock, logger, onFatal },
      open: () => Volume.open(ports, { directory: path }),
    })
    volumes.add(hosted)
    const tasks = new TargetTasks({
      ...{ runner, clock, random, version: '1.2.3' },
      openRepository: (spec) => openRepository(spec, ports),
      device: () => snapshots.device(),
      fill: (request) => hosted.fill(request),
    })
    app = await buildHttpApp({
      gate: tokenGate({ token: undefined, tokenFlag: '--admin-token-file', host: '127.0.0.1' }),
      title: 'Basalt admin API',
      addRoutes: (one) => {
        const server = () => ({ id: 's', version: '1', pid: 1, startedWallMs: 0, state: 'serving' as const })
        addRoutes(one, { volumes, metrics: new MetricsRegistry(), server })
        addSnapshotRoutes(one, { volumes, snapshots: () => snapshots })
        addTaskRoutes(one, { volumes, tasks: () => tasks })
      },
      ...{ version: '1.2.3', clock, logger },
    })
  })
  afterAll(async () => {
    await app.close()
    await runner.close()
    await volumes.stop()
    directory.remove()
  })

  const ask = (
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    payload?: object,
  ): Promise<LightMyRequestResponse> =>
    app.inject({
      ...{ method, url, headers: { host: '127.0.0.1:7462' } },
      ...(payload !== undefined && { payload }),
    })
  const ended = async (begun: LightMyRequestResponse): Promise<Record<string, unknown>> => {
    expect(begun.statusCode).toBe(202)
    const path = String(begun.headers.location)
    return await expect
      .poll(async () => (await ask('GET', path)).json(), { timeout: 10_000 })
      .not.toMatchObject({ state: 'running' })
      .then(async () => (await ask('GET', path)).json())
  }
  const repository = { kind: 'directory', path: `${directory.path}/repository`, encryption: null }
  const task = (wish: object) => ask('POST', `${VOLUME}/tasks`, { repository, ...wish })

  it('makes, shows, restores and deletes snapshots', async () => {
    const made = await ask('POST', `${VOLUME}/snapshots`, { name: 'monday' })
    expect(made.statusCode).toBe(201)
    expect(made.json()).toMatchObject({ name: 'monday', exposed: null, sizeBytes: 16 * 1024 ** 2 })
    expect((await ask('GET', `${VOLUME}/snapshots`)).json()).toEqual({ snapshots: [made.json()] })
    expect((await ask('GET', `${VOLUME}/snapshots/monday`)).json()).toEqual(made.json())
    expect((await ask('POST', `${VOLUME}/snapshots/monday/restore`, {})).json()).toEqual({
      restored: 'monday',
    })
    expect((await ask('DELETE', `${VOLUME}/snapshots/monday`)).statusCode).toBe(204)
    expect((await ask('DELETE', `${VOLUME}/snapshots/monday`)).statusCode).toBe(404)
  })

  it('backs up, lists, verifies and restores', async () => {
    expect(await ended(await task({ kind: 'backup', full: false }))).toMatchObject({ state: 'succeeded' })
    const { result } = await ended(await task({ kind: 'listBackups', backup: null }))
    const [backup] = (result as { backups: { id: string }[] }).backups
    const id = backup?.id ?? ''
    expect(await ended(await task({ kind: 'verifyBackup', backup: id }))).toMatchObject({
      state: 'succeeded',
    })
    const restored = await ended(await task({ kind: 'restoreBackup', backup: id, force: false }))
    expect(restored).toMatchObject({ state: 'succeeded', message: null, code: null })
    expect(hosted.view().state).toBe('serving')
    expect((await ask('GET', `${VOLUME}/snapshots`)).json()).toEqual({ snapshots: [] })
  })

  it('says why a task failed, and changes nothing when there is no such backup', async () => {
    const missing = { kind: 'restoreBackup', backup: '20260131t120000z-0123abcd', force: false }
    expect(await ended(await task(missing))).toMatchObject({
      state: 'failed',
      code: 'NOT_FOUND',
      result: null,
    })
    expect((await ask('GET', VOLUME)).json()).toMatchObject({ state: 'serving' })
  })

  it.each([
    ['POST', '/block/volumes/other/snapshots', { name: 'a' }, 404],
    ['POST', '/block/volumes/other/tasks', { kind: 'checkRepository', repository }, 404],
    ['POST', `${VOLUME}/snapshots`, { name: 'A b' }, 400],
    ['POST', `${VOLUME}/snapshots`, { name: 'a', more: 1 }, 400],
    ['GET', `${VOLUME}/snapshots/..%2f..%2fetc`, undefined, 400],
    ['GET', `${VOLUME}/snapshots/nothing`, undefined, 404],
    ['POST', `${VOLUME}/tasks`, { kind: 'format', repository }, 400],
    ['POST', `${VOLUME}/tasks`, { kind: 'backup', full: true }, 400],
    ['GET', '/block/tasks/7b1d9a40-5d55-4f0f-8a43-c3b2ad4f6e11', undefined, 404],
    ['GET', '/block/tasks/nothing', undefined, 400],
  ] as const)('refuses %s %s %j with %i', async (method, url, body, status) => {
    const answer = await ask(method, url, body)
    expect(answer.statusCode).toBe(status)
    expect(answer.headers['content-type']).toMatch(/problem\+json/)
  })

  it('echoes no secret', async () => {
    const s3 = {
      ...{
        kind: 's3',
        endpoint: 'http://127.0.0.1:9',
        region: 'r',
        bucket: 'b',
        prefix: '',
        accessKeyId: 'A',
      },
      ...{ secretAccessKey: SECRET, sessionToken: null, forcePathStyle: true, encryption: null },
    }
    const wrong = await task({ kind: 'checkRepository', repository: { ...s3, region: 7 } })
    expect(wrong.statusCode).toBe(400)
    const begun = await task({ kind: 'checkRepository', repository: s3 })
    const cancelled = await ask('POST', `${begun.headers.location}/cancel`, {})
    expect(`${wrong.body}${begun.body}${cancelled.body}`).not.toContain(SECRET)
  })
})

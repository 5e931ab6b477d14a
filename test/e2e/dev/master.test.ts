/** `basalt master` as a process: what it says, keeps and refuses. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { MasterReadyLine } from '../../../src/master/master-daemon.ts'
import { BasaltProcess, run } from '../target/support/process.ts'
import { temporaryDirectory } from '../target/support/volume.ts'

const ID = '6d1c3f0e-58a5-4d0b-9e1f-0c7f3c1a9b11'
const OTHER = '8181269c-6394-4eb2-8b7b-37de6b51ca95'

let directory: ReturnType<typeof temporaryDirectory>
let data: string
let running: BasaltProcess[]
beforeEach(() => {
  directory = temporaryDirectory()
  data = join(directory.path, 'data')
  running = []
})
afterEach(async () => {
  await Promise.all(running.map((child) => child.kill()))
  directory.remove()
})

const flags = (clusterId: string, ...more: string[]): string[] => [
  ...['master', '--data', data, '--cluster-id', clusterId],
  ...['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', ...more],
]

async function start(...more: string[]): Promise<{ child: BasaltProcess; ready: MasterReadyLine }> {
  const child = new BasaltProcess(flags(ID, ...more))
  running.push(child)
  return { child, ready: await child.ready<MasterReadyLine>() }
}

const get = (ready: MasterReadyLine, path: string, token?: string): Promise<Response> =>
  fetch(`http://${ready.http}${path}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  })

describe('a master', () => {
  it('prints where it serves, answers, keeps its registry, and ends with 0 on SIGTERM', async () => {
    const { child, ready } = await start()
    const address = expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/)
    expect(ready).toEqual({
      ...{ ready: true, pid: expect.any(Number), http: address, grpc: address },
      ...{ registry: expect.any(String), cluster: ID },
    })
    expect(await (await get(ready, '/block/status')).json()).toMatchObject({ cluster_id: ID, lock: null })
    expect((await get(ready, '/ui')).status).toBe(200)
    expect(statSync(join(data, 'secrets.key')).mode & 0o777).toBe(0o600)
    const { code, stdout, stderr } = await child.stop()
    expect(code).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(1)
    expect(JSON.parse(stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({ event: 'master.stopped' })
    const again = await start()
    expect(again.ready.registry).toBe(ready.registry)
  })

  it('refuses a directory that is in use, and a registry of another cluster', async () => {
    const { child } = await start()
    const second = await run(flags(ID))
    expect(second).toMatchObject({ code: 4, stderr: expect.stringMatching(/^basalt: --data .* in use/) })
    await child.stop()
    const other = await run(flags(OTHER))
    expect(other).toMatchObject({ code: 4, stderr: expect.stringContaining(`cluster ${ID}`) })
    expect((await run(['master', '--data', data])).code).toBe(2)
  })

  it('takes tokens over into a new registry, and not again', async () => {
    const made = await run(['cluster', 'init', '--dir', join(directory.path, 'keys'), '--json'])
    expect(JSON.parse(made.stdout)).toMatchObject({ nodes: [{ name: 'master', role: 'master' }] })
    const tokens = join(directory.path, 'keys/master/tokens.json')
    const admin = readFileSync(join(directory.path, 'keys/admin.token'), 'utf8').trim()
    const first = await start('--initial-tokens', tokens)
    expect((await get(first.ready, '/block/status')).status).toBe(401)
    expect((await get(first.ready, '/block/status', admin)).status).toBe(200)
    await first.child.stop()
    // another file changes nothing any more
    writeFileSync(tokens, '[]')
    const second = await start('--initial-tokens', tokens)
    expect((await get(second.ready, '/block/status', admin)).status).toBe(200)
    expect(second.child.lines('stderr').join('\n')).not.toContain('tokens.taken_over')
    expect(existsSync(join(data, 'registry.sqlite'))).toBe(true)
  })

  it('takes a log level over on SIGHUP, and says what needs a restart', async () => {
    const config = join(directory.path, 'master.yaml')
    writeFileSync(config, 'log-level: info\n')
    const { child } = await start('--config', config)
    writeFileSync(config, 'log-level: debug\nreplace-after: 1h\n')
    child.signal('SIGHUP')
    expect(await child.logged('config.reloaded')).toMatchObject({
      ...{ applied: 'log-level', needRestart: 'replace-after' },
    })
    writeFileSync(config, 'log-level: loud\n')
    child.signal('SIGHUP')
    expect(await child.logged('config.reload_failed')).toMatchObject({
      reason: expect.stringContaining("'loud' is not a level"),
    })
  })
})

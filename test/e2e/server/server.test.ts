/** `basalt server` as a process: what it says, what it refuses, and what it remembers. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ServerReadyLine } from '../../../src/server/block-server.ts'
import { Cluster } from '../replication/fixture/cluster.ts'
import { Host } from '../replication/fixture/host.ts'
import { patternAt } from '../target/support/host.ts'
import { BasaltProcess, run } from '../target/support/process.ts'
import { temporaryDirectory } from '../target/support/volume.ts'

const MIB = 1 << 20
const ID = '6d1c3f0e-58a5-4d0b-9e1f-0c7f3c1a9b11'
const VOLUME = '11111111-2222-4333-8444-555555555555'
const SEAL = { kind: 'seal', epoch: { number: 1, id: '18446744073709551615' } }
const AUTHORITY = 'http://127.0.0.1:9'

let directory: ReturnType<typeof temporaryDirectory>
let data: string
beforeEach(() => {
  directory = temporaryDirectory()
  data = join(directory.path, 'data')
  writeFileSync(join(directory.path, 'key'), 'a-cluster-key-0123456789', { mode: 0o600 })
})
afterEach(() => directory.remove())

const flags = (...more: string[]): string[] => [
  ...['server', '--data', data, '--cluster-id', ID, '--cluster-key', join(directory.path, 'key')],
  ...[
    '--iscsi',
    '127.0.0.1:0',
    '--nvme',
    '127.0.0.1:0',
    '--replication',
    '127.0.0.1:0',
    '--http',
    '127.0.0.1:0',
  ],
  ...more,
]

async function withServer(
  body: (ready: ServerReadyLine, child: BasaltProcess) => Promise<void>,
  ...more: string[]
): Promise<void> {
  const child = new BasaltProcess(flags(...more))
  try {
    await body(await child.ready<ServerReadyLine>(), child)
  } finally {
    await child.kill()
  }
}

const post = (ready: ServerReadyLine, body: unknown): Promise<Response> =>
  fetch(`http://${ready.http}/assign`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const get = async (ready: ServerReadyLine, path: string): Promise<string> =>
  (await fetch(`http://${ready.http}${path}`)).text()

const create = { name: 'vol1', sizeBytes: 16 * MIB }
const assignment = (changes: object = {}): object => ({
  volume: VOLUME,
  authority: AUTHORITY,
  create,
  message: SEAL,
  ...changes,
})

describe('a block server', () => {
  it('prints where it serves, answers, keeps its id, and ends with 0 on SIGTERM', async () => {
    const ids: string[] = []
    for (let start = 0; start < 2; start++) {
      await withServer(async (ready, child) => {
        const address = expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/)
        expect(ready).toEqual({
          ...{ ready: true, pid: expect.any(Number), server: expect.any(String) },
          ...{ nvme: address, nvmePortals: [ready.nvme] },
          ...{ iscsi: address, portals: [ready.iscsi], replication: address, http: address, grpc: null },
        })
        ids.push(ready.server)
        expect(JSON.parse(await get(ready, '/healthz'))).toEqual({
          ...{ healthy: true, reasons: [], master: null },
        })
        expect(JSON.parse(await get(ready, '/status'))).toMatchObject({
          server: { id: ready.server, pid: ready.pid, state: 'serving' },
          replicas: [],
        })
        expect(await child.stop()).toMatchObject({ code: 0 })
      })
    }
    expect(ids[1]).toBe(ids[0])
  })

  it('makes a replica when it is told to, once, and remembers it and its authority', async () => {
    await withServer(async (ready, child) => {
      expect((await post(ready, assignment())).status).toBe(204)
      expect((await post(ready, assignment())).status).toBe(204)
      expect((await post(ready, assignment({ create: undefined }))).status).toBe(204)
      const moved = assignment({ create: undefined, authority: 'http://127.0.0.1:19/' })
      expect((await post(ready, moved)).status).toBe(204)
      await child.kill()
    })
    expect(readdirSync(join(data, 'volumes'))).toEqual([VOLUME])
    expect(JSON.parse(readFileSync(join(data, 'volumes', VOLUME, 'replica.json'), 'utf8'))).toEqual({
      ...{ version: 3, authority: 'http://127.0.0.1:19', madeIn: null, settings: null },
    })
    await withServer(async (ready, child) => {
      await expect
        .poll(() => get(ready, '/healthz'), { timeout: 30_000 })
        .toBe('{"healthy":true,"reasons":[],"master":null}')
      const { replicas } = JSON.parse(await get(ready, '/status'))
      expect(replicas).toMatchObject([
        {
          ...{ volume: VOLUME, name: 'vol1', state: 'open', served: false, role: 'following' },
          ...{ authority: 'http://127.0.0.1:19', epoch: SEAL.epoch, sizeBytes: 16 * MIB, peers: [] },
        },
      ])
      expect(await get(ready, '/metrics')).toMatch(/^basalt_replication_open\{.*volume="vol1".*\} 1$/m)
      expect(await child.stop()).toMatchObject({ code: 0 })
    })
  })

  it('refuses what it cannot use, each with a problem, and goes on', async () => {
    await withServer(async (ready) => {
      const bad: readonly (readonly [unknown, number, RegExp])[] = [
        ['{', 400, /./],
        [{}, 400, /volume/],
        [assignment({ volume: 'vol1' }), 400, /not a UUID/],
        [assignment({ authority: 'ftp://x' }), 400, /authority/],
        [assignment({ message: { kind: 'dance' } }), 400, /message/],
        [
          assignment({ message: { ...SEAL, epoch: { number: 1, id: '18446744073709551616' } } }),
          400,
          /64 bits/,
        ],
        [assignment({ message: { ...SEAL, extra: 1 } }), 400, /message/],
        [assignment({ create: { ...create, sizeBytes: 5 } }), 400, /size 5/],
        [assignment({ create: { ...create, name: 'No Name' } }), 400, /volume name/],
        [assignment({ create: undefined }), 404, /no replica/],
        ['x'.repeat(70_000), 413, /./],
      ]
      for (const [body, status, detail] of bad) {
        const response = await post(ready, body)
        const problem = (await response.json()) as { detail?: string }
        expect(response.status, JSON.stringify(problem)).toBe(status)
        expect(response.headers.get('content-type')).toMatch(/problem\+json/)
        expect(problem.detail).toMatch(detail)
      }
      expect(existsSync(join(data, 'volumes', VOLUME))).toBe(false)
      expect((await post(ready, assignment())).status).toBe(204)
      const other = await post(ready, assignment({ create: { ...create, name: 'vol2' } }))
      expect(other.status).toBe(409)
      const sameName = await post(ready, assignment({ volume: VOLUME.replace('1111', '9999') }))
      expect(sameName.status).toBe(409)
    })
  })

  it('wants a token where it has one, and refuses a directory in use', async () => {
    const token = join(directory.path, 'token')
    writeFileSync(token, '0123456789abcdef', { mode: 0o600 })
    await withServer(
      async (ready) => {
        expect((await post(ready, assignment())).status).toBe(401)
        expect((await fetch(`http://${ready.http}/healthz`)).status).toBe(200)
        const second = await run(flags())
        expect(second.code).toBe(4)
        expect(second.stderr).toContain(`--data ${data} is in use by process ${ready.pid}`)
      },
      '--http-token-file',
      token,
    )
  })

  it('does not take a volume that is no replica for one', async () => {
    const target = new BasaltProcess([
      ...['target', '--data', data, '--volume', 'own', '--size', '16MiB'],
      ...['--iscsi', '127.0.0.1:0', '--nvme', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
    ])
    await target.ready()
    await target.stop()
    const [uuid = ''] = readdirSync(join(data, 'volumes'))
    await withServer(async (ready, child) => {
      await child.logged('replica.not_one')
      const response = await post(ready, assignment({ volume: uuid }))
      expect(response.status).toBe(409)
    })
  })
})

describe('a volume of one replica', () => {
  it('is served, survives SIGKILL, and is served again by another epoch', async () => {
    const cluster = await Cluster.start(directory.path, 1)
    try {
      const policy = { replicaFactor: 1, mode: { kind: 'sync_all', minInSync: 1 } } as const
      const volume = await cluster.makeVolume({ name: 'vol1', sizeBytes: 16 * MIB, policy })
      const server = await volume.serving()
      const host = new Host(volume)
      for (let block = 0; block < 20; block++) {
        await host.insist((disk) => disk.write(block * 8, 8, patternAt(block, 4096), { fua: true }))
      }
      await server.kill()
      await server.start()
      await volume.serving(20_000, 2)
      for (let block = 0; block < 20; block++) {
        const content = await host.read(block * 4096, 4096)
        expect(Buffer.from(content).equals(patternAt(block, 4096))).toBe(true)
      }
      await host.close()
      expect(await server.stop()).toBe(0)
    } finally {
      await cluster.destroy()
    }
  })
})

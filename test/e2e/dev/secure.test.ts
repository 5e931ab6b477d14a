/** A cluster as `basalt cluster init` makes it, as processes: certificates, tokens, and who is kept out. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseHostPort } from '../../../src/base/address.ts'
import type { MasterReadyLine } from '../../../src/master/master-daemon.ts'
import type { ServerReadyLine } from '../../../src/server/block-server.ts'
import { BasaltProcess, run } from '../target/support/process.ts'
import { temporaryDirectory } from '../target/support/volume.ts'

const MIB = 1 << 20
const ANY = '127.0.0.1:0'

let directory: ReturnType<typeof temporaryDirectory>
let running: BasaltProcess[]
beforeEach(() => {
  directory = temporaryDirectory()
  running = []
})
afterEach(async () => {
  await Promise.all(running.map((child) => child.kill()))
  directory.remove()
})

const file = (...path: string[]): string => join(directory.path, ...path)

async function init(name: string): Promise<void> {
  const servers = ['a', 'b'].flatMap((server) => ['--server', `${server}=127.0.0.1`])
  const { code, stderr } = await run(['cluster', 'init', '--dir', file(name), ...servers])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
}

function start(args: readonly string[]): BasaltProcess {
  const child = new BasaltProcess(args)
  running.push(child)
  return child
}

async function startMaster(): Promise<{ child: BasaltProcess; ready: MasterReadyLine }> {
  const config = file('cluster/master/master.yaml')
  const child = start(['master', '--config', config, '--http', ANY, '--grpc', ANY])
  return { child, ready: await child.ready<MasterReadyLine>() }
}

const server = (master: MasterReadyLine, folder: string, ...more: string[]): BasaltProcess =>
  start([
    ...['server', '--config', file(folder, 'server.yaml'), '--master', master.grpc],
    ...['--iscsi', ANY, '--nvme', ANY, '--replication', ANY, '--http', ANY, '--grpc', ANY, ...more],
  ])

async function ask(
  { http }: MasterReadyLine,
  path: string,
  token: string | undefined,
  body?: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`http://${http}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
  }
}

describe('a cluster with certificates', () => {
  it('makes a replicated volume over encrypted connections, for whoever has a token', async () => {
    await init('cluster')
    const { child, ready } = await startMaster()
    const a = server(ready, 'cluster/servers/a')
    const { replication } = await a.ready<ServerReadyLine>()
    await server(ready, 'cluster/servers/b').ready<ServerReadyLine>()
    const token = readFileSync(file('cluster/admin.token'), 'utf8').trim()
    expect((await ask(ready, '/block/status', undefined)).status).toBe(401)
    const joinToken = readFileSync(file('cluster/join.token'), 'utf8').trim()
    expect((await ask(ready, '/block/status', joinToken)).status).toBe(403)
    await until(async () => {
      const { body } = await ask(ready, '/block/status', token)
      return body.connected_server_count === 2 ? true : undefined
    })
    const wish = { name: 'vol1', size_bytes: 16 * MIB, replica_factor: 2 }
    // a server counts for placement from its first beat on
    const made = await until(async () => {
      const { status } = await ask(ready, '/block/volume', token, wish)
      return status === 507 ? undefined : status
    })
    expect(made).toBe(201)
    const volume = await until(async () => {
      const { body } = await ask(ready, '/block/volume/vol1', token)
      return body.serving === true && body.health_state === 'healthy' ? body : undefined
    })
    expect(volume.replicas).toMatchObject([{ in_sync: true }, { in_sync: true }])

    // a new certificate is taken over without a restart
    const renewed = await run(['cluster', 'certify', '--dir', file('cluster'), '--node', 'a'])
    expect(renewed.code).toBe(0)
    a.signal('SIGHUP')
    await a.logged('tls.reloaded')
    // whoever does not speak TLS gets nowhere
    const { host, port } = parseHostPort(replication, 'the ready line')
    net.connect({ host, port }, function (this: net.Socket) {
      this.on('error', () => undefined).write('GET / HTTP/1.1\r\n\r\n')
    })
    expect(await a.logged('replication.connection-refused')).toMatchObject({ kind: 'ERR_SSL_HTTP_REQUEST' })
    expect((await child.stop()).code).toBe(0)
  })

  it('keeps out certificates of another authority and of another kind of node', async () => {
    await init('cluster')
    await init('other')
    const { child, ready } = await startMaster()
    // the right tokens and keys, the wrong certificate
    for (const name of ['ca.crt', 'node.crt', 'node.key']) {
      cpSync(file('other/servers/a', name), file('cluster/servers/a', name))
      cpSync(file('cluster/servers/b', name), file('cluster/master', `b-${name}`))
    }
    const stranger = server(ready, 'cluster/servers/a')
    await stranger.ready()
    const refused = await stranger.line('stderr', (line) => (line.includes('certificate') ? line : undefined))
    expect(refused).toContain('"level":"warn"')
    const token = readFileSync(file('cluster/admin.token'), 'utf8').trim()
    expect((await ask(ready, '/block/status', token)).body.server_count).toBe(0)

    // who poses as the master with a server's certificate hears nothing of the tokens
    const certificate = ['ca', 'cert', 'key'].flatMap((part) => [
      `--tls-${part}`,
      file('cluster/master', { ca: 'b-ca.crt', cert: 'b-node.crt', key: 'b-node.key' }[part] ?? ''),
    ])
    await child.stop()
    const impostor = start([
      ...['master', '--config', file('cluster/master/master.yaml'), '--http', ANY, '--grpc', ready.grpc],
      ...certificate,
    ])
    const posing = await impostor.ready<MasterReadyLine>()
    const b = server(posing, 'cluster/servers/b')
    await b.ready()
    await b.line('stderr', (line) => (line.includes('master.basalt.internal') ? line : undefined))
    expect((await ask(posing, '/block/status', token)).body.server_count).toBe(0)
  })

  it('does not start with a certificate that is not its own', async () => {
    await init('cluster')
    writeFileSync(file('cluster/master/node.key'), readFileSync(file('cluster/servers/a/node.key')))
    const { code, stderr } = await run(['master', '--config', file('cluster/master/master.yaml')])
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(/is not the key of/) })
  })
})

import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { TLS_NAME } from '../../base/tls.ts'
import { RealRandom } from '../../io/random.ts'
import { loadTls } from '../../io/tls-files.ts'
import { certify, initCluster, namedNodes } from './cluster-directory.ts'
import { parseHost, parseNode } from './cluster-plan.ts'
import { Sealer } from './sealer.ts'
import { matchToken } from './tokens.ts'

const random = new RealRandom()
const ports = { random, wallMs: Date.now() }
const root = fs.mkdtempSync(join(tmpdir(), 'basalt-cluster-'))
afterAll(() => fs.rmSync(root, { recursive: true }))
let count = 0
const newPath = (): string => join(root, `cluster-${++count}`)
const read = (...path: string[]): string => fs.readFileSync(join(...path), 'utf8')
const servers = [
  { name: 'a', host: '10.0.0.1' },
  { name: 'b', host: 'b.example' },
]
const identity = (folder: string) =>
  loadTls(
    { ca: join(folder, 'ca.crt'), cert: join(folder, 'node.crt'), key: join(folder, 'node.key') },
    ports.wallMs,
  )

describe('initCluster', () => {
  it('makes what each node needs, for its owner alone', async () => {
    const path = newPath()
    const { clusterId } = await initCluster(ports, path, { master: 'm.example', servers })
    const entries = fs.readdirSync(path, { recursive: true, withFileTypes: true })
    for (const entry of entries) {
      const mode = fs.statSync(join(entry.parentPath, entry.name)).mode & 0o777
      expect(mode, entry.name).toBe(entry.isDirectory() ? 0o700 : 0o600)
    }
    expect(fs.statSync(path).mode & 0o777).toBe(0o700)

    expect((await identity(join(path, 'master'))).names).toEqual([TLS_NAME.master, 'master', 'm.example'])
    for (const { name, host } of servers) {
      const folder = join(path, 'servers', name)
      const { names, warnings } = await identity(folder)
      expect(names).toEqual(host === '10.0.0.1' ? [TLS_NAME.server, name] : [TLS_NAME.server, name, host])
      expect(warnings).toEqual([])
      expect(read(folder, 'cluster.key')).toBe(read(path, 'cluster.key'))
      expect(read(folder, 'server.yaml')).toContain(`cluster-id: ${clusterId}\n`)
    }
    const a = new X509Certificate(read(path, 'servers/a/node.crt'))
    expect(a.checkIP('10.0.0.1')).toBe('10.0.0.1')

    const tokens = JSON.parse(read(path, 'master/tokens.json'))
    const roleOf = (file: string): unknown => matchToken(tokens, read(path, file).trim(), ports.wallMs)
    expect(roleOf('admin.token')).toMatchObject({ kind: 'known', record: { role: 'admin' } })
    expect(roleOf('servers/a/join.token')).toMatchObject({ kind: 'known', record: { role: 'server' } })
    expect(() => new Sealer(random, read(path, 'master/secrets.key'), 'F')).not.toThrow()
    // what could make certificates or read secrets is on no server
    expect(fs.readdirSync(join(path, 'servers/a')).sort()).toEqual(
      ['ca.crt', 'cluster.key', 'join.token', 'node.crt', 'node.key', 'server.yaml'].sort(),
    )
  })

  it('overwrites nothing', async () => {
    const path = newPath()
    await initCluster(ports, path, { master: 'm', servers })
    const before = read(path, 'authority.key')
    await expect(initCluster(ports, path, { master: 'm', servers })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('basalt cluster certify'),
    })
    expect(read(path, 'authority.key')).toBe(before)
    const other = newPath()
    fs.mkdirSync(other)
    fs.writeFileSync(join(other, 'letter'), 'dear')
    await expect(initCluster(ports, other, { master: 'm', servers })).rejects.toThrow('is not empty')
    expect(fs.readdirSync(other)).toEqual(['letter'])
    await expect(initCluster(ports, join(other, 'letter'), { master: 'm', servers })).rejects.toMatchObject({
      code: 'DISK',
    })
  })

  it('refuses names that two nodes would have, or that are none', async () => {
    for (const name of ['a', 'master']) {
      const twice = { master: 'm', servers: [...servers, { name, host: 'x' }] }
      await expect(initCluster(ports, newPath(), twice)).rejects.toThrow(`--server: ${name} is taken`)
    }
    const wrong = ['', '../x', 'a/b', 'A', 'a=', 'a=b=c', 'a=b c', 'a=x\0', `${'a'.repeat(64)}`, '=b', 'a\n']
    for (const text of wrong) expect(() => parseNode(text, '--server'), text).toThrow(/^--server: /)
    for (const text of ['', ' ', 'a b', '-x', 'a/b'])
      expect(() => parseHost(text, '--m'), text).toThrow(/^--m: /)
    expect(parseNode('a=fe80::1', '-')).toEqual({ name: 'a', host: 'fe80::1' })
    expect(parseNode('a', '-')).toEqual({ name: 'a', host: undefined })
  })
})

describe('certify', () => {
  it('renews what is there, by the same authority, and leaves everything else', async () => {
    const path = newPath()
    await initCluster(ports, path, { master: 'm', servers })
    const file = (name: string): string => join(path, 'servers', name)
    const before = ['a', 'b'].map((name) => read(file(name), 'node.crt'))
    const key = read(file('a'), 'cluster.key')
    const { renewed, added } = await certify(
      ports,
      path,
      await namedNodes(path, [{ name: 'a', host: undefined }]),
    )
    expect(renewed).toEqual([servers[0]])
    expect(added).toEqual([])
    expect(read(file('a'), 'node.crt')).not.toBe(before[0])
    expect(read(file('b'), 'node.crt')).toBe(before[1])
    expect(read(file('a'), 'cluster.key')).toBe(key)
    expect((await identity(file('a'))).names).toContain('a')
    expect(fs.statSync(join(file('a'), 'node.key')).mode & 0o777).toBe(0o600)

    const all = await certify(ports, path, [])
    expect(all.renewed.map(({ name }) => name)).toEqual(['master', 'a', 'b'])
    expect((await identity(join(path, 'master'))).names).toContain(TLS_NAME.master)
  })

  it('adds a server, and remembers it', async () => {
    const path = newPath()
    await initCluster(ports, path, { master: 'm', servers })
    const c = { name: 'c', host: '10.0.0.3' }
    expect(await certify(ports, path, await namedNodes(path, [c]))).toMatchObject({ added: [c], renewed: [] })
    expect((await identity(join(path, 'servers/c'))).names).toEqual([TLS_NAME.server, 'c'])
    expect(read(path, 'servers/c/server.yaml')).toContain("grpc: '10.0.0.3:7461'")
    expect(read(path, 'servers/c/join.token')).toBe(read(path, 'servers/a/join.token'))
    expect((await certify(ports, path, [])).renewed.map(({ name }) => name)).toContain('c')
  })

  it('says what is missing', async () => {
    await expect(certify(ports, newPath(), [])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const path = newPath()
    await initCluster(ports, path, { master: 'm', servers })
    fs.rmSync(join(path, 'authority.key'))
    await expect(certify(ports, path, [])).rejects.toThrow('authority.key is missing')
    for (const text of ['{', '{"version":2}', '[]']) {
      fs.writeFileSync(join(path, 'cluster.json'), text)
      await expect(certify(ports, path, []), text).rejects.toMatchObject({ code: 'CORRUPT' })
    }
  })
})

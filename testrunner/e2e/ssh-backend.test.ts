/** The ssh backend against real servers of OpenSSH: on the loopback, and for cuts in network namespaces of their own. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RealClock } from '../../src/io/clock.ts'
import { RealRandom } from '../../src/io/random.ts'
import { plainSyscalls } from '../../src/io/syscalls.ts'
import type { Machine, Place, PlaceRequest } from '../backends/backend.ts'
import { sshBackend } from '../backends/ssh/ssh-backend.ts'
import { startCluster } from '../cluster/start-cluster.ts'
import { isAlive, processesWith, REPOSITORY, requestOf, topologyOf, until } from './fixture/scene.ts'
import { type Keys, makeKeys, Sshd } from './fixture/sshd.ts'

const signal = new AbortController().signal
let folder: string
let keys: Keys
let servers: readonly Sshd[]
let nodesFile: string

const runs = (name: string): string => join(folder, 'runs', name)
const NAMES = ['m1', 's1'] as const

beforeAll(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), 'basalt-e2e-ssh-'))
  keys = makeKeys(folder)
  servers = await Promise.all(NAMES.map(() => Sshd.start({ folder, keys })))
  fs.writeFileSync(join(folder, 'known'), servers.map(({ knownHost }) => `${knownHost}\n`).join(''))
  nodesFile = nodes('nodes.yaml', 'known_hosts: known', () => '')
})

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  fs.rmSync(folder, { recursive: true, force: true })
})

/** A file with both nodes; `more`: further keys of one. */
function nodes(
  file: string,
  head: string,
  more: (index: number) => string,
  product = `, product: ${REPOSITORY}`,
): string {
  const list = servers.map(
    ({ address, port, user }, index) =>
      `  - {name: ${NAMES[index]}, host: ${address}, port: ${port}, user: ${user}, dir: ${runs(NAMES[index] ?? '')}${product}${more(index)}}`,
  )
  const path = join(folder, file)
  fs.writeFileSync(path, `${head}\ndefaults: {key: client}\nnodes:\n${list.join('\n')}\n`)
  return path
}

const request = (wish: Partial<PlaceRequest> = {}): PlaceRequest =>
  requestOf({
    directory: join(folder, 'place'),
    topology: topologyOf({ masters: 1, servers: 1, hosts: 1 }),
    ...wish,
  })

const machine = (place: Place, name: string): Machine => place.machines.get(name) as Machine

async function inPlace(work: (place: Place) => Promise<void>): Promise<void> {
  const place = await sshBackend({ nodesFile }).open(request(), signal)
  try {
    await work(place)
  } finally {
    await place.close(false)
  }
}

/** sshd ends the process of a connection a moment after the connection. */
const connectionsEnd = (): Promise<void> =>
  until('the connections to end', 20_000, () => servers.every((server) => server.sessions().length === 0))

async function expectNothingLeft(): Promise<void> {
  for (const name of NAMES) expect(fs.existsSync(runs(name)) ? fs.readdirSync(runs(name)) : []).toEqual([])
  expect(processesWith(`t-${process.pid}`)).toEqual([])
  await connectionsEnd()
}

describe('a place on nodes', () => {
  test('runs programs, moves files, gives ports, and leaves nothing', async () => {
    await inPlace(async (place) => {
      expect([...place.machines.keys()]).toEqual(['m1', 's1', 'h1'])
      for (const one of place.machines.values()) {
        const words = ['', "it's", 'a  b', '$HOME `id` "x"', 'new\nline', '*', '-n']
        const ran = await one.run(['printf', '%s\\0', ...words], { timeoutMs: 10_000 })
        expect(ran.stdout.split('\0').slice(0, -1)).toEqual(words)
        const version = await one.run([...one.basalt, '--version'], { timeoutMs: 30_000 })
        expect(version).toMatchObject({ code: 0, stderr: '' })
        const content = Buffer.alloc(2_000_000, one.name)
        await one.putFile(one.path('some', 'file'), content)
        expect(Buffer.from(await one.getFile(one.path('some', 'file'), 3_000_000)).equals(content)).toBe(true)
      }
      const ports = (await Promise.all([...place.machines.values()].map((one) => one.ports(4)))).flat()
      expect(new Set(ports).size).toBe(12)
      expect(await place.network.reach('s1', 4711)).toEqual({ host: '127.0.0.1', port: 4711 })
      expect(place.hostKind).toBe('user')
    })
    await expectNothingLeft()
  })

  test('streams a program, stops it and kills all of it', async () => {
    await inPlace(async (place) => {
      const s1 = machine(place, 's1')
      const program = await s1.spawn(['sh', '-c', 'sleep 600 & echo $!; cat'], { logPath: s1.path('log') })
      const [line] = (await once(program.stdout, 'data')) as [Buffer]
      program.stdin.write('over there\n')
      expect(`${(await once(program.stdout, 'data'))[0]}`).toBe('over there\n')
      await program.signal('SIGKILL')
      expect(await program.exited).toEqual({ code: null, signal: 'SIGKILL' })
      await until('the child to end', 5_000, () => !isAlive(Number(line)))
    })
  })

  test('carries a cluster', async () => {
    await inPlace(async (place) => {
      const topology = topologyOf({ masters: 1, servers: 1 })
      const clock = new RealClock({ syscalls: plainSyscalls })
      const log = (): void => undefined
      const cluster = await startCluster({ place, topology, random: new RealRandom(), clock, signal, log })
      const wish = { name: 'disk', size_bytes: 64 * 1024 * 1024, replica_factor: 1 }
      await cluster.api.post('/block/volume', Type.Unknown(), wish)
      const shown = await machine(place, 'h1').run(
        [...machine(place, 'h1').basalt, 'volume', 'list', '--json'],
        { environment: cluster.environment, timeoutMs: 30_000 },
      )
      expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining('"disk"') })
      await cluster.stop()
    })
    await expectNothingLeft()
  })

  test('programs end when the connection is killed', async () => {
    const place = await sshBackend({ nodesFile }).open(request(), signal)
    const pids = new Map<string, number>()
    for (const name of NAMES) {
      const program = await machine(place, name).spawn(['sh', '-c', 'echo $$; exec sleep 600'])
      pids.set(name, Number((await once(program.stdout, 'data'))[0]))
    }
    for (const pid of servers[1]?.sessions() ?? []) process.kill(pid, 'SIGKILL')
    await until('the program to end', 20_000, () => !isAlive(pids.get('s1') ?? 0))
    await expect(machine(place, 's1').run(['true'])).rejects.toMatchObject({ code: 'DISCONNECTED' })
    expect(isAlive(pids.get('m1') ?? 0)).toBe(true)
    await place.close(false)
    expect(isAlive(pids.get('m1') ?? 0)).toBe(false)
    // what the lost node kept goes when the next run opens there
    await inPlace(async () => undefined)
    await expectNothingLeft()
  })

  test('programs end when the runner is killed', async () => {
    const script = join(import.meta.dirname, 'fixture', 'ssh-runner.ts')
    const runner = spawn(process.execPath, [script, nodesFile, join(folder, 'killed')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const pids = JSON.parse(`${(await once(runner.stdout, 'data'))[0]}`) as readonly string[]
    expect(pids.every((pid) => isAlive(Number(pid)))).toBe(true)
    runner.kill('SIGKILL')
    await until('the programs to end', 20_000, () => !pids.some((pid) => isAlive(Number(pid))))
    await connectionsEnd()
    expect(processesWith('basalt-ssh-')).toEqual([])
    await inPlace(async () => undefined)
    await expectNothingLeft()
  })

  test('a start that is stopped leaves nothing', async () => {
    const stop = new AbortController()
    const opening = sshBackend({ nodesFile }).open(request(), stop.signal)
    setTimeout(() => stop.abort(), 300)
    await expect(opening).rejects.toThrow()
    await connectionsEnd()
    await inPlace(async () => undefined)
    await expectNothingLeft()
  })

  test('the product is copied where it is not', async () => {
    const file = nodes('copied.yaml', 'known_hosts: known', () => '', '')
    const topology = topologyOf({ masters: 1 })
    const place = await sshBackend({ nodesFile: file }).open(request({ topology }), signal)
    const m1 = machine(place, 'm1')
    expect(m1.basalt[0]).toMatch(/\/runs\/m1\/product-[0-9a-f]{12}\/basalt$/)
    expect(await m1.run([...m1.basalt, '--version'])).toMatchObject({ code: 0 })
    await place.close(false)
    expect(fs.readdirSync(runs('m1'))).toEqual([expect.stringMatching(/^product-/)])
    fs.rmSync(runs('m1'), { recursive: true })
  })
})

describe('who is trusted', () => {
  test('a host by its fingerprint', async () => {
    const file = nodes('prints.yaml', '', (index) => `, fingerprint: "${servers[index]?.fingerprint}"`)
    expect(await sshBackend({ nodesFile: file }).missing(['partition', 'netem', 's3'])).toContain('partition')
  })

  test('not one with another key', async () => {
    const file = nodes('swapped.yaml', '', () => `, fingerprint: "${servers[0]?.fingerprint}"`)
    await expect(sshBackend({ nodesFile: file }).missing([])).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    fs.writeFileSync(
      join(folder, 'wrong'),
      servers
        .map(
          ({ knownHost }, index) =>
            `${knownHost.split(' ')[0]} ${servers[1 - index]?.knownHost.split(' ').slice(1).join(' ')}\n`,
        )
        .join(''),
    )
    const wrong = nodes('wrong.yaml', 'known_hosts: wrong', () => '')
    await expect(sshBackend({ nodesFile: wrong }).missing([])).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
    })
  })

  test('not us with another key', async () => {
    fs.mkdirSync(join(folder, 'stranger'))
    makeKeys(join(folder, 'stranger'))
    const file = nodes('stranger.yaml', 'known_hosts: known', () => ', key: stranger/client')
    await expect(sshBackend({ nodesFile: file }).open(request(), signal)).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
    })
  })

  test('a server of the scenario that the file does not name', async () => {
    const topology = topologyOf({ masters: 1, servers: 3 })
    const opening = sshBackend({ nodesFile }).open(request({ topology }), signal)
    await expect(opening).rejects.toThrow('wants s2, s3')
  })
})

describe.skipIf(process.getuid?.() !== 0)('cuts', () => {
  const bridge = `bs${process.pid % 10_000}`
  const namespaces = ['s1', 's2', 's3'].map((name, index) => ({
    ...{ name, netns: `${bridge}${name}`, link: `${bridge}v${index}`, address: `10.231.77.${index + 1}` },
  }))
  const ip = (...words: readonly string[]): void => void execFileSync('ip', words)
  let stacks: readonly Sshd[] = []

  beforeAll(async () => {
    ip('link', 'add', bridge, 'type', 'bridge')
    ip('addr', 'add', '10.231.77.254/24', 'dev', bridge)
    ip('link', 'set', bridge, 'up')
    for (const { netns, link, address } of namespaces) {
      ip('netns', 'add', netns)
      ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns)
      ip('link', 'set', link, 'master', bridge, 'up')
      ip('-n', netns, 'addr', 'add', `${address}/24`, 'dev', 'eth0')
      for (const device of ['lo', 'eth0']) ip('-n', netns, 'link', 'set', device, 'up')
    }
    stacks = await Promise.all(
      namespaces.map(({ netns, address }) =>
        Sshd.start({ folder, keys, address, prefix: ['ip', 'netns', 'exec', netns] }),
      ),
    )
  })

  afterAll(async () => {
    await Promise.all(stacks.map((server) => server.stop()))
    for (const { netns } of namespaces) ip('netns', 'del', netns)
    ip('link', 'del', bridge)
  })

  const file = (): string => {
    const path = join(folder, 'stacks.yaml')
    const list = stacks.map(
      ({ address, port, fingerprint }, index) =>
        `  - {name: s${index + 1}, host: ${address}, port: ${port}, fingerprint: "${fingerprint}"}\n`,
    )
    const defaults = `{key: client, product: ${REPOSITORY}, dir: ${join(folder, 'stacked')}}`
    fs.writeFileSync(path, `defaults: ${defaults}\nnodes:\n${list.join('')}`)
    return path
  }

  const ECHO = `require('net').createServer((s) => s.pipe(s).on('error', () => 0)).listen(PORT, 'HOST', () => console.log('up'))`
  const ASK = `const s = require('net').connect(PORT, 'HOST', () => s.write('x')).on('data', () => process.exit(0)).on('error', () => process.exit(2))
setTimeout(() => process.exit(1), 1500)`

  test('go silent between nodes, one way too, and heal', async () => {
    const backend = sshBackend({ nodesFile: file() })
    expect(await backend.missing(['partition', 'root', 'small-disk'])).toEqual([])
    const topology = topologyOf({ servers: 3, diskBytes: { s2: 8 * 1024 * 1024 } })
    const place = await backend.open(request({ topology }), signal)
    try {
      await harm(place)
    } finally {
      await place.close(false)
    }
  })

  async function harm(place: Place): Promise<void> {
    const ends = new Map<string, { host: string; port: number }>()
    for (const [name, one] of place.machines) {
      const [port = 0] = await one.ports(1)
      ends.set(name, await place.network.reach(name, port))
      const script = ECHO.replace('PORT', `${port}`).replace('HOST', one.address)
      await once((await one.spawn([process.execPath, '-e', script])).stdout, 'data')
    }
    const ask = async (from: string, to: string): Promise<number | null> => {
      const end = ends.get(to)
      const script = ASK.replace('PORT', `${end?.port}`).replace('HOST', `${end?.host}`)
      return (await machine(place, from).run([process.execPath, '-e', script], { timeoutMs: 20_000 })).code
    }
    const { network } = place
    expect(await ask('s1', 's2')).toBe(0)
    await network.cut('s1', 's2')
    expect(await ask('s1', 's2')).toBe(1)
    expect(await ask('s2', 's1')).toBe(1)
    expect(await ask('s1', 's3')).toBe(0)
    await network.heal('s3')
    expect(await ask('s1', 's2')).toBe(1)
    await network.heal('s2')
    expect(await ask('s1', 's2')).toBe(0)
    await network.cut('s3', '*', true)
    expect(await ask('s3', 's1')).toBe(1)
    expect(await ask('s1', 's2')).toBe(0)
    const rules = (): string =>
      namespaces
        .map(({ netns }) => `${execFileSync('ip', ['netns', 'exec', netns, 'nft', 'list', 'ruleset'])}`)
        .join('')
    expect(rules()).toContain(`basalt_t_${process.pid}`)
    const df = await machine(place, 's2').run([
      'df',
      '-B1',
      '--output=size',
      machine(place, 's2').path('data'),
    ])
    expect(Number(df.stdout.split('\n')[1])).toBe(8 * 1024 * 1024)
    // however the connection ends, no harm stays
    for (const pid of stacks.flatMap((server) => server.sessions())) process.kill(pid, 'SIGKILL')
    await until('the rules to go', 20_000, () => rules() === '')
  }
})

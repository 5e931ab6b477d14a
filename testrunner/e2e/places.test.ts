/** Places of this computer with real daemons, links and namespaces: what was opened can be harmed, is healed, and leaves nothing. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Place, Program } from '../backends/backend.ts'
import { hasProgram } from '../backends/local/needs.ts'
import { processesWith, processOf } from '../backends/local/process-tree.ts'
import { startCluster } from '../cluster/start-cluster.ts'
import { clock, openBackend, random, type TriedBackend, topologyOf } from './open-backend.ts'

const isRoot = process.getuid?.() === 0
const canNetns = isRoot && hasProgram('ip') && hasProgram('nft')
const NETNS: readonly TriedBackend[] = ['netns', 'netns by the kernel alone']
const backends: readonly TriedBackend[] = ['local', ...(canNetns ? NETNS : [])]

const DOOMED = fileURLToPath(new URL('./doomed-runner.ts', import.meta.url))
/** A server that says every line back, and one that sends lines to it and prints what comes. */
const ECHO = `require('net').createServer((c) => c.pipe(c)).listen(+process.argv[1], process.argv[2], () => console.log('listening'))`
const DIAL = `const c = require('net').connect(+process.argv[1], process.argv[2]); process.stdin.pipe(c); c.pipe(process.stdout)`
const SILENT_MS = 400

let folder: string
let records: string
let runId: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'basalt-places-'))
  records = join(folder, 'records')
  runId = `t${process.pid}-${random.integer(1_000_000)}`
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

const request = (topology = topologyOf()) => ({
  ...{ runId, topology, directory: join(folder, 'place'), log: () => undefined },
})

describe.each(backends.slice(0, 2))('a cluster on %s', (name) => {
  it('runs, its daemons are killed and started again, and nothing is left', async () => {
    const { signal } = new AbortController()
    const topology = topologyOf(isRoot ? { diskBytes: { s1: 64 * 1024 * 1024 } } : {})
    const place = await openBackend(name, records).open(request(topology), signal)
    try {
      const cluster = await startCluster({ place, topology, clock, random, signal, log: () => undefined })
      expect(cluster.servers.map(({ isRunning }) => isRunning)).toEqual([true, true])
      const h1 = place.machines.get('h1')
      const listed = await h1?.run([...h1.basalt, 'server', 'list', '--json'], {
        environment: cluster.environment,
      })
      expect(listed?.stderr).toBe('')
      const servers: readonly { name: string; capacity_bytes: number }[] = JSON.parse(listed?.stdout ?? '')
      expect(servers.map((one) => one.name)).toEqual(['s1', 's2'])
      if (isRoot) expect(servers[0]?.capacity_bytes).toBe(64 * 1024 * 1024)

      const [s1] = cluster.servers
      const id = s1?.id
      await s1?.kill()
      expect(s1?.isRunning).toBe(false)
      await s1?.start(signal)
      expect(s1?.id).toBe(id)
      await cluster.ready(signal)
      expect(await s1?.metrics()).toContain('# HELP')
      expect(await s1?.log()).toContain('server.ready')
    } finally {
      await place.close(false)
    }
    expectNothingLeft()
  })
})

describe.each(backends)('a place on %s', (name) => {
  it('cuts links, over which connections go silent, and heals them', async () => {
    const place = await openBackend(name, records).open(request(), new AbortController().signal)
    try {
      const [port = 0] = (await place.machines.get('s1')?.ports(1)) ?? []
      await echoOn(place, port)
      const told = await place.network.reach('s1', port)
      const near = await dial(place, 's2', told)
      const other = await dial(place, 'm1', told)
      await near.says('one')
      await other.says('one')

      await place.network.cut('s1', 's2')
      expect(await near.isSilent('two')).toBe(true)
      await other.says('two')
      const late = await dial(place, 's2', told)
      expect(await late.isSilent('late')).toBe(true)
      await place.network.heal()
      await near.hears('two')
      await near.says('three')
      await late.hears('late')

      await place.network.cut('*', 's1', true)
      expect(await other.isSilent('three')).toBe(true)
      await place.network.heal('s1')
      await other.hears('three')
    } finally {
      await place.close(false)
    }
    expectNothingLeft()
  })

  it('runs programs to their end, and keeps files when asked', async () => {
    const first = await openBackend(name, records).open(request(), new AbortController().signal)
    try {
      const machine = first.machines.get('s1')
      await machine?.putFile(machine.path('a', 'b'), 'kept')
      await expect(machine?.spawn(['/no/such/program'])).rejects.toThrow()
      expect(await machine?.run(['sh', '-c', 'cat; exit 3'], { input: 'in' })).toMatchObject({
        ...{ code: 3, stdout: 'in', isTimedOut: false },
      })
      // it puts itself in the background, and keeps the output open
      expect(await machine?.run(['sh', '-c', 'echo done; sleep 1000 &'])).toMatchObject({ stdout: 'done\n' })
      expect(await machine?.run(['sleep', '100'], { timeoutMs: 50 })).toMatchObject({
        ...{ code: null, isTimedOut: true },
      })
    } finally {
      await first.close(true)
    }
    expect(readFileSync(join(folder, 'place', 's1', 'a', 'b'), 'utf8')).toBe('kept')
    expectNothingLeft({ areFilesKept: true })
  })
})

describe.each(backends.slice(0, 2))('a runner on %s that is killed', (name) => {
  it.each([
    ['its guardian ends what it left', false],
    ['the next place removes what it left, when the guardian is dead as well', true],
  ])('%s', async (_, isGuardianKilled) => {
    const args = [DOOMED, name, records, join(folder, 'place'), runId]
    const runner = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(runner.stdout, 'data')
    const { child, children }: { child: number; children: number[] } = JSON.parse(String(line))
    expect(processOf(child)).toBeDefined()
    if (isGuardianKilled) {
      // the guardian is one of its children, the other is the program
      const guardian = children.find((pid) => !processesWith(`SCENARIO_RUN=${runId}`).includes(pid))
      process.kill(guardian ?? 0, 'SIGKILL')
    }
    runner.kill('SIGKILL')
    await once(runner, 'exit')
    if (isGuardianKilled) expect(processOf(child)).toBeDefined()
    else await eventually(() => processOf(child) === undefined && mountsOfRun().length === 0)

    const said: string[] = []
    const next = await openBackend(name, records).open(
      { ...request(), runId: `${runId}-n`, directory: join(folder, 'next'), log: (text) => said.push(text) },
      new AbortController().signal,
    )
    await next.close(false)
    expect(said).toEqual([`removing what run ${runId} left`])
    expectNothingLeft()
  })
})

async function echoOn(place: Place, port: number): Promise<void> {
  const s1 = place.machines.get('s1')
  if (s1 === undefined) throw new Error('there is no s1')
  const server = await s1.spawn([process.execPath, '-e', ECHO, `${port}`, s1.address])
  await once(server.stdout, 'data')
}

interface Dialled {
  says(line: string): Promise<void>
  hears(line: string): Promise<void>
  isSilent(line: string): Promise<boolean>
}

async function dial(place: Place, from: string, to: { host: string; port: number }): Promise<Dialled> {
  const program: Program | undefined = await place.machines
    .get(from)
    ?.spawn([process.execPath, '-e', DIAL, `${to.port}`, to.host])
  let heard = ''
  program?.stdout.on('data', (bytes: Buffer) => {
    heard += bytes.toString()
  })
  const hears = (line: string): Promise<void> => eventually(() => heard.includes(`${line}\n`))
  return {
    hears,
    says: async (line) => {
      program?.stdin.write(`${line}\n`)
      await hears(line)
    },
    isSilent: async (line) => {
      program?.stdin.write(`${line}\n`)
      await new Promise((resolve) => setTimeout(resolve, SILENT_MS))
      return !heard.includes(line)
    },
  }
}

async function eventually(holds: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 20_000; performance.now() < endMs; ) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('it does not come to hold')
}

const mountsOfRun = (): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(folder))

function expectNothingLeft({ areFilesKept = false } = {}): void {
  expect(processesWith(`SCENARIO_RUN=${runId}`)).toEqual([])
  expect(mountsOfRun()).toEqual([])
  expect(readdirSync(records)).toEqual(['claims'])
  expect(readdirSync(join(records, 'claims'))).toEqual([])
  if (!areFilesKept && existsSync(join(folder, 'place')))
    expect(readdirSync(join(folder, 'place'))).toEqual([])
  if (!canNetns) return
  const told = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout
  expect(told).not.toContain(runId)
}

import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AgentMachine } from './agent-machine.ts'
import { type LocalAgent, openLocalAgent } from './local-agent.ts'

let directory: string
let agent: LocalAgent
let machine: AgentMachine
const mark = `agent-test-${process.pid}`

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'agent-'))
  const own = join(directory, 'run', 's1')
  agent = openLocalAgent(own, mark)
  machine = new AgentMachine({
    ...{
      name: 's1',
      address: '127.0.0.1',
      basalt: [],
      node: [],
      directory: own,
      link: agent.link,
      taken: new Set(),
    },
  })
})

afterEach(async () => {
  agent.link.close()
  await agent.exited
  fs.rmSync(directory, { recursive: true, force: true })
})

/** One that only waits to be reaped is dead. */
function isAlive(pid: number): boolean {
  try {
    return !/State:\s+Z/.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries++) {
    if (tries > 200) throw new Error('it never came true')
    await delay(25)
  }
}
const numberIn = (path: string): number =>
  fs.existsSync(path) ? Number(fs.readFileSync(path, 'utf8').trim()) : 0

describe('programs', () => {
  test('arguments arrive as they were given', async () => {
    const words = ['', 'a b', "it's", '"$HOME"', '`id`', 'new\nline', '*', '\\', 'é', '--', '-n']
    const ran = await machine.run(['printf', '%s\\0', ...words])
    expect(ran.stdout.split('\0').slice(0, -1)).toEqual(words)
    expect(ran).toMatchObject({ code: 0, stderr: '', isTimedOut: false })
  })

  test('exit codes, standard error, input and environment', async () => {
    const ran = await machine.run(['sh', '-c', 'cat; echo "$COLOUR" >&2; exit 7'], {
      input: 'hello',
      environment: { COLOUR: 'grey' },
    })
    expect(ran).toEqual({ code: 7, signal: null, stdout: 'hello', stderr: 'grey\n', isTimedOut: false })
  })

  test('a program that is not there', async () => {
    await expect(machine.run(['no-such-program'])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(machine.spawn(['/no/such/program'])).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('one that takes too long is killed with what it started', async () => {
    const pidFile = machine.path('pid')
    const ran = await machine.run(['sh', '-c', `sleep 600 & echo $! > ${pidFile}; wait`], { timeoutMs: 300 })
    expect(ran).toMatchObject({ code: null, isTimedOut: true })
    await until(() => !isAlive(numberIn(pidFile)))
  })

  test('an aborted signal kills', async () => {
    const abort = new AbortController()
    const ran = machine.run(['sleep', '600'], { signal: abort.signal })
    abort.abort()
    expect(await ran).toMatchObject({ code: null, isTimedOut: false })
  })

  test('a lot in and out, with nobody reading at first', async () => {
    const program = await machine.spawn(['cat'])
    const sent = Buffer.alloc(8 * 1024 * 1024, 'basalt ')
    program.stdin.end(sent)
    await delay(200)
    const got: Buffer[] = []
    for await (const chunk of program.stdout) got.push(chunk as Buffer)
    expect(Buffer.concat(got).equals(sent)).toBe(true)
    expect(await program.exited).toEqual({ code: 0, signal: null })
  })

  test('stopped, continued, killed', async () => {
    const program = await machine.spawn(['sh', '-c', 'echo $$; exec sleep 600'])
    const [first] = (await once(program.stdout, 'data')) as [Buffer]
    const state = (): string =>
      /State:\s+(\w)/.exec(fs.readFileSync(`/proc/${Number(first)}/status`, 'utf8'))?.[1] ?? ''
    await program.signal('SIGSTOP')
    await until(() => state() === 'T')
    await program.signal('SIGCONT')
    await until(() => state() !== 'T')
    await program.signal('SIGKILL')
    expect(await program.exited).toEqual({ code: null, signal: 'SIGKILL' })
    await program.signal('SIGTERM')
  })

  test('standard error goes to a log when told', async () => {
    const logPath = machine.path('logs', 'one.log')
    for (const word of ['first', 'second']) {
      const program = await machine.spawn(['sh', '-c', `echo ${word} >&2`], { logPath })
      await program.exited
      expect(program.stderrTail()).toBe('')
    }
    expect(Buffer.from(await machine.getFile(logPath, 7)).toString()).toBe('second\n')
  })
})

describe('files and ports', () => {
  test('put, get its end, remove', async () => {
    const path = machine.path('a', 'b', 'file')
    const content = Buffer.alloc(3_000_000, 'xyz')
    await machine.putFile(path, content, 0o600)
    expect(fs.statSync(path).mode & 0o777).toBe(0o600)
    expect(Buffer.from(await machine.getFile(path, 4_000_000)).equals(content)).toBe(true)
    expect(Buffer.from(await machine.getFile(path, 4)).toString()).toBe('zxyz')
    await machine.remove(machine.path('a'))
    await machine.remove(machine.path('a'))
    await expect(machine.getFile(path, 1)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('ports are given once', async () => {
    const all = (await Promise.all([machine.ports(5), machine.ports(5)])).flat()
    expect(new Set(all).size).toBe(10)
  })

  test('paths do not leave the folder of the run', () => {
    expect(() => machine.path('..', 'x')).toThrow()
  })
})

describe('the end', () => {
  const daemon = `sh -c 'echo $$ > PID; exec sleep 600'`
  /** One that leaves its session and closes its streams, as daemons do. */
  const startDaemon = async (): Promise<number> => {
    const pidFile = machine.path('pid')
    await machine.run(['sh', '-c', `setsid ${daemon.replace('PID', pidFile)} </dev/null >/dev/null 2>&1 &`])
    await until(() => numberIn(pidFile) > 0)
    return numberIn(pidFile)
  }

  test('a closed stream ends programs, also those that left', async () => {
    const program = await machine.spawn(['sleep', '600'])
    const pid = await startDaemon()
    agent.link.close()
    await agent.exited
    expect(isAlive(pid)).toBe(false)
    expect(await program.exited).toEqual({ code: null, signal: null })
    await expect(machine.run(['true'])).rejects.toMatchObject({ code: 'DISCONNECTED' })
    expect(fs.existsSync(machine.path('.agent', 'died'))).toBe(true)
  })

  test('an agent that is killed leaves none either', async () => {
    const pid = await startDaemon()
    await agent.link.call({ method: 'undo', key: 'x', command: `touch ${directory}/undone` })
    const { stdout } = await machine.run(['sh', '-c', 'ps -o ppid= -p $$'])
    process.kill(Number(stdout), 'SIGKILL')
    await agent.exited
    expect(isAlive(pid)).toBe(false)
    expect(fs.existsSync(join(directory, 'undone'))).toBe(true)
  })

  test('closing removes the folder, or what is not of the run alone', async () => {
    await machine.putFile(machine.path('kept'), 'x')
    await agent.link.call({ method: 'close', keepFiles: true })
    agent.link.close()
    await agent.exited
    expect(fs.readdirSync(machine.path())).toEqual(['kept'])
    const again = openLocalAgent(machine.path(), mark)
    await again.link.call({ method: 'close', keepFiles: false })
    again.link.close()
    await again.exited
    expect(fs.readdirSync(directory)).toEqual([])
  })

  test('what a dead run left is removed by the next', async () => {
    agent.link.close()
    await agent.exited
    const next = openLocalAgent(join(directory, 'next', 's1'), `${mark}-2`)
    await next.link.facts()
    expect(fs.readdirSync(directory)).toEqual(['next'])
    next.link.close()
    await next.exited
  })
})

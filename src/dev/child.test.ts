import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { RealClock } from '../io/clock.ts'
import { plainSyscalls } from '../io/syscalls.ts'
import { Child } from './child.ts'

const directory = fs.mkdtempSync(join(tmpdir(), 'basalt-child-'))
const logPath = join(directory, 'log')
const clock = new RealClock({ syscalls: plainSyscalls })
const children: Child[] = []
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop()))
  fs.rmSync(logPath, { force: true })
})

/** Two events that a test waits for, as promises made anew each time. */
class Ears {
  died = Promise.withResolvers<string>()
  back = Promise.withResolvers<number>()
}

function start(script: string): { child: Child; ears: Ears } {
  const ears = new Ears()
  const child = Child.start({
    name: 'daemon',
    command: [process.execPath, '-e', script],
    environment: process.env,
    logPath,
    clock,
    died: (_child, how) => ears.died.resolve(how),
    back: ({ line }) => ears.back.resolve(line?.pid ?? 0),
  })
  children.push(child)
  return { child, ears }
}

const READY = 'console.log(JSON.stringify({ ready: true, pid: process.pid, http: "127.0.0.1:1" }));'
const SERVES = `console.log("hello"); console.error("a line"); ${READY} process.stdin.resume();`
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('a child that is kept running', () => {
  it('is ready when it says so, and logs into its file', async () => {
    const { child } = start(SERVES)
    const line = await child.ready
    expect(line).toMatchObject({ ready: true, http: '127.0.0.1:1' })
    expect(child.line).toEqual(line)
    expect(fs.readFileSync(logPath, 'utf8')).toBe('a line\n')
    expect(fs.statSync(logPath).mode & 0o777).toBe(0o600)
  })

  it('is started again when it is killed', async () => {
    const { child, ears } = start(SERVES)
    const { pid } = await child.ready
    process.kill(pid, 'SIGKILL')
    expect(await ears.died.promise).toBe('killed by SIGKILL')
    const next = await ears.back.promise
    expect(next).not.toBe(pid)
    expect(isAlive(next)).toBe(true)
  })

  it('is gone when it was stopped, and stays gone', async () => {
    const { child } = start(SERVES)
    const { pid } = await child.ready
    await child.stop()
    expect(isAlive(pid)).toBe(false)
    expect(child.line).toBeUndefined()
    await child.stop()
  })

  it('is not started again when it never served', async () => {
    const { child } = start('process.exit(3)')
    await expect(child.ready).rejects.toThrow('daemon did not start (exit code 3)')
    const missing = Child.start({
      name: 'daemon',
      command: ['/none/there'],
      environment: {},
      logPath,
      clock,
      died: () => undefined,
      back: () => undefined,
    })
    await expect(missing.ready).rejects.toThrow(/daemon did not start \(.*ENOENT/)
  })

  it('can be stopped while it starts', async () => {
    const { child } = start('process.stdin.resume()')
    const ready = child.ready
    await child.stop()
    await expect(ready).rejects.toThrow('daemon was stopped')
  })
})

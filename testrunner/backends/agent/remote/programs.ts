/** The programs that an agent runs: streams with a window each, signals to all that came from them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { which } from './files.ts'
import { type Call, encodeCount, encodeMessage, type Frame, KIND, WINDOW_BYTES } from './frames.ts'
import { family, MARK } from './processes.ts'

type Start = Extract<Call, { method: 'start' }>

/** What an operation fails with; its code is answered. */
export class Refused extends Error {
  readonly code: 'NOT_FOUND' | 'ACCESS_DENIED' | 'INVALID_ARGUMENT'

  constructor(code: Refused['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Of output that descendants keep open after the program's own end. */
const LATE_OUTPUT_MS = 1000
const KILL_PASSES = 10

interface Running {
  readonly child: ChildProcess
  readonly asRoot: boolean
  /** Bytes sent and not yet taken, of each output. */
  readonly unsent: Map<number, number>
  isGone: boolean
}

export interface ProgramsOptions {
  /** Where programs start. */
  readonly directory: string
  readonly mark: string
  /** `sudo -n` makes root. */
  readonly hasSudo: boolean
  send(frame: Frame): void
}

export class Programs {
  readonly #o: ProgramsOptions
  /** Until they ended and their output was closed. */
  readonly #programs = new Map<number, Running>()

  constructor(options: ProgramsOptions) {
    this.#o = options
  }

  get mayBeRoot(): boolean {
    return process.getuid?.() === 0 || this.#o.hasSudo
  }

  async start(channel: number, request: Start): Promise<{ readonly pid: number }> {
    const [program, ...words] = this.#command(request)
    const log = request.logPath === null ? 'pipe' : openLog(request.logPath)
    try {
      const child = spawn(program, words, {
        detached: true,
        stdio: ['pipe', 'pipe', log],
        cwd: this.#o.directory,
        env: { ...cleanEnvironment(), ...request.environment, [MARK]: this.#o.mark },
      })
      await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
      this.#follow(channel, child, request.asRoot)
      return { pid: child.pid ?? 0 }
    } finally {
      if (log !== 'pipe') fs.closeSync(log)
    }
  }

  stdin(channel: number, bytes: Buffer): void {
    const stdin = this.#programs.get(channel)?.child.stdin
    const taken = (): void => this.#o.send({ kind: KIND.taken, channel, payload: encodeCount(bytes.length) })
    if (stdin?.writable) stdin.write(bytes, taken)
    else taken()
  }

  endStdin(channel: number): void {
    this.#programs.get(channel)?.child.stdin?.end()
  }

  /** The runner took so many bytes of output. */
  taken(channel: number, bytes: number): void {
    const running = this.#programs.get(channel)
    const stream = running?.child.stdout
    if (running === undefined || !stream) return
    const left = (running.unsent.get(KIND.stdout) ?? 0) - bytes
    running.unsent.set(KIND.stdout, left)
    if (left < WINDOW_BYTES) stream.resume()
  }

  signal(channel: number, name: NodeJS.Signals): void {
    const running = this.#programs.get(channel)
    if (running === undefined) return
    const passes = name === 'SIGKILL' ? KILL_PASSES : 1
    for (let pass = 0; pass < passes; pass++) {
      const pids = family(running.child.pid ?? 0, running.isGone, this.#o.mark)
      if (pids.length === 0) return
      this.#send(pids, name, running.asRoot)
    }
  }

  killAll(): void {
    for (const channel of this.#programs.keys()) this.signal(channel, 'SIGKILL')
  }

  #command({ command, environment, asRoot }: Start): readonly [string, ...string[]] {
    const [name = '', ...words] = command
    const program = which(name)
    if (program === undefined) throw new Refused('NOT_FOUND', `there is no program ${name}`)
    if (!asRoot || process.getuid?.() === 0) return [program, ...words]
    if (!this.#o.hasSudo) throw new Refused('ACCESS_DENIED', `${name} wants root, and there is no sudo`)
    // sudo forgets the environment
    const told = { PATH: process.env.PATH, ...environment, [MARK]: this.#o.mark }
    const set = Object.entries(told).map(([key, value]) => `${key}=${value}`)
    return ['sudo', '-n', '--', 'env', ...set, program, ...words]
  }

  #follow(channel: number, child: ChildProcess, asRoot: boolean): void {
    const running: Running = { child, asRoot, unsent: new Map(), isGone: false }
    this.#programs.set(channel, running)
    // a program that ends before it read everything
    child.stdin?.on('error', () => child.stdin?.destroy())
    this.#forward(running, channel, KIND.stdout)
    this.#forward(running, channel, KIND.stderr)
    child.once('exit', (code, signal) => {
      running.isGone = true
      this.#o.send({ kind: KIND.exited, channel, payload: encodeMessage({ code, signal }) })
      giveUpLateOutput(child)
    })
    // what it left running is found by its mark when the agent ends
    child.once('close', () => {
      this.#programs.delete(channel)
      this.#o.send({ kind: KIND.end, channel, payload: Buffer.alloc(0) })
    })
  }

  #forward(running: Running, channel: number, kind: typeof KIND.stdout | typeof KIND.stderr): void {
    const stream: Readable | null = kind === KIND.stdout ? running.child.stdout : running.child.stderr
    stream?.on('data', (payload: Buffer) => {
      this.#o.send({ kind, channel, payload })
      if (kind === KIND.stderr) return // what is too much of it is dropped by the runner
      const unsent = (running.unsent.get(kind) ?? 0) + payload.length
      running.unsent.set(kind, unsent)
      if (unsent >= WINDOW_BYTES) stream.pause()
    })
  }

  #send(pids: readonly number[], name: NodeJS.Signals, asRoot: boolean): void {
    if (asRoot && process.getuid?.() !== 0) {
      spawnSync('sudo', ['-n', '--', 'kill', '-s', name.slice(3), '--', ...pids.map(String)], {
        stdio: 'ignore',
      })
      return
    }
    for (const pid of pids) {
      try {
        process.kill(pid, name)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
  }
}

/** Settings of the product in the agent's environment are not meant for the daemons of a scenario. */
const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('BASALT_')))

/** What daemonized may hold the pipes for ever. */
function giveUpLateOutput({ stdout, stderr }: ChildProcess): void {
  let lastMs = performance.now()
  const heard = (): void => {
    lastMs = performance.now()
  }
  const open = [stdout, stderr].filter((stream) => stream !== null)
  for (const stream of open) stream.on('data', heard)
  const timer = setInterval(() => {
    if (open.some((stream) => stream.isPaused())) return heard()
    if (performance.now() - lastMs < LATE_OUTPUT_MS) return
    clearInterval(timer)
    for (const stream of open) stream.destroy()
  }, LATE_OUTPUT_MS / 4)
  timer.unref()
}

function openLog(path: string): number {
  fs.mkdirSync(dirname(path), { recursive: true })
  return fs.openSync(path, 'a', 0o600)
}

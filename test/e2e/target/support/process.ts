/**
 * The real program as a child process: `./basalt` with flags, its output by lines, and waits for what it prints
 * rather than for time to pass.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ReadyLine } from '../../../../src/server/target-daemon.ts'

const BASALT = fileURLToPath(new URL('../../../../basalt', import.meta.url))

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** What still runs: it ends with this process, whatever ends it. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A program of ours that prints a ready line. */
class DaemonProcess {
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  readonly #lines: { readonly stdout: string[]; readonly stderr: string[] } = { stdout: [], stderr: [] }
  readonly #watchers = new Set<() => void>()
  #ended = false

  /** Starts `program` with `args`; variables of the environment that set Basalt up are left out. */
  constructor(program: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('BASALT_'))
    const env = { ...Object.fromEntries(inherited), ...environment }
    this.#child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(this.#child)
    const readers = (['stdout', 'stderr'] as const).map((name) => this.#collect(name))
    const exit = new Promise<Pick<Exit, 'code' | 'signal'>>((resolve, reject) => {
      this.#child.on('error', reject)
      this.#child.on('exit', (code, signal) => resolve({ code, signal }))
    })
    this.exited = Promise.all([exit, ...readers]).then(([{ code, signal }]) => {
      this.#ended = true
      running.delete(this.#child)
      this.#tell()
      const [stdout, stderr] = [this.#text('stdout'), this.#text('stderr')]
      return { code, signal, stdout, stderr }
    })
  }

  /** The line that says where it serves; an error with all output when it ends before. */
  ready<Line = ReadyLine>(): Promise<Line> {
    return this.line('stdout', (line) => {
      const value = parse(line)
      return value?.ready === true ? (value as unknown as Line) : undefined
    })
  }

  /** The first log line with this event name, from the beginning or yet to come. */
  logged(event: string): Promise<Readonly<Record<string, unknown>>> {
    return this.line('stderr', (line) => {
      const value = parse(line)
      return value?.event === event ? value : undefined
    })
  }

  /** The first line of which `find` makes something. */
  line<T>(stream: 'stdout' | 'stderr', find: (line: string) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      let next = 0
      const look = (): void => {
        for (; next < this.#lines[stream].length; next++) {
          const found = find(this.#lines[stream][next] ?? '')
          if (found === undefined) continue
          this.#watchers.delete(look)
          resolve(found)
          return
        }
        if (!this.#ended) return
        this.#watchers.delete(look)
        reject(new Error(`the program ended first:\n${this.#text('stdout')}${this.#text('stderr')}`))
      }
      this.#watchers.add(look)
      look()
    })
  }

  /** What it has printed by now. */
  lines(stream: 'stdout' | 'stderr'): readonly string[] {
    return this.#lines[stream]
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Sends SIGTERM and waits for the end. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM')
    return this.exited
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    if (!this.#ended) this.signal('SIGKILL')
    await this.exited
  }

  async #collect(name: 'stdout' | 'stderr'): Promise<void> {
    const stream = this.#child[name]
    if (stream === null) return
    for await (const line of createInterface({ input: stream })) {
      this.#lines[name].push(line)
      this.#tell()
    }
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }

  #text(name: 'stdout' | 'stderr'): string {
    return this.#lines[name].map((line) => `${line}\n`).join('')
  }
}

export class BasaltProcess extends DaemonProcess {
  /** `./basalt` with `args`. */
  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    super(BASALT, args, environment)
  }
}

/** `./basalt` with `args`, to which a limit on file sizes is an error of its disk and not the end (setrlimit(2)). */
export class LimitableProcess extends DaemonProcess {
  constructor(args: readonly string[]) {
    // what is ignored stays ignored over exec
    super('/bin/sh', ['-c', 'trap "" XFSZ; exec "$0" "$@"', BASALT, ...args])
  }
}

export class NodeProcess extends DaemonProcess {
  /** This Node with `args`. */
  constructor(args: readonly string[]) {
    super(process.execPath, args)
  }
}

/** Runs `body` with a process that is gone afterwards, whatever happens. */
export async function withBasalt<T>(
  args: readonly string[],
  body: (child: BasaltProcess) => Promise<T>,
  environment: Readonly<Record<string, string>> = {},
): Promise<T> {
  const child = new BasaltProcess(args, environment)
  try {
    return await body(child)
  } finally {
    await child.kill()
  }
}

/** Runs `./basalt` to its end. */
export async function run(
  args: readonly string[],
  environment?: Readonly<Record<string, string>>,
): Promise<Exit> {
  return new BasaltProcess(args, environment).exited
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

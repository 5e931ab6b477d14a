/** A machine that is a folder of this computer, with the programs that were started there. */
import { mkdir, open, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BlockError } from '../../../src/base/errors.ts'
import type { Machine, Program, Ran, RunOptions, SpawnOptions } from '../backend.ts'
import type { Guardian } from './guardian.ts'
import { LocalProgram, type ProgramStart } from './local-program.ts'
import { hasProgram } from './needs.ts'
import { runningProcesses, treeOf } from './process-tree.ts'
import { killAll, RUN_VARIABLE } from './run-record.ts'

/** What a program's output is cut to. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024
const LAST_OUTPUT_MS = 1000
const DEATH_MS = 10_000
const DEATH_POLL_MS = 10

export interface LocalMachineOptions {
  readonly name: string
  readonly address: string
  readonly directory: string
  readonly runId: string
  readonly basalt: readonly string[]
  /** What stands before every command, such as what enters a namespace. */
  readonly prefix: readonly string[]
  readonly guardian: Guardian
  readonly ports: (count: number) => Promise<readonly number[]>
}

export class LocalMachine implements Machine {
  readonly name: string
  readonly address: string
  readonly basalt: readonly string[]
  readonly node = [process.execPath]
  readonly #options: LocalMachineOptions
  readonly #running = new Set<number>()
  /** Sessions whose leader has ended and left others behind, as programs do that put themselves in the background. */
  readonly #leftBehind = new Set<number>()
  #isClosed = false

  constructor(options: LocalMachineOptions) {
    this.name = options.name
    this.address = options.address
    this.basalt = options.basalt
    this.#options = options
  }

  /** Sessions that run, by the pids of their leaders. */
  get roots(): readonly number[] {
    return [...this.#running, ...this.#leftBehind]
  }

  path(...parts: readonly string[]): string {
    return join(this.#options.directory, ...parts)
  }

  ports(count: number): Promise<readonly number[]> {
    return this.#options.ports(count)
  }

  async spawn(command: readonly string[], options: SpawnOptions = {}): Promise<Program> {
    return await this.#start(command, options)
  }

  async run(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const program = await this.#start(command, options)
    let isTimedOut = false
    const kill = (): void => void program.signal('SIGKILL')
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            isTimedOut = true
            kill()
          }, options.timeoutMs)
    options.signal?.addEventListener('abort', kill)
    if (options.signal?.aborted === true) kill()
    try {
      const output = new Output(program.stdout)
      program.stdin.end(options.input ?? '')
      const { code, signal } = await program.exited
      return { code, signal, stdout: await output.whole(), stderr: program.stderrTail(), isTimedOut }
    } finally {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', kill)
    }
  }

  async putFile(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content, { mode })
  }

  async getFile(path: string, bytesMax: number): Promise<Uint8Array> {
    const file = await open(path, 'r').catch((cause: unknown) => {
      throw new BlockError('NOT_FOUND', `${this.name}: cannot read ${path}`, { cause })
    })
    try {
      const { size } = await file.stat()
      const lengthBytes = Math.min(size, bytesMax)
      const { buffer, bytesRead } = await file.read(
        new Uint8Array(lengthBytes),
        0,
        lengthBytes,
        size - lengthBytes,
      )
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  }

  async remove(path: string): Promise<void> {
    await rm(path, { recursive: true, force: true })
  }

  /** Kills what runs, and lets nothing begin any more. TIMED_OUT when something does not die. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const endMs = performance.now() + DEATH_MS; performance.now() < endMs; ) {
      const running = runningProcesses()
      const tree = new Set(treeOf(this.roots, running))
      const left = running.filter(({ pid }) => tree.has(pid))
      if (left.length === 0 && this.#running.size === 0) return
      killAll(left.map(({ pid }) => pid))
      await new Promise((resolve) => setTimeout(resolve, DEATH_POLL_MS))
    }
    throw new BlockError('TIMED_OUT', `${this.name}: programs do not end (${this.roots.join(', ')})`)
  }

  async #start(command: readonly string[], options: SpawnOptions): Promise<LocalProgram> {
    if (this.#isClosed) throw new BlockError('CLOSED', `${this.name} is closed`)
    const { directory, prefix, guardian, runId } = this.#options
    const [program = ''] = command
    // what stands before it would start, and fail in its own way
    if (prefix.length > 0 && !hasProgram(program))
      throw new BlockError('NOT_FOUND', `cannot start ${program}: there is no such program`)
    const start: ProgramStart = {
      command: [...prefix, ...asRoot(options.asRoot === true), ...command],
      directory,
      environment: { ...cleanEnvironment(), ...options.environment, [RUN_VARIABLE]: runId },
      logPath: options.logPath,
    }
    return await LocalProgram.start(start, {
      began: (pid) => {
        this.#running.add(pid)
        guardian.watch(pid)
      },
      ended: (pid) => {
        this.#running.delete(pid)
        if (runningProcesses().some(({ session }) => session === pid)) this.#leftBehind.add(pid)
        else guardian.forget(pid)
      },
    })
  }
}

/** What goes before a command that needs root. */
const asRoot = (isWanted: boolean): readonly string[] =>
  isWanted && process.getuid?.() !== 0 ? ['sudo', '-n', '--'] : []

/** Settings of the product in the runner's environment are not meant for the daemons of a scenario. */
const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('BASALT_')))

/** What a program prints, to a bound. */
class Output {
  readonly #chunks: Buffer[] = []
  readonly #ended: Promise<unknown>
  #leftBytes = OUTPUT_BYTES_MAX

  constructor(stream: NodeJS.ReadableStream) {
    stream.on('data', (bytes: Buffer) => {
      if (this.#leftBytes <= 0) return
      this.#chunks.push(bytes.subarray(0, this.#leftBytes))
      this.#leftBytes -= bytes.byteLength
    })
    this.#ended = new Promise((resolve) => stream.once('end', resolve).once('close', resolve))
  }

  /** Once the program has ended: one that it left behind may hold its output open for ever. */
  async whole(): Promise<string> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, LAST_OUTPUT_MS)
    })
    await Promise.race([this.#ended, late])
    clearTimeout(timer)
    return Buffer.concat(this.#chunks).toString('utf8')
  }
}

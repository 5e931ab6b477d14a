/** A daemon of the product as a program of a machine: started, killed and started again with the same flags. */
import { createInterface } from 'node:readline'
import { BlockError, isBlockError } from '../../src/base/errors.ts'
import type { Machine, Program } from '../backends/backend.ts'
import type { Daemon } from './cluster.ts'

const LOG_BYTES = 64 * 1024
const STOP_MS = 60_000
const METRICS_MS = 10_000
/** Daemons that find it set stop when their standard input ends, as it does with whoever started them. */
const ENVIRONMENT = { BASALT_LIFELINE: '1' }

export interface DaemonOptions {
  readonly machine: Machine
  readonly kind: Daemon['kind']
  /** Behind `machine.basalt`. */
  readonly args: readonly string[]
  readonly httpUrl: string
  readonly token: string | undefined
  readonly dataPath: string
}

export class RealDaemon implements Daemon {
  readonly name: string
  readonly kind: Daemon['kind']
  readonly machine: Machine
  readonly httpUrl: string
  readonly httpHeaders: Readonly<Record<string, string>>
  readonly dataPath: string
  readonly logPath: string
  readonly #args: readonly string[]
  #program: Program | undefined
  #id: string | null = null

  constructor(options: DaemonOptions) {
    const { machine, kind, args, httpUrl, token, dataPath } = options
    this.name = machine.name
    this.kind = kind
    this.machine = machine
    this.httpUrl = httpUrl
    this.httpHeaders = token === undefined ? {} : { authorization: `Bearer ${token}` }
    this.dataPath = dataPath
    this.logPath = machine.path('log', `${machine.name}.log`)
    this.#args = args
  }

  get id(): string | null {
    return this.#id
  }

  get isRunning(): boolean {
    return this.#program !== undefined
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#program !== undefined) throw new BlockError('IN_USE', `${this.name} runs already`)
    const program = await this.machine.spawn([...this.machine.basalt, ...this.#args], {
      environment: ENVIRONMENT,
      logPath: this.logPath,
    })
    this.#program = program
    void program.exited.then(() => {
      if (this.#program === program) this.#program = undefined
    })
    const kill = (): void => void program.signal('SIGKILL')
    signal.addEventListener('abort', kill)
    try {
      const ready = await readyLine(program)
      if (signal.aborted) throw new BlockError('ABORTED', `${this.name} was to start, and was given up`)
      if (ready === undefined) throw await this.#didNotStart()
      if (typeof ready.server === 'string') this.#id = ready.server
    } finally {
      signal.removeEventListener('abort', kill)
    }
  }

  async kill(): Promise<void> {
    await this.#program?.signal('SIGKILL')
    await this.#over()
  }

  async stop(): Promise<number | null> {
    const program = this.#program
    if (program === undefined) return null
    await program.signal('SIGTERM')
    // one that is paused would never hear of it
    await program.signal('SIGCONT')
    const late = setTimeout(() => void program.signal('SIGKILL'), STOP_MS)
    const { code } = await program.exited
    clearTimeout(late)
    await this.#over()
    return code
  }

  async pause(): Promise<void> {
    await this.#running().signal('SIGSTOP')
  }

  async resume(): Promise<void> {
    await this.#running().signal('SIGCONT')
  }

  async log(): Promise<string> {
    try {
      return Buffer.from(await this.machine.getFile(this.logPath, LOG_BYTES)).toString('utf8')
    } catch (error) {
      if (isBlockError(error, 'NOT_FOUND')) return ''
      throw error
    }
  }

  async metrics(): Promise<string> {
    return await this.get('/metrics')
  }

  /** Text of an answer of its HTTP API. DISCONNECTED when there is none. */
  async get(path: string): Promise<string> {
    try {
      const answer = await fetch(`${this.httpUrl}${path}`, {
        headers: this.httpHeaders,
        signal: AbortSignal.timeout(METRICS_MS),
      })
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
      return await answer.text()
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new BlockError('DISCONNECTED', `${this.name} does not tell ${path} (${reason})`, { cause })
    }
  }

  #running(): Program {
    if (this.#program === undefined) throw new BlockError('CLOSED', `${this.name} does not run`)
    return this.#program
  }

  async #over(): Promise<void> {
    const program = this.#program
    await program?.exited
    if (this.#program === program) this.#program = undefined
  }

  async #didNotStart(): Promise<BlockError> {
    const last = (await this.log()).trimEnd().split('\n').slice(-5).join('\n')
    return new BlockError('CLOSED', `${this.name} did not start: ${last.slice(-2000)}`)
  }
}

/** What it prints when it serves; undefined when it ends before. */
async function readyLine(program: Program): Promise<Readonly<Record<string, unknown>> | undefined> {
  const lines = createInterface({ input: program.stdout })
  return await new Promise((resolve) => {
    lines.on('line', (line) => {
      const value = parsed(line)
      if (value?.ready === true) resolve(value)
    })
    lines.on('close', () => resolve(undefined))
    void program.exited.then(() => resolve(undefined))
  })
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

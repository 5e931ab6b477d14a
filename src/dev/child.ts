/**
 * A daemon as a child process that is kept running: started again when it dies, with pauses that grow while it keeps
 * dying. It is in a session of its own, so that Ctrl-C in the terminal reaches the parent alone, which then stops
 * everything in order. Its standard input is a pipe that nobody writes to: when the parent dies, however it dies, the
 * kernel closes the pipe, and the child stops (`src/bin/lifeline.ts`).
 *
 *     starting ──ready line──▶ running ──dies──▶ pausing ──▶ starting …      stop: from everywhere to stopped
 */
import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import { BlockError } from '../base/errors.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'

export interface ChildOptions {
  readonly name: string
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]]
  readonly environment: NodeJS.ProcessEnv
  /** Its log lines are appended here. */
  readonly logPath: string
  readonly clock: Clock
  /** Told when it died unasked; it is being started again. */
  readonly died: (child: Child, how: string) => void
  /** Told of each ready line but the first. */
  readonly back: (child: Child) => void
}

/** What a daemon prints when it serves. */
export type ReadyLine = Readonly<Record<string, unknown>> & { readonly ready: true; readonly pid: number }

const PAUSE_MS = { FIRST: 500, MAX: 10_000 } as const
/** Running so long, it is healthy again. */
const STEADY_MS = 30_000
const STOP_MS = 20_000
const LINE_CHARACTERS_MAX = 64 * 1024

export class Child {
  readonly name: string
  readonly #o: ChildOptions
  #process: ChildProcess | undefined
  #ready: ReadyLine | undefined
  #startedMs = 0
  #pauseMs: number = PAUSE_MS.FIRST
  #pause: Timer | undefined
  #isStopping = false
  #hasServed = false
  readonly #first = Promise.withResolvers<ReadyLine>()
  readonly #stopped = Promise.withResolvers<void>()

  private constructor(options: ChildOptions) {
    this.name = options.name
    this.#o = options
    // whoever wants to know awaits `ready`
    this.#first.promise.catch(() => undefined)
  }

  static start(options: ChildOptions): Child {
    const child = new Child(options)
    child.#spawn()
    return child
  }

  /** Resolves with the first ready line; rejects when the process ends before it. */
  get ready(): Promise<ReadyLine> {
    return this.#first.promise
  }

  /** What it said last; undefined while it does not run. */
  get line(): ReadyLine | undefined {
    return this.#ready
  }

  /** SIGTERM, and SIGKILL if it takes too long. Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#pause?.cancel()
    this.#first.reject(new BlockError('CLOSED', `${this.name} was stopped`))
    const running = this.#process
    if (running === undefined) return
    const overdue = this.#o.clock.after(STOP_MS, () => running.kill('SIGKILL'))
    running.kill('SIGTERM')
    await this.#stopped.promise
    overdue.cancel()
  }

  /** Ends it at once. */
  kill(): void {
    this.#isStopping = true
    this.#pause?.cancel()
    this.#process?.kill('SIGKILL')
  }

  #spawn(): void {
    const [program, ...args] = this.#o.command
    const log = fs.openSync(this.#o.logPath, 'a', 0o600)
    this.#startedMs = this.#o.clock.monotonicMs()
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', log],
      detached: true,
      env: this.#o.environment,
    })
    fs.closeSync(log)
    this.#process = child
    // a pipe whose reader died is told by `exit`
    child.stdin?.on('error', () => undefined)
    this.#readLines(child)
    child.once('error', (error) => this.#ended(child, error.message))
    child.once('exit', (code, signal) =>
      this.#ended(child, signal === null ? `exit code ${code}` : `killed by ${signal}`),
    )
  }

  #readLines(child: ChildProcess): void {
    let text = ''
    child.stdout?.setEncoding('utf8')
    child.stdout?.on('data', (chunk: string) => {
      text = (text + chunk).slice(-LINE_CHARACTERS_MAX)
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) this.#readLine(line)
    })
  }

  #readLine(text: string): void {
    const line = parseReady(text)
    if (line === undefined) return
    this.#ready = line
    this.#first.resolve(line)
    if (this.#hasServed) this.#o.back(this)
    this.#hasServed = true
  }

  #ended(child: ChildProcess, how: string): void {
    if (this.#process !== child) return
    this.#process = undefined
    this.#ready = undefined
    if (this.#isStopping) {
      this.#stopped.resolve()
      return
    }
    if (!this.#hasServed) {
      // it never served: what is wrong is in its log, and starting it again would not help
      this.#first.reject(new BlockError('CLOSED', `${this.name} did not start (${how})`))
      return
    }
    const { clock } = this.#o
    if (clock.monotonicMs() - this.#startedMs > STEADY_MS) this.#pauseMs = PAUSE_MS.FIRST
    this.#o.died(this, how)
    this.#pause = clock.after(this.#pauseMs, () => this.#spawn())
    this.#pauseMs = Math.min(PAUSE_MS.MAX, this.#pauseMs * 2)
  }
}

function parseReady(text: string): ReadyLine | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    const isReady = typeof value === 'object' && value !== null && 'ready' in value && value.ready === true
    return isReady && 'pid' in value && typeof value.pid === 'number'
      ? { ...value, ready: true, pid: value.pid }
      : undefined
  } catch {
    return undefined
  }
}

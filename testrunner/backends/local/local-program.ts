/** A program of a machine that is on this computer: in a session of its own, so that it and what it starts end together. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { BlockError } from '../../../src/base/errors.ts'
import type { Program } from '../backend.ts'
import { processOf, treeOf } from './process-tree.ts'

const TAIL_BYTES_MAX = 64 * 1024

export interface ProgramStart {
  readonly command: readonly string[]
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
  readonly logPath: string | undefined
}

/** What keeps count of programs while they run. */
export interface ProgramWatch {
  began(pid: number): void
  ended(pid: number): void
}

export class LocalProgram implements Program {
  readonly pid: number
  readonly exited: Program['exited']
  readonly #child: ChildProcess
  #tail: Buffer = Buffer.alloc(0)
  #isOver = false

  /** NOT_FOUND when there is no such program. */
  static async start(start: ProgramStart, watch: ProgramWatch): Promise<LocalProgram> {
    const [program = '', ...args] = start.command
    const log = start.logPath === undefined ? undefined : openLog(start.logPath)
    const child = spawn(program, args, {
      cwd: start.directory,
      env: start.environment,
      stdio: ['pipe', 'pipe', log ?? 'pipe'],
      detached: true,
    })
    if (log !== undefined) closeSync(log)
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (cause: NodeJS.ErrnoException) =>
        reject(new BlockError('NOT_FOUND', `cannot start ${program} (${cause.code})`, { cause })),
      )
    })
    return new LocalProgram(child, watch)
  }

  private constructor(child: ChildProcess, watch: ProgramWatch) {
    this.#child = child
    const pid = child.pid ?? 0
    this.pid = pid
    watch.began(pid)
    // a reader or writer that is gone is told by `exited`
    for (const stream of child.stdio) stream?.on('error', () => undefined)
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#tail = Buffer.concat([this.#tail, bytes]).subarray(-TAIL_BYTES_MAX)
    })
    child.on('error', () => undefined)
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#isOver = true
        watch.ended(pid)
        resolve({ code, signal })
      })
    })
  }

  get stdin(): NodeJS.WritableStream {
    return piped(this.#child.stdin)
  }

  get stdout(): NodeJS.ReadableStream {
    return piped(this.#child.stdout)
  }

  stderrTail(): string {
    return this.#tail.toString('utf8')
  }

  async signal(name: NodeJS.Signals): Promise<void> {
    if (this.#isOver) return
    send(-this.pid, name)
    // what left the group but not the family
    for (const pid of treeOf([this.pid])) {
      if (processOf(pid)?.group !== this.pid) send(pid, name)
    }
  }
}

function piped<T>(stream: T | null): T {
  if (stream !== null) return stream
  throw new BlockError('CLOSED', 'the program has no such stream')
}

function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true })
  return openSync(path, 'a', 0o600)
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

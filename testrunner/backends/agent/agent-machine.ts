/** A machine of a place that an agent works on. */
import { posix } from 'node:path'
import { assert } from '../../../src/base/assert.ts'
import { BlockError } from '../../../src/base/errors.ts'
import type { Machine, Program, Ran, RunOptions, SpawnOptions } from '../backend.ts'
import type { AgentLink } from './agent-link.ts'
import { FILE_BYTES_MAX } from './remote/frames.ts'

/** What a program's output is cut to. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024

export interface AgentMachineOptions {
  readonly name: string
  readonly address: string
  readonly basalt: readonly string[]
  readonly node: readonly string[]
  /** Of the run on that machine, absolute. */
  readonly directory: string
  readonly link: AgentLink
  /** Ports that the run has from the network stack of that machine; shared by machines that share it. */
  readonly taken: Set<number>
}

export class AgentMachine implements Machine {
  readonly name: string
  readonly address: string
  readonly basalt: readonly string[]
  readonly node: readonly string[]
  readonly #o: AgentMachineOptions

  constructor(options: AgentMachineOptions) {
    this.name = options.name
    this.address = options.address
    this.basalt = options.basalt
    this.node = options.node
    this.#o = options
  }

  path(...parts: readonly string[]): string {
    const path = posix.join(this.#o.directory, ...parts)
    assert(`${path}/`.startsWith(`${this.#o.directory}/`), 'a path in the folder of the run')
    return path
  }

  async ports(count: number): Promise<readonly number[]> {
    const { link, taken } = this.#o
    const answer = await link.call<{ readonly ports: readonly number[] }>({
      ...{ method: 'ports', count, without: [...taken] },
    })
    // two machines of one network stack may have been asked at once
    if (answer.ports.some((port) => taken.has(port))) return this.ports(count)
    for (const port of answer.ports) taken.add(port)
    return answer.ports
  }

  spawn(command: readonly string[], options: SpawnOptions = {}): Promise<Program> {
    return this.#o.link.start({
      command,
      environment: options.environment ?? {},
      logPath: options.logPath ?? null,
      asRoot: options.asRoot ?? false,
    })
  }

  async run(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const program = await this.#o.link.start({
      command,
      environment: options.environment ?? {},
      logPath: null,
      asRoot: options.asRoot ?? false,
    })
    let isTimedOut = false
    const kill = (): void => {
      // a machine that is gone ends its programs itself
      program.signal('SIGKILL').catch(() => undefined)
    }
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            isTimedOut = true
            kill()
          }, options.timeoutMs)
    options.signal?.addEventListener('abort', kill, { once: true })
    if (options.signal?.aborted === true) kill()
    try {
      program.stdin.end(options.input ?? '')
      const stdout = await outputOf(program)
      const { code, signal } = await program.exited
      return { code: isTimedOut ? null : code, signal, stdout, stderr: program.stderrTail(), isTimedOut }
    } catch (error) {
      kill()
      throw error
    } finally {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', kill)
    }
  }

  async putFile(path: string, content: string | Uint8Array, mode?: number): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    if (bytes.length > FILE_BYTES_MAX)
      throw new BlockError('INVALID_ARGUMENT', `${path}: more than ${FILE_BYTES_MAX / 2 ** 20} MiB`)
    await this.#o.link.call({ method: 'put', path, mode: mode ?? 0o600 }, bytes)
  }

  getFile(path: string, bytesMax: number): Promise<Uint8Array> {
    return this.#o.link.get(path, bytesMax)
  }

  async remove(path: string): Promise<void> {
    await this.#o.link.call({ method: 'remove', path })
  }
}

async function outputOf(program: Program): Promise<string> {
  const chunks: Buffer[] = []
  let left = OUTPUT_BYTES_MAX
  for await (const chunk of program.stdout) {
    const bytes = (chunk as Buffer).subarray(0, left)
    left -= bytes.length
    if (bytes.length > 0) chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

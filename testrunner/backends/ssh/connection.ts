/**
 * The connection to a node: one master of OpenSSH's client, which authenticates once, and sessions over it. The master's own
 * session is a `cat` there whose input is a pipe from the runner. When the runner dies, however it dies, the pipe ends,
 * the `cat` with it, and the master when its other sessions are over, which end in the same way.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BlockError } from '../../../src/base/errors.ts'
import { knownHostsOf } from './known-hosts.ts'
import type { SshNode } from './nodes-file.ts'

const CONNECT_SECONDS = 15
const WORDS_MAX = 2000
const GREETING = 'connected\n'

export interface Done {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export class SshConnection {
  readonly node: SshNode
  readonly #words: readonly string[]
  readonly #master: ChildProcessWithoutNullStreams
  #said = ''

  private constructor(node: SshNode, folder: string) {
    this.node = node
    const socket = join(folder, node.name)
    this.#words = ['-S', socket, ...options(node, knownHosts(node, folder))]
    this.#master = spawn('ssh', ['-M', ...this.#words, '--', node.host, 'exec cat'], { detached: true })
    this.#master.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-WORDS_MAX)
    })
    this.#master.stdin.on('error', () => undefined)
  }

  /** `folder`: for its socket, of this user alone, with a short path. ACCESS_DENIED, DISCONNECTED, ABORTED. */
  static async open(node: SshNode, folder: string, signal: AbortSignal): Promise<SshConnection> {
    await fs.writeFile(knownHosts(node, folder), await knownHostsOf(node), { mode: 0o600 })
    signal.throwIfAborted()
    const connection = new SshConnection(node, folder)
    try {
      await connection.#greet(signal)
      return connection
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  /** For reports. */
  get pid(): number | undefined {
    return this.#master.pid
  }

  /** A session that runs `line` by the user's shell there. */
  session(line: string): ChildProcessWithoutNullStreams {
    // without a master it must fail, and not connect anew
    const words = ['-o', 'ControlMaster=no', '-o', 'ProxyCommand=false', ...this.#words]
    return spawn('ssh', [...words, '--', this.node.host, line], { detached: true })
  }

  /** Runs `line` to its end. DISCONNECTED when ssh could not. */
  async run(line: string, input: Readable | string = ''): Promise<Done> {
    const child = this.session(line)
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
      feed(input, child),
    ])
    if (code === 255) throw this.#gone(stderr)
    return { code, stdout, stderr }
  }

  async close(): Promise<void> {
    const master = this.#master
    if (master.exitCode !== null || master.signalCode !== null || master.pid === undefined) return
    const gone = once(master, 'close')
    master.stdin.end()
    const late = setTimeout(() => master.kill('SIGKILL'), 10_000)
    await gone
    clearTimeout(late)
  }

  async #greet(signal: AbortSignal): Promise<void> {
    const master = this.#master
    const heard = Promise.withResolvers<void>()
    const stop = (): void =>
      heard.reject(new BlockError('ABORTED', `${this.node.name}: stopped while connecting`))
    signal.addEventListener('abort', stop, { once: true })
    master.stdout.once('data', () => heard.resolve())
    master.once('error', (cause) => heard.reject(new BlockError('NOT_FOUND', 'ssh cannot be run', { cause })))
    master.once('close', () => heard.reject(this.#gone(this.#said)))
    master.stdin.write(GREETING)
    try {
      await heard.promise
    } finally {
      signal.removeEventListener('abort', stop)
      if (signal.aborted) master.kill('SIGKILL')
    }
  }

  #gone(stderr: string): BlockError {
    const words = (stderr.trim() || this.#said.trim()).split('\n').slice(-3).join('; ')
    const isRefused = /permission denied|host key|identification has changed|no matching/i.test(words)
    const { name, user, host, port } = this.node
    return new BlockError(
      isRefused ? 'ACCESS_DENIED' : 'DISCONNECTED',
      `${name}: ssh to ${user}@${host}:${port}: ${words || 'the connection ended'}`,
    )
  }
}

const knownHosts = (node: SshNode, folder: string): string => join(folder, `${node.name}.known`)

/** What holds whatever the user's own settings of ssh say. */
function options({ port, user, keyPath }: SshNode, knownHostsPath: string): readonly string[] {
  const set: Readonly<Record<string, string>> = {
    BatchMode: 'yes',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: knownHostsPath,
    GlobalKnownHostsFile: '/dev/null',
    UpdateHostKeys: 'no',
    CheckHostIP: 'no',
    ConnectTimeout: `${CONNECT_SECONDS}`,
    ServerAliveInterval: '5',
    ServerAliveCountMax: '6',
    ControlPersist: 'no',
    RemoteCommand: 'none',
    RequestTTY: 'no',
    EscapeChar: 'none',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    ClearAllForwardings: 'yes',
    PermitLocalCommand: 'no',
    LogLevel: 'ERROR',
  }
  const key = keyPath === null ? [] : ['-i', keyPath, '-o', 'IdentitiesOnly=yes']
  return [
    ...Object.entries(set).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...['-p', `${port}`, '-l', user, ...key],
  ]
}

async function text(stream: Readable): Promise<string> {
  let all = ''
  for await (const chunk of stream.setEncoding('utf8')) all += chunk as string
  return all
}

async function feed(input: Readable | string, { stdin }: ChildProcessWithoutNullStreams): Promise<void> {
  if (typeof input === 'string') {
    stdin.on('error', () => undefined).end(input)
    return
  }
  try {
    await pipeline(input, stdin)
  } catch (error) {
    // the session's own status tells why it read no further
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
}

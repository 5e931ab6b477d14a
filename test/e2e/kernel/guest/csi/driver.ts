/** `basalt csi --mode node` as a process that is killed and started again, and the controller outside of the guest. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type CsiClient, csiClient } from '../../../../conformance/csi/fixture/client.ts'
import { note } from './checks.ts'

export const NODE_ID = 'guest'
export const STATE_FOLDER = '/tmp/csi-state'
const SOCKET = '/tmp/csi.sock'
const REPOSITORY = join(import.meta.dirname, '../../../../..')

export class Driver {
  #child: ChildProcess | undefined
  #client: CsiClient | undefined
  /** Which tool is waited for, how often it has to end yet, and who waits. */
  #awaited: { readonly tool: string; times: number; readonly reached: () => void } | undefined

  get node(): CsiClient['node'] {
    if (this.#client === undefined) throw new Error('the driver does not run')
    return this.#client.node
  }

  /** Returns when it serves. */
  async start(): Promise<void> {
    const log = createWriteStream(join(process.env.RIG_OUT ?? '/tmp', 'driver.log'), { flags: 'a' })
    const args = [
      ...['csi', '--mode', 'node', '--endpoint', `unix://${SOCKET}`, '--node-id', NODE_ID],
      ...['--state-dir', STATE_FOLDER, '--log-level', 'debug'],
    ]
    const beganMs = performance.now()
    const child = spawn(join(REPOSITORY, 'basalt'), args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.#child = child
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.write(`${line}\n`)
      this.#read(line)
    })
    const died = once(child, 'exit').then(([code]) => {
      throw new Error(`the driver ended with ${code} before it served`)
    })
    const lines = createInterface({ input: child.stdout })
    await Promise.race([once(lines, 'line'), died])
    // it will be killed later, and that is no failure
    died.catch(() => undefined)
    this.#client = csiClient(SOCKET)
    note(`the driver served after ${(performance.now() - beganMs).toFixed(0)} ms`)
  }

  /** Resolves when `tool` has ended so many times from now on, by the driver's own log. */
  ended(tool: string, times: number): Promise<undefined> {
    return new Promise((resolve) => {
      this.#awaited = { tool, times, reached: () => resolve(undefined) }
    })
  }

  #read(line: string): void {
    const awaited = this.#awaited
    if (awaited === undefined || !line.includes('csi.tool_ran')) return
    if ((JSON.parse(line) as { tool?: string }).tool !== awaited.tool || --awaited.times > 0) return
    this.#awaited = undefined
    awaited.reached()
  }

  /** SIGKILL, for the tools that it runs as well when its container goes; returns when it is gone. */
  async kill(what: 'driver' | 'container' = 'driver'): Promise<void> {
    const child = this.#child
    this.#client?.close()
    this.#client = undefined
    this.#child = undefined
    this.#awaited = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    if (what === 'container' && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    else child.kill('SIGKILL')
    await gone
  }
}

/** A call of the controller, which runs outside; its answer as JSON has it. */
export async function controller<T>(method: string, request: object): Promise<T> {
  const [host = '', port = ''] = (process.env.POST ?? '').split('/')
  const socket = connect({ host, port: Number(port) })
  try {
    socket.write(`csi ${method} ${Buffer.from(JSON.stringify(request)).toString('base64')}\n`)
    const [line] = (await once(createInterface({ input: socket }), 'line')) as [string]
    if (!line.startsWith('ok ')) throw new Error(`${method}: ${line}`)
    return JSON.parse(line.slice('ok '.length)) as T
  } finally {
    socket.destroy()
  }
}

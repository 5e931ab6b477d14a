/**
 * A machine of hosts in QEMU. It dies with the runner: its process is told to by the kernel, and QEMU by the rig. Its console, its
 * kernel's log and those of its daemons are written to its folder as they come.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { join } from 'node:path'
import { BlockError } from '../../../src/base/errors.ts'
import { AgentLink } from '../agent/agent-link.ts'
import { AgentMachine } from '../agent/agent-machine.ts'
import type { SaveEvidence } from '../backend.ts'
import { RUN_VARIABLE } from '../local/run-record.ts'
import type { AgentDoor } from './agent-door.ts'
import { RIG } from './rig.ts'

const REPOSITORY = join(import.meta.dirname, '..', '..', '..')
const SCRIPT = join(import.meta.dirname, 'guest', 'host.sh')
/** In the guest. */
const FOLDER = '/var/tmp/basalt/run'
const PRODUCT = '/rig/repo'
/** An emulated computer on a busy one. */
const BOOT_MS = 300_000
const POWER_OFF_MS = 20_000
const MEMORY_MIB = 2048
/** The rig's own limit, in case all else that ends it fails. */
const LIFE_SECONDS = 6 * 3600
const CONSOLE_CHARACTERS = 1500

/** Files of a guest on this computer, and what they are. */
const LEFT = [
  ['console.log', 'console of the guest'],
  ['dmesg', "log of the guest's kernel"],
  ['iscsid.log', 'log of iscsid'],
  ['multipathd.log', 'log of multipathd'],
  ['guest.log', 'what the guest and the rig said'],
] as const
const LEFT_BYTES_MAX = 8 * 1024 * 1024
const STATE_SCRIPT = `exec 2>&1
iscsiadm -m session -P 3
multipath -ll
nvme list-subsys
lsblk
grep -H . /sys/class/iscsi_session/*/state /sys/block/sd*/device/state
ps axf`
const STATE_MS = 60_000

export interface VirtualHostOptions {
  readonly name: string
  readonly runId: string
  /** Of this computer, for what the guest leaves. */
  readonly directory: string
  readonly door: AgentDoor
  readonly signal: AbortSignal
}

export class VirtualHost {
  readonly machine: AgentMachine
  readonly #link: AgentLink
  readonly #rig: ChildProcess
  readonly #directory: string

  private constructor(machine: AgentMachine, link: AgentLink, rig: ChildProcess, directory: string) {
    this.machine = machine
    this.#link = link
    this.#rig = rig
    this.#directory = directory
  }

  /** Boots. DISCONNECTED with the console's end when it does not come up. */
  static async boot(options: VirtualHostOptions): Promise<VirtualHost> {
    const { name, directory, door, signal } = options
    fs.mkdirSync(directory, { recursive: true })
    const { token, came } = door.expect()
    fs.writeFileSync(join(directory, 'token'), token, { mode: 0o600 })
    const rig = startRig(options)
    const up = new AbortController()
    const failure = failed(rig, options, up.signal)
    try {
      const socket = await Promise.race([came, failure])
      fs.rmSync(join(directory, 'token'))
      const link = new AgentLink({
        name,
        input: socket,
        output: socket,
        lastWords: () => consoleEnd(directory),
      })
      await Promise.race([link.facts(), failure])
      signal.throwIfAborted()
      const machine = new AgentMachine({
        ...{ name, address: '127.0.0.1', directory: FOLDER, link, taken: new Set() },
        ...{ basalt: [`${PRODUCT}/basalt`], node: [`${PRODUCT}/node_modules/node/bin/node`] },
      })
      return new VirtualHost(machine, link, rig, directory)
    } catch (error) {
      await end(rig, 0)
      throw error
    } finally {
      up.abort()
    }
  }

  /** Of the process whose connections are the guest's, or of one that it came from. */
  get pid(): number {
    return this.#rig.pid ?? 0
  }

  /** Does `script` in the guest, where everything is root's. DISK when it fails. */
  async make(script: string): Promise<void> {
    const ran = await this.machine.run(['sh', '-c', script], { timeoutMs: 60_000 })
    if (ran.code !== 0) throw new BlockError('DISK', `${this.machine.name}: ${ran.stderr.trim().slice(-400)}`)
  }

  /** What the guest left on this computer, and what its kernel has attached now. */
  async collect(save: SaveEvidence): Promise<void> {
    for (const [file, about] of LEFT) {
      const path = join(this.#directory, file)
      if (!fs.existsSync(path)) continue
      await save(`${this.machine.name}/${file}`, fs.readFileSync(path).subarray(-LEFT_BYTES_MAX), about)
    }
    // a guest that is gone has nothing to say
    const state = await this.machine
      .run(['sh', '-c', STATE_SCRIPT], { timeoutMs: STATE_MS })
      .catch((error: unknown) => ({ stdout: `not available: ${String(error)}\n` }))
    await save(`${this.machine.name}/disks.txt`, Buffer.from(state.stdout), 'sessions, maps and paths')
  }

  /** Powers off. Does not reject. */
  async close(): Promise<void> {
    this.#link.close()
    await end(this.#rig, POWER_OFF_MS)
  }
}

function startRig({ name, runId, directory, door }: VirtualHostOptions): ChildProcess {
  const command = [
    ...[RIG, 'run', '--timeout', `${LIFE_SECONDS}`, '--mem', `${MEMORY_MIB}`, '--nics', '2'],
    ...['--out', directory, '--console', join(directory, 'console.log'), '--share', `${REPOSITORY}:repo`],
    ...[SCRIPT, name, `${runId}-${name}`, FOLDER, `${door.port}`],
  ]
  const log = fs.openSync(join(directory, 'guest.log'), 'a', 0o600)
  try {
    return spawn('setpriv', ['--pdeathsig', 'TERM', ...command], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, [RUN_VARIABLE]: runId },
    })
  } finally {
    fs.closeSync(log)
  }
}

/** Rejects when the guest cannot come up any more; never once it is up. */
async function failed(
  rig: ChildProcess,
  { name, directory, signal }: VirtualHostOptions,
  up: AbortSignal,
): Promise<never> {
  const why = Promise.withResolvers<string>()
  const timer = setTimeout(() => why.resolve(`does not come up within ${BOOT_MS / 1000} s`), BOOT_MS)
  const stop = (): void => why.resolve('was stopped')
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  up.addEventListener('abort', () => why.resolve('is up'), { once: true })
  rig.once('error', (error) => why.resolve(error.message))
  rig.once('exit', (code) => why.resolve(`ended with ${code} while it came up`))
  const reason = await why.promise
  clearTimeout(timer)
  signal.removeEventListener('abort', stop)
  if (up.aborted) return await new Promise<never>(() => undefined)
  signal.throwIfAborted()
  throw new BlockError('DISCONNECTED', `${name} ${reason}: ${consoleEnd(directory)}`)
}

/** What guest and rig said last. */
function consoleEnd(directory: string): string {
  const read = (file: string): string => {
    const path = join(directory, file)
    return fs.existsSync(path) ? fs.readFileSync(path, 'utf8').slice(-CONSOLE_CHARACTERS) : ''
  }
  return `${read('console.log')}\n${read('guest.log')}`.trim()
}

/** Waits so long, then ends it. */
async function end(rig: ChildProcess, patienceMs: number): Promise<void> {
  if (rig.exitCode !== null || rig.signalCode !== null || rig.pid === undefined) return
  const gone = once(rig, 'exit')
  const ask = setTimeout(() => rig.kill('SIGTERM'), patienceMs)
  const kill = setTimeout(() => rig.kill('SIGKILL'), patienceMs + POWER_OFF_MS)
  await gone
  clearTimeout(ask)
  clearTimeout(kill)
}

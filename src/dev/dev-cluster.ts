/**
 * A whole cluster on one machine: a master and block servers as processes of their own, so that one can be killed to see
 * what happens, over a directory that the next start finds again.
 */
import fs from 'node:fs/promises'
import { join } from 'node:path'
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Disk, DiskLock } from '../base/ports/disk.ts'
import type { Random } from '../base/ports/random.ts'
import { address, type ClusterPorts, choosePorts, defaultPorts, serverName } from './addresses.ts'
import { Child, type ReadyLine } from './child.ts'
import type { DevEvent, Sample } from './events.ts'
import { MasterClient } from './master-client.ts'
import { serveSample } from './sample.ts'
import { DEV_FILES, type DevState, openState, saveState } from './state.ts'

export interface DevOptions {
  /** Made if it is missing. */
  readonly path: string
  /** Undefined: as at the last start, at least three. */
  readonly serverCount: number | undefined
  /** What runs `basalt`: program and first arguments. */
  readonly program: readonly [string, ...string[]]
  readonly environment: NodeJS.ProcessEnv
  readonly clock: Clock
  readonly disk: Disk
  readonly random: Random
  readonly joinToken: () => { readonly token: string; readonly record: unknown }
  readonly tell: (event: DevEvent) => void
}

const SERVERS_DEFAULT = 3
const START_MS = 60_000
const POLL_MS = 50
const ATTEMPTS_MAX = 3
const DRAIN = '5s'
const LOG_BYTES_MAX = 16 * 1024 ** 2

export class DevCluster {
  readonly #o: DevOptions
  readonly #ports: ClusterPorts
  readonly #lock: DiskLock
  readonly #children: Child[] = []
  readonly #client: MasterClient
  #stopping: Promise<void> | undefined

  /**
   * Everything runs when the promise resolves, and the sample volume is served unless it was deleted or cannot be. IN_USE while another `basalt dev` has the
   * directory; CLOSED, naming the log, for a daemon that did not start; TIMED_OUT. `started` gets the cluster as soon as
   * there are processes to be stopped.
   */
  static async open(
    options: DevOptions,
    started: (cluster: DevCluster) => void,
  ): Promise<{ readonly cluster: DevCluster; readonly sample: Sample | undefined }> {
    const { path, disk, random, joinToken, tell } = options
    await fs.mkdir(join(path, 'logs'), { recursive: true, mode: 0o700 })
    const lock = await takeLock(disk, path)
    try {
      const state = await openState(random, path, joinToken)
      const serverCount = options.serverCount ?? Math.max(SERVERS_DEFAULT, state.ports?.servers.length ?? 0)
      for (let attempt = 1; ; attempt++) {
        const { ports, displaced } = await choosePorts(serverCount, state.ports)
        for (const one of displaced) tell({ event: 'portTaken', ...one })
        await saveState(path, { ...state, ports: keptPorts(state.ports, ports) })
        const cluster = new DevCluster(options, ports, lock)
        started(cluster)
        try {
          await cluster.#start(state.clusterId)
        } catch (error) {
          // another program was quicker than the daemon that was to have the port
          const isAgain = isPortTaken(error) && attempt < ATTEMPTS_MAX && cluster.#stopping === undefined
          if (!isAgain) throw error
          await cluster.#stopChildren()
          continue
        }
        return { cluster, sample: await cluster.#serveSample(state) }
      }
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  private constructor(options: DevOptions, ports: ClusterPorts, lock: DiskLock) {
    this.#o = options
    this.#ports = ports
    this.#lock = lock
    this.#client = new MasterClient(this.master)
  }

  /** HOST:PORT of the master's HTTP API. */
  get master(): string {
    return address(this.#ports.master.http)
  }

  get isDefaultMaster(): boolean {
    return this.#ports.master.http === defaultPorts(0).master.http
  }

  /** Daemons that run. */
  get running(): readonly { readonly name: string; readonly pid: number; readonly line: ReadyLine }[] {
    return this.#children.flatMap(({ name, line }) =>
      line === undefined ? [] : [{ name, pid: line.pid, line }],
    )
  }

  async #start(clusterId: string): Promise<void> {
    const { path, tell } = this.#o
    const common = ['--cluster-id', clusterId, '--drain-timeout', DRAIN]
    const masterGrpc = address(this.#ports.master.grpc)
    const { clusterKey, joinToken, tokens } = DEV_FILES
    await this.#launch('master', [
      ...['master', ...common, '--data', join(path, 'master')],
      ...['--http', this.master, '--grpc', masterGrpc, '--initial-tokens', join(path, tokens)],
    ])
    for (const [index, ports] of this.#ports.servers.entries()) {
      const name = serverName(index)
      await this.#launch(name, [
        ...['server', ...common, '--data', join(path, name), '--name', name],
        ...['--cluster-key', join(path, clusterKey), '--join-token-file', join(path, joinToken)],
        ...['--master', masterGrpc, '--grpc', address(ports.grpc), '--http', address(ports.http)],
        ...['--replication', address(ports.replication), '--iscsi', address(ports.iscsi)],
        ...['--nvme', address(ports.nvme)],
      ])
    }
    for (const child of this.#children) {
      const line = await this.#inTime(`${child.name} to start`, child.ready).catch((cause: unknown) =>
        this.#explain(child.name, cause),
      )
      const portals =
        typeof line.iscsi === 'string' && typeof line.nvme === 'string'
          ? { iscsi: line.iscsi, nvme: line.nvme }
          : {}
      tell({ event: 'started', name: child.name, pid: line.pid, http: String(line.http), ...portals })
    }
    const wanted = this.#ports.servers.length
    await this.#until(`${wanted} servers to join the master`, async () => {
      const connected = await this.#client.connected()
      return connected.length >= wanted
    })
  }

  async #launch(name: string, args: readonly string[]): Promise<void> {
    const { path, program, environment, clock, tell } = this.#o
    const logPath = this.#logPath(name)
    await rotate(logPath)
    const child = Child.start({
      name,
      command: [...program, ...args, '--log-level', 'info'],
      environment,
      logPath,
      clock,
      died: (_child, how) => tell({ event: 'died', name, how }),
      back: ({ line }) => line !== undefined && tell({ event: 'back', name, pid: line.pid }),
    })
    this.#children.push(child)
    await fs.writeFile(join(path, 'logs', `${name}.args`), `${args.join(' ')}\n`, { mode: 0o600 })
  }

  #serveSample(state: DevState): Promise<Sample | undefined> {
    const { path, clock, tell } = this.#o
    return serveSample({
      client: this.#client,
      clock,
      tell,
      isStopping: () => this.#stopping !== undefined,
      serverCount: this.#ports.servers.length,
      wasMade: state.hasSample,
      making: () =>
        saveState(path, { ...state, ports: keptPorts(state.ports, this.#ports), hasSample: true }),
    })
  }

  /** Polls until `condition` holds. What the master cannot answer yet counts as "not yet". */
  async #until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#o
    const beganMs = clock.monotonicMs()
    let last: unknown
    while (clock.monotonicMs() - beganMs < START_MS) {
      if (this.#stopping !== undefined) throw new BlockError('CLOSED', 'stopped while starting')
      try {
        if (await condition()) return
      } catch (error) {
        if (!isBlockError(error, 'DISCONNECTED') && !isBlockError(error, 'BUSY')) throw error
        last = error
      }
      await clock.sleep(POLL_MS)
    }
    throw this.#timedOut(what, last)
  }

  async #inTime<T>(what: string, work: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    const timer = this.#o.clock.after(START_MS, () => late.reject(this.#timedOut(what, undefined)))
    try {
      return await Promise.race([work, late.promise])
    } finally {
      timer.cancel()
    }
  }

  #timedOut(what: string, cause: unknown): BlockError {
    const logs = join(this.#o.path, 'logs')
    return new BlockError('TIMED_OUT', `waited ${START_MS / 1000} s for ${what}; the logs are in ${logs}`, {
      cause,
    })
  }

  /** Throws what the daemon itself said last. */
  async #explain(name: string, cause: unknown): Promise<never> {
    if (!isBlockError(cause, 'CLOSED') || this.#stopping !== undefined) throw cause
    const text = await fs.readFile(this.#logPath(name), 'utf8').catch(() => '')
    const last = text.trimEnd().split('\n').at(-1) ?? ''
    throw new BlockError('CLOSED', `${cause.message}: ${last.slice(0, 1000)}`, { cause })
  }

  #logPath(name: string): string {
    return join(this.#o.path, 'logs', `${name}.log`)
  }

  /**
   * Stops every daemon; nothing runs when the promise resolves. The master goes first: else it would move volumes from one
   * server that stops to the next. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll()
    return this.#stopping
  }

  async #stopAll(): Promise<void> {
    await this.#stopChildren()
    await this.#lock.release()
  }

  async #stopChildren(): Promise<void> {
    const [master, ...servers] = this.#children
    await master?.stop()
    await Promise.all(servers.map((child) => child.stop()))
  }

  /** Ends every daemon at once, as a loss of power would. */
  kill(): void {
    for (const child of this.#children) child.kill()
  }
}

/** A daemon ended because the port that it was given is not free any more. */
const isPortTaken = (error: unknown): boolean =>
  isBlockError(error, 'CLOSED') && /another (process|program) listens/.test(error.message)

/** Ports of servers that do not run this time are kept for when they do. */
const keptPorts = (kept: ClusterPorts | undefined, ports: ClusterPorts): ClusterPorts => ({
  master: ports.master,
  servers: [...ports.servers, ...(kept?.servers.slice(ports.servers.length) ?? [])],
})

async function takeLock(disk: Disk, path: string): Promise<DiskLock> {
  try {
    return await disk.lock(join(path, 'lock'))
  } catch (cause) {
    if (!isBlockError(cause, 'IN_USE')) throw cause
    throw new BlockError(
      'IN_USE',
      `a cluster runs in ${path} already; stop it, or name another directory with --dir`,
      { cause },
    )
  }
}

/** A log that has grown too long makes way for a new one; the one before it goes. */
async function rotate(path: string): Promise<void> {
  try {
    const { size } = await fs.stat(path)
    if (size > LOG_BYTES_MAX) await fs.rename(path, `${path}.old`)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

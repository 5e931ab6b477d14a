/** The daemons of one scenario, together. */
import { BlockError, isBlockError } from '../../src/base/errors.ts'
import type { Clock } from '../../src/base/ports/clock.ts'
import type { ApiClient } from '../../src/client/http/api-client.ts'
import { fetchServers } from '../../src/client/wire/server.ts'
import type { SaveEvidence } from '../backends/backend.ts'
import type { Cluster } from './cluster.ts'
import type { RealDaemon } from './real-daemon.ts'

const POLL_MS = 50
const LOG_BYTES_MAX = 16 * 1024 * 1024

export interface ClusterParts {
  readonly masters: readonly RealDaemon[]
  readonly servers: readonly RealDaemon[]
  readonly api: ApiClient
  readonly masterUrl: string
  readonly token: string | undefined
  readonly clock: Clock
}

export class RealCluster implements Cluster {
  readonly masters: readonly RealDaemon[]
  readonly servers: readonly RealDaemon[]
  readonly api: ApiClient
  readonly daemons: ReadonlyMap<string, RealDaemon>
  readonly masterUrl: string
  readonly environment: Readonly<Record<string, string>>
  readonly #clock: Clock

  constructor({ masters, servers, api, masterUrl, token, clock }: ClusterParts) {
    this.masters = masters
    this.servers = servers
    this.api = api
    this.daemons = new Map([...masters, ...servers].map((daemon) => [daemon.name, daemon]))
    this.masterUrl = masterUrl
    this.environment = { BASALT_MASTER: masterUrl, ...(token !== undefined && { BASALT_TOKEN: token }) }
    this.#clock = clock
  }

  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      if ((await this.#connected()) >= this.servers.filter(({ isRunning }) => isRunning).length) return
      await this.#clock.sleep(POLL_MS)
    }
  }

  async collect(save: SaveEvidence): Promise<void> {
    const trySave = async (path: string, about: string, read: () => Promise<Uint8Array | string>) => {
      // what is away is told in its place
      const content = await read().catch((error: unknown) => `not available: ${String(error)}\n`)
      await save(path, typeof content === 'string' ? Buffer.from(content) : content, about)
    }
    for (const daemon of this.daemons.values()) {
      const { name, kind, machine, logPath, isRunning } = daemon
      await trySave(`${name}/${name}.log`, `log of ${kind} ${name}`, () =>
        machine.getFile(logPath, LOG_BYTES_MAX),
      )
      if (!isRunning) continue
      await trySave(`${name}/metrics.txt`, `metrics of ${name}`, () => daemon.metrics())
      if (kind === 'server')
        await trySave(`${name}/status.json`, `state of ${name}`, () => daemon.get('/status'))
    }
    for (const [name, path] of MASTER_STATE) {
      await trySave(`cluster/${name}.json`, `${name} as the master has them`, async () => {
        const answer = await this.api.connection.exchange('GET', path)
        return answer.text
      })
    }
  }

  async stop(): Promise<void> {
    // a master that still ran would give the leads of one server that stops to the next
    await Promise.all(this.masters.map((daemon) => daemon.stop()))
    await Promise.all(this.servers.map((daemon) => daemon.stop()))
  }

  async kill(): Promise<void> {
    await Promise.all([...this.daemons.values()].map((daemon) => daemon.kill()))
  }

  async #connected(): Promise<number> {
    try {
      const servers = await fetchServers(this.api)
      // one that has not said what space it has gets no replica
      return servers.filter((one) => one.connection === 'connected' && one.free_bytes !== null).length
    } catch (error) {
      if (isBlockError(error, 'DISCONNECTED') || isBlockError(error, 'BUSY')) return -1
      throw error instanceof BlockError ? error : new BlockError('PROTOCOL', String(error), { cause: error })
    }
  }
}

/** Of the master's API. */
const MASTER_STATE = [
  ['servers', '/block/servers?limit=1000'],
  ['volumes', '/block/volumes?limit=1000'],
  ['jobs', '/block/jobs?limit=1000'],
  ['events', '/block/events?limit=1000'],
] as const

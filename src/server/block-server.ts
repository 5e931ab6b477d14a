/**
 * `basalt server`: replicas of volumes, served to hosts over iSCSI while they lead, with the HTTP API and the listener
 * for other servers beside them. Opens everything in order and closes it in reverse.
 *
 *   starting ──► serving ──stop──► draining ──► (closed)
 *
 * Which volumes there are, and who leads them, is their authorities' to say (`POST /assign`); without a word of theirs
 * a server serves nothing.
 */
import { formatHostPort, type HostPort } from '../base/address.ts'
import { BlockError } from '../base/errors.ts'
import type { Timer } from '../base/ports/clock.ts'
import type { Net } from '../base/ports/net.ts'
import type { VolumePorts } from '../blockvol/api.ts'
import type { LogLevel } from '../config/common-settings.ts'
import type { ConfigChanges } from '../config/resolve-settings.ts'
import { tokenGate } from '../http/guards.ts'
import { HttpServer } from '../http/http-server.ts'
import { postJson } from '../http/post-json.ts'
import { addProcessMetrics } from '../metrics/process-metrics.ts'
import { MetricsRegistry } from '../metrics/registry.ts'
import { compareServerConfigs, refuseOpenServer, type ServerConfig } from './config/server-config.ts'
import { DataDirectory } from './data-directory.ts'
import type { ServerView } from './http/routes.ts'
import { addServerRoutes } from './http/server-routes.ts'
import { IscsiPortals } from './iscsi-portals.ts'
import { AuthorityClient } from './replica/authority-client.ts'
import type { ReplicaCalls } from './replica/hosted-replica.ts'
import { ReplicaHost, type ReplicaPlace } from './replica/replica-host.ts'
import type { ReplicaView, RunningReplica } from './replica/replica-view.ts'
import { volumesOf } from './replica/volumes-of.ts'
import { addReplicationMetrics } from './replication-metrics.ts'
import { addVolumeMetrics } from './volume-metrics.ts'

/** Replication as the server drives it. */
export interface Replication {
  /** Where other servers reach the replicas. */
  readonly address: HostPort
  /** Opens a replica from disk. */
  open(place: ReplicaPlace, calls: ReplicaCalls): Promise<RunningReplica>
  close(): Promise<void>
}

export interface BlockServerOptions {
  readonly config: ServerConfig
  readonly ports: VolumePorts & { readonly net: Net }
  readonly version: string
  readonly pid: number
  readonly openReplication: (options: {
    readonly server: string
    readonly config: ServerConfig
  }) => Promise<Replication>
  readonly setLogLevel: (level: LogLevel) => void
  /** A broken invariant: the process has to stop at once. */
  readonly onFatal: (error: unknown) => void
}

/** The line that a server prints when it serves. */
export interface ServerReadyLine {
  readonly ready: true
  readonly pid: number
  /** Id of the server. */
  readonly server: string
  /** The first portal. */
  readonly iscsi: string
  readonly portals: readonly string[]
  readonly replication: string
  readonly http: string
}

/** Of the time for a stop, what is kept for the last flush when hosts do not log out. */
const CLOSE_SHARE = 0.25
/** For an authority to answer a report. */
const REPORT = { timeoutMs: 2000, answerBytesMax: 256 * 1024 } as const

export class BlockServer {
  readonly ready: ServerReadyLine
  readonly #options: BlockServerOptions
  readonly #resources: AsyncDisposableStack
  readonly #iscsi: IscsiPortals
  readonly #view: { current: ServerView }
  #config: ServerConfig

  private constructor(
    options: BlockServerOptions,
    parts: {
      resources: AsyncDisposableStack
      iscsi: IscsiPortals
      view: { current: ServerView }
      ready: ServerReadyLine
    },
  ) {
    this.#options = options
    this.#config = options.config
    this.#resources = parts.resources
    this.#iscsi = parts.iscsi
    this.#view = parts.view
    this.ready = parts.ready
  }

  /** Serves when the promise resolves. Errors name the flag, the file or the address that is at fault. */
  static async open(options: BlockServerOptions): Promise<BlockServer> {
    const resources = new AsyncDisposableStack()
    try {
      return await BlockServer.#build(options, resources)
    } catch (error) {
      await resources.disposeAsync()
      throw error
    }
  }

  static async #build(options: BlockServerOptions, resources: AsyncDisposableStack): Promise<BlockServer> {
    const { config, ports, version, pid, openReplication, onFatal } = options
    const { settings } = config
    const { clock, logger } = ports
    for (const text of config.warnings) logger.warn('config.unwise', { text })

    const data = await DataDirectory.open(ports, settings.data)
    resources.defer(() => data.close())
    const server = data.serverId
    const view: { current: ServerView } = {
      current: { id: server, version, pid, startedWallMs: clock.wallMs(), state: 'starting' },
    }
    const replicas: { host: ReplicaHost | undefined } = { host: undefined }
    const list = (): readonly ReplicaView[] => replicas.host?.list() ?? []
    const metrics = new MetricsRegistry()
    addProcessMetrics(metrics)
    addVolumeMetrics(metrics, volumesOf(list), server)
    addReplicationMetrics(metrics, list, server)
    const http = await HttpServer.open({
      listen: settings.http,
      flag: '--http',
      gate: tokenGate({
        token: config.httpToken,
        tokenFlag: '--http-token-file',
        host: settings.http.host,
      }),
      title: 'Basalt block server API',
      addRoutes: (app) =>
        addServerRoutes(app, {
          metrics,
          server: () => view.current,
          replicas: list,
          assign: async (assignment) => {
            if (replicas.host !== undefined) return replicas.host.assign(assignment)
            throw new BlockError('CLOSED', 'the server is starting')
          },
        }),
      version,
      clock,
      logger,
    })
    resources.defer(() => http.close())
    const iscsi = await IscsiPortals.open(ports, config)
    resources.defer(() => iscsi.close())
    const replication = await openReplication({ server, config })
    resources.defer(() => replication.close())
    const host = new ReplicaHost({
      ports,
      path: data.volumesPath,
      logRoot: settings['log-dir'],
      iscsi,
      open: (place, calls) => replication.open(place, calls),
      link: ({ volume, authority, heartbeat, deliver }) =>
        new AuthorityClient({
          server,
          volume,
          url: authority,
          post: (url, text, signal) => postJson(url, text, { ...REPORT, signal }),
          beat: heartbeat,
          deliver,
          clock,
          logger,
        }),
      onFatal,
    })
    resources.defer(() => host.stop())
    await host.openStored()
    replicas.host = host
    view.current = { ...view.current, state: 'serving' }

    const portals = iscsi.addresses.map(formatHostPort)
    const ready: ServerReadyLine = {
      ready: true,
      pid,
      server,
      iscsi: portals[0]!,
      portals,
      replication: formatHostPort(replication.address),
      http: formatHostPort(http.address),
    }
    logger.info('server.ready', {
      server,
      iscsi: portals.join(' '),
      replication: ready.replication,
      http: ready.http,
    })
    return new BlockServer(options, { resources, iscsi, view, ready })
  }

  /** Takes over from `read` what can change while serving; ACCESS_DENIED when that would open the service to all. */
  reload(read: ServerConfig): ConfigChanges {
    const { ports, setLogLevel } = this.#options
    refuseOpenServer({ ...this.#config, access: read.access })
    const changes = compareServerConfigs(this.#config, read)
    const settings = {
      ...this.#config.settings,
      'log-level': read.settings['log-level'],
      'drain-timeout': read.settings['drain-timeout'],
    }
    this.#config = { ...this.#config, settings, access: read.access }
    setLogLevel(settings['log-level'])
    if (changes.applied.includes('chap') || changes.applied.includes('initiators')) {
      this.#iscsi.setAccess(read.access)
    }
    ports.logger.info('config.reloaded', {
      applied: changes.applied.join(' '),
      needRestart: changes.needRestart.join(' '),
    })
    return changes
  }

  /**
   * Stops: unhealthy for probes at once, no new sessions, hosts are asked to log out until `hurry` fires or most of
   * the drain time is over, then everything is made durable and closed. True when that was done within the drain time;
   * false when it was over first (what was flushed before stays durable).
   */
  async stop(hurry: AbortSignal): Promise<boolean> {
    const { clock, logger } = this.#options.ports
    const timeoutMs = this.#config.settings['drain-timeout']
    this.#view.current = { ...this.#view.current, state: 'draining' }
    logger.info('server.draining', { timeoutMs })

    let overdue: Timer | undefined
    const late = new Promise<false>((resolve) => {
      overdue = clock.after(timeoutMs, () => resolve(false))
    })
    const drain = { timeoutMs: timeoutMs * (1 - CLOSE_SHARE), signal: hurry }
    const done = await Promise.race([this.#close(drain), late])
    overdue?.cancel()
    logger.info(done ? 'server.stopped' : 'server.stop_timed_out')
    return done
  }

  async #close(drain: { timeoutMs: number; signal: AbortSignal }): Promise<true> {
    await this.#iscsi.drain(drain)
    await this.#resources.disposeAsync()
    return true
  }
}

/**
 * `basalt csi`: services on a socket, and metrics beside them. Which services there are and what they work with is the
 * composition root's; here they are opened, and a stop waits for the calls that are under way.
 */
import { formatHostPort } from '../../base/address.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { LogLevel } from '../../config/common-settings.ts'
import type { ConfigChanges } from '../../config/resolve-settings.ts'
import { type Drain, openDaemon, stopInTime } from '../../daemon/life.ts'
import { RunningConfig } from '../../daemon/running-config.ts'
import type { HttpServer } from '../../http/http-server.ts'
import { identityService, type Readiness } from '../identity.ts'
import { CallMetrics } from './call-metrics.ts'
import { CallRunner } from './call-runner.ts'
import { type CsiConfig, type CsiMode, compareCsiConfigs } from './csi-config.ts'
import type { CsiServices } from './handlers.ts'
import { type CsiSocket, serveCsi } from './serve-csi.ts'

export interface CsiDaemonOptions {
  readonly config: CsiConfig
  readonly ports: { readonly clock: Clock; readonly logger: Logger }
  /** What is served beside identity. */
  readonly services: Omit<CsiServices, 'identity'>
  readonly readiness: () => Promise<Readiness>
  readonly version: string
  readonly pid: number
  readonly setLogLevel: (level: LogLevel) => void
}

/** The line that a driver prints when it serves. */
export interface CsiReadyLine {
  readonly ready: true
  readonly pid: number
  readonly endpoint: string
  readonly driver: string
  readonly mode: CsiMode
  readonly node: string
  /** Null: no metrics over HTTP. */
  readonly http: string | null
}

export class CsiDaemon {
  readonly ready: CsiReadyLine
  readonly #options: CsiDaemonOptions
  readonly #config: RunningConfig<CsiConfig>
  readonly #resources: AsyncDisposableStack
  readonly #runner: CallRunner
  readonly #socket: CsiSocket

  private constructor(
    options: CsiDaemonOptions,
    opened: {
      readonly ready: CsiReadyLine
      readonly resources: AsyncDisposableStack
      readonly runner: CallRunner
      readonly socket: CsiSocket
    },
  ) {
    const { config, setLogLevel, ports } = options
    this.#options = options
    this.#config = new RunningConfig(config, {
      compare: compareCsiConfigs,
      setLogLevel,
      logger: ports.logger,
    })
    this.ready = opened.ready
    this.#resources = opened.resources
    this.#runner = opened.runner
    this.#socket = opened.socket
  }

  /** Serves when the promise resolves. Errors name the flag, the file or the address that is at fault. */
  static open(options: CsiDaemonOptions): Promise<CsiDaemon> {
    return openDaemon((resources) => CsiDaemon.#build(options, resources))
  }

  static async #build(options: CsiDaemonOptions, resources: AsyncDisposableStack): Promise<CsiDaemon> {
    const { config, ports, services, version, readiness, pid } = options
    const { settings, nodeId, warnings } = config
    const { clock, logger } = ports
    for (const text of warnings) logger.warn('config.unwise', { text })

    const metrics = new CallMetrics()
    const http = await CsiDaemon.#openHttp(options, metrics)
    if (http !== undefined) resources.defer(() => http.close())

    const runner = new CallRunner({ clock, logger, metrics })
    const driverName = settings['driver-name']
    const identity = identityService({ driverName, version, served: services, readiness })
    const socket = await serveCsi({
      path: settings.endpoint,
      mode: settings['socket-mode'],
      flag: '--endpoint',
      services: { identity, ...services },
      runner,
    })
    resources.defer(() => socket.close())

    const ready: CsiReadyLine = {
      ready: true,
      pid,
      endpoint: `unix://${settings.endpoint}`,
      driver: driverName,
      mode: settings.mode,
      node: nodeId,
      http: http === undefined ? null : formatHostPort(http.address),
    }
    logger.info('csi.ready', { ...ready, http: ready.http ?? undefined })
    return new CsiDaemon(options, { ready, resources, runner, socket })
  }

  /** Metrics and health, for those who asked for them: what serves HTTP is loaded for nobody else. */
  static async #openHttp(options: CsiDaemonOptions, metrics: CallMetrics): Promise<HttpServer | undefined> {
    const { config, ports, readiness, version } = options
    const { http: listen } = config.settings
    if (listen === undefined) return undefined
    const { openCsiHttp } = await import('./csi-http.ts')
    const { csiRegistry } = await import('./csi-registry.ts')
    return await openCsiHttp({ listen, metrics: csiRegistry(metrics), readiness, version, ...ports })
  }

  /** Takes over from `read` what can change while serving. */
  reload(read: CsiConfig): ConfigChanges {
    return this.#config.reload(read)
  }

  /**
   * Stops: no more calls; those under way have most of the drain time, then their signals abort; then the socket goes. True when
   * all had ended in time.
   */
  stop(hurry: AbortSignal): Promise<boolean> {
    const { clock, logger } = this.#options.ports
    const timeoutMs = this.#config.current.settings['drain-timeout']
    logger.info('csi.stopping')
    return stopInTime({ name: 'csi', timeoutMs, hurry, clock, logger }, (drain) => this.#close(drain))
  }

  async #close({ timeoutMs, signal }: Drain): Promise<void> {
    const { clock } = this.#options.ports
    const late = new AbortController()
    const timer = clock.after(timeoutMs, () => late.abort())
    // answers of the calls under way go out before their connections end
    const drained = this.#socket.drain()
    await this.#runner.stop(AbortSignal.any([signal, late.signal]))
    await Promise.race([drained, aborted(AbortSignal.any([signal, late.signal]))])
    timer.cancel()
    await this.#resources.disposeAsync()
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

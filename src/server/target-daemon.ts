/**
 * `basalt target`: one volume, served by one front end, with the admin HTTP API beside it. Opens everything in
 * order and closes it in reverse; holds no volume logic of its own.
 *
 *   starting ──► serving ──stop──► draining ──► (closed)
 *
 * The admin API answers from the first moment, so that a long recovery shows as "starting" and not as silence;
 * hosts are admitted only when the volume is open, in an epoch of its own.
 */
import { formatHostPort, type HostPort } from '../base/address.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Timer } from '../base/ports/clock.ts'
import type { VolumePorts } from '../blockvol/api.ts'
import { Volume } from '../blockvol/volume.ts'
import { type AccessConfig, refuseOpenService } from '../config/access-config.ts'
import type { LogLevel } from '../config/common-settings.ts'
import type { ConfigChanges } from '../config/resolve-settings.ts'
import { tokenGate } from '../http/guards.ts'
import { HttpServer } from '../http/http-server.ts'
import { addProcessMetrics } from '../metrics/process-metrics.ts'
import { MetricsRegistry } from '../metrics/registry.ts'
import { adminApi, compareConfigs, type TargetConfig } from './config/target-config.ts'
import { DataDirectory } from './data-directory.ts'
import { ensureVolume, type VolumePlace } from './ensure-volume.ts'
import type { FrontEnd } from './front-end.ts'
import { HostedVolume } from './hosted-volume.ts'
import { HostedVolumes } from './hosted-volumes.ts'
import { addRoutes, type ServerView } from './http/routes.ts'
import { type LatencyRecorders, makeLatencyRecorders } from './latencies.ts'
import { VolumeCatalog } from './volume-catalog.ts'
import { addVolumeMetrics } from './volume-metrics.ts'

/** A front end as the daemon makes it: it listens before the volume is opened, and knows who may log in. */
export interface TargetFrontEnd extends FrontEnd {
  readonly iqn: string
  /** Where it listens: one address for each portal, at least one. */
  readonly addresses: readonly HostPort[]
  /** New rules; sessions that they do not admit end. */
  setAccess(access: AccessConfig): void
  close(): Promise<void>
}

export interface TargetDaemonOptions {
  readonly config: TargetConfig
  readonly ports: VolumePorts
  readonly version: string
  readonly pid: number
  readonly openFrontEnd: (options: {
    config: TargetConfig
    latencies: LatencyRecorders
  }) => Promise<TargetFrontEnd>
  readonly setLogLevel: (level: LogLevel) => void
  /** A broken invariant: the process has to stop at once. */
  readonly onFatal: (error: unknown) => void
}

/** The line that a daemon prints when it serves. */
export interface ReadyLine {
  readonly ready: true
  readonly pid: number
  readonly volume: string
  readonly iqn: string
  /** The first portal. */
  readonly iscsi: string
  /** All portals, in the order of their portal group tags. */
  readonly portals: readonly string[]
  readonly admin: string
}

/** Of the time for a stop, what is kept for the last flush when hosts do not log out. */
const CLOSE_SHARE = 0.25

export class TargetDaemon {
  readonly ready: ReadyLine
  readonly #options: TargetDaemonOptions
  readonly #resources: AsyncDisposableStack
  readonly #frontEnd: TargetFrontEnd
  readonly #volumes: HostedVolumes
  readonly #view: { current: ServerView }
  #config: TargetConfig

  private constructor(
    options: TargetDaemonOptions,
    parts: {
      resources: AsyncDisposableStack
      frontEnd: TargetFrontEnd
      volumes: HostedVolumes
      view: { current: ServerView }
      ready: ReadyLine
    },
  ) {
    this.#options = options
    this.#config = options.config
    this.#resources = parts.resources
    this.#frontEnd = parts.frontEnd
    this.#volumes = parts.volumes
    this.#view = parts.view
    this.ready = parts.ready
  }

  /** Serves when the promise resolves. Errors name the flag, the file or the address that is at fault. */
  static async open(options: TargetDaemonOptions): Promise<TargetDaemon> {
    const resources = new AsyncDisposableStack()
    try {
      return await TargetDaemon.#build(options, resources)
    } catch (error) {
      await resources.disposeAsync()
      throw error
    }
  }

  static async #build(options: TargetDaemonOptions, resources: AsyncDisposableStack): Promise<TargetDaemon> {
    const { config, ports, version, pid, openFrontEnd, onFatal } = options
    const { settings } = config
    const { clock, logger } = ports
    for (const text of config.warnings) logger.warn('config.unwise', { text })

    const data = await DataDirectory.open(ports, settings.data)
    resources.defer(() => data.close())
    const catalog = new VolumeCatalog({ disk: ports.disk, path: data.volumesPath, logger })
    await catalog.removeUnfinished()

    const view: { current: ServerView } = {
      current: { id: data.serverId, version, pid, startedWallMs: clock.wallMs(), state: 'starting' },
    }
    const volumes = new HostedVolumes()
    const metrics = new MetricsRegistry()
    addProcessMetrics(metrics)
    addVolumeMetrics(metrics, volumes, data.serverId)
    const admin = await HttpServer.open({
      listen: settings.admin,
      flag: '--admin',
      gate: tokenGate({
        token: config.adminToken,
        tokenFlag: '--admin-token-file',
        host: settings.admin.host,
      }),
      title: 'Basalt admin API',
      addRoutes: (app) => addRoutes(app, { volumes, metrics, server: () => view.current }),
      version,
      clock,
      logger,
    })
    resources.defer(() => admin.close())

    const place = await ensureVolume(ports, catalog, {
      name: settings.volume,
      sizeBytes: settings.size,
      logicalBlockBytes: settings['logical-block'],
      readOnly: settings['read-only'],
      logRoot: settings['log-dir'],
    })
    const latencies = makeLatencyRecorders()
    const frontEnd = await openFrontEnd({ config, latencies })
    resources.defer(() => frontEnd.close())
    const hosted = await HostedVolume.open({
      open: () => openVolume(ports, place, config),
      frontEnd,
      latencies,
      clock,
      logger,
      onFatal,
    })
    volumes.add(hosted)
    view.current = { ...view.current, state: 'serving' }

    const portals = frontEnd.addresses.map(formatHostPort)
    const ready: ReadyLine = {
      ready: true,
      pid,
      volume: settings.volume,
      iqn: frontEnd.iqn,
      iscsi: portals[0]!,
      portals,
      admin: formatHostPort(admin.address),
    }
    const { volume, iqn, admin: adminAddress } = ready
    logger.info('target.ready', { volume, iqn, iscsi: portals.join(' '), admin: adminAddress })
    return new TargetDaemon(options, { resources, frontEnd, volumes, view, ready })
  }

  /** Takes over from `read` what can change while serving; ACCESS_DENIED when that would open the service to all. */
  reload(read: TargetConfig): ConfigChanges {
    const { ports, setLogLevel } = this.#options
    const { iscsi } = this.#config.settings
    refuseOpenService({ iscsi, access: read.access, api: adminApi(this.#config) })
    const changes = compareConfigs(this.#config, read)
    const settings = {
      ...this.#config.settings,
      'log-level': read.settings['log-level'],
      'drain-timeout': read.settings['drain-timeout'],
    }
    this.#config = { ...this.#config, settings, access: read.access }
    setLogLevel(settings['log-level'])
    if (changes.applied.includes('chap') || changes.applied.includes('initiators')) {
      this.#frontEnd.setAccess(read.access)
    }
    ports.logger.info('config.reloaded', {
      applied: changes.applied.join(' '),
      needRestart: changes.needRestart.join(' '),
    })
    return changes
  }

  /**
   * Stops: unhealthy for probes at once, no new sessions, hosts are asked to log out until `hurry` fires or most of
   * the drain time is over, then everything acknowledged is made durable and all is closed. Returns true when
   * that was done within the drain time; false when it was over first (what was flushed before stays durable).
   */
  async stop(hurry: AbortSignal): Promise<boolean> {
    const { clock, logger } = this.#options.ports
    const timeoutMs = this.#config.settings['drain-timeout']
    this.#view.current = { ...this.#view.current, state: 'draining' }
    logger.info('target.draining', { timeoutMs })

    let overdue: Timer | undefined
    const late = new Promise<false>((resolve) => {
      overdue = clock.after(timeoutMs, () => resolve(false))
    })
    const drain = { timeoutMs: timeoutMs * (1 - CLOSE_SHARE), signal: hurry }
    const done = await Promise.race([this.#close(drain), late])
    overdue?.cancel()
    logger.info(done ? 'target.stopped' : 'target.stop_timed_out')
    return done
  }

  async #close(drain: { timeoutMs: number; signal: AbortSignal }): Promise<true> {
    await this.#frontEnd.drain(drain)
    await this.#volumes.stop()
    await this.#resources.disposeAsync()
    return true
  }
}

async function openVolume(
  ports: VolumePorts,
  place: VolumePlace,
  { settings }: TargetConfig,
): Promise<Volume> {
  const { directory, logDirectory } = place
  const acceptLogLoss = settings['accept-log-loss']
  try {
    return await Volume.open(ports, {
      directory,
      readOnly: settings['read-only'],
      ...(logDirectory === undefined ? {} : { logDirectory }),
      ...(acceptLogLoss === undefined ? {} : { acceptLogLoss }),
    })
  } catch (error) {
    throw isBlockError(error) ? withFlag(error, settings) : error
  }
}

/** The same error, with the flag by which an operator can act on it. */
function withFlag(cause: BlockError, settings: TargetConfig['settings']): BlockError {
  const { code, facts, message } = cause
  if (code === 'LOG_DAMAGED') {
    const hint = `to accept it, start once with --accept-log-loss ${facts.fromLsn}..${facts.toLsn}`
    return new BlockError(code, `${message}; ${hint}`, { facts, cause })
  }
  if (code === 'NOT_FOUND' && String(facts.path).endsWith('/log')) {
    const { 'log-dir': logDir } = settings
    const hint =
      logDir === undefined
        ? 'was it made with --log-dir?'
        : `is --log-dir ${logDir} the one it was made with?`
    return new BlockError(code, `${message}; ${hint}`, { facts, cause })
  }
  return cause
}

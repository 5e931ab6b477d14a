/**
 * `basalt target`: one volume, served to hosts, with the admin HTTP API beside it. Opens everything in
 * order and closes it in reverse; holds no volume logic of its own.
 *
 *   starting ──► serving ──stop──► draining ──► (closed)
 *
 * The admin API answers from the first moment, so that a long recovery shows as "starting" and not as silence;
 * hosts are admitted only when the volume is open, in an epoch of its own.
 */
import { formatHostPort } from '../base/address.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import type { VolumePorts } from '../blockvol/api.ts'
import { Volume } from '../blockvol/volume.ts'
import { type AccessConfig, refuseOpenService } from '../config/access-config.ts'
import type { LogLevel } from '../config/common-settings.ts'
import { type ConfigChanges, hasAccessChanged } from '../config/resolve-settings.ts'
import { openDaemon, stopInTime } from '../daemon/life.ts'
import { RunningConfig } from '../daemon/running-config.ts'
import { tokenGate } from '../http/guards.ts'
import { HttpServer } from '../http/http-server.ts'
import { addEventLoopDelay } from '../metrics/event-loop-delay.ts'
import { addProcessMetrics } from '../metrics/process-metrics.ts'
import { MetricsRegistry } from '../metrics/registry.ts'
import { adminApi, compareConfigs, type TargetConfig } from './config/target-config.ts'
import { DataDirectory } from './data-directory.ts'
import { addDiskMetrics } from './disk-metrics.ts'
import { ensureVolume, type VolumePlace } from './ensure-volume.ts'
import { FillingMark } from './filling-mark.ts'
import { HostedVolume } from './hosted-volume.ts'
import { HostedVolumes } from './hosted-volumes.ts'
import { addRoutes } from './http/routes.ts'
import type { ServerView } from './http/server-view.ts'
import { addSnapshotRoutes } from './http/snapshot-routes.ts'
import { addTaskRoutes } from './http/task-routes.ts'
import { type LatencyRecorders, makeLatencyRecorders } from './latencies.ts'
import type { DrainLimit, FrontEndAddresses, VolumeService } from './served/front-end.ts'
import type { ServedVolumes } from './served/served-volumes.ts'
import { TargetSnapshots } from './snapshots/target-snapshots.ts'
import { TargetTasks, type TargetTasksOptions } from './tasks/target-tasks.ts'
import { TaskRunner } from './tasks/task-runner.ts'
import { VolumeCatalog } from './volume-catalog.ts'
import { addVolumeMetrics } from './volume-metrics.ts'

/** The service as the daemon makes it: it listens before the volume is opened, and knows who may log in. */
export interface TargetService extends VolumeService {
  readonly iqn: string
  readonly nqn: string
  /** Where it listens: one address for each portal, at least one. */
  readonly addresses: FrontEndAddresses
  /** As `FrontEnd.drain`. */
  drain(limit: DrainLimit): Promise<void>
  /** What makes exposed snapshots known to hosts. */
  readonly served: Pick<ServedVolumes, 'volume'>
  /** New rules; sessions that they do not admit end. */
  setAccess(access: AccessConfig): void
  close(): Promise<void>
}

export interface TargetDaemonOptions {
  readonly config: TargetConfig
  readonly ports: VolumePorts
  readonly version: string
  readonly pid: number
  readonly openService: (options: {
    config: TargetConfig
    latencies: LatencyRecorders
  }) => Promise<TargetService>
  readonly openRepository: TargetTasksOptions['openRepository']
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
  readonly nqn: string
  /** The first address of NVMe/TCP. */
  readonly nvme: string
  readonly nvmePortals: readonly string[]
  readonly admin: string
}

/** What is done with the volume beside serving it. */
interface TargetWork {
  readonly snapshots: TargetSnapshots
  readonly tasks: TargetTasks
}

/** What is open. */
interface Parts {
  readonly resources: AsyncDisposableStack
  readonly service: TargetService
  readonly volumes: HostedVolumes
  readonly runner: TaskRunner
  readonly view: { current: ServerView }
}

export class TargetDaemon {
  readonly ready: ReadyLine
  readonly #options: TargetDaemonOptions
  readonly #config: RunningConfig<TargetConfig>
  readonly #parts: Parts

  private constructor(options: TargetDaemonOptions, parts: Parts, ready: ReadyLine) {
    const { config, setLogLevel, ports } = options
    this.#options = options
    this.#config = new RunningConfig(config, { compare: compareConfigs, setLogLevel, logger: ports.logger })
    this.#parts = parts
    this.ready = ready
  }

  /** Serves when the promise resolves. Errors name the flag, the file or the address that is at fault. */
  static open(options: TargetDaemonOptions): Promise<TargetDaemon> {
    return openDaemon((resources) => TargetDaemon.#build(options, resources))
  }

  static async #build(options: TargetDaemonOptions, resources: AsyncDisposableStack): Promise<TargetDaemon> {
    const { config, ports, version, pid, openService, openRepository, onFatal } = options
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
    const work: { current: TargetWork | undefined } = { current: undefined }
    const metrics = new MetricsRegistry()
    addProcessMetrics(metrics)
    resources.defer(addEventLoopDelay(metrics))
    const directories = { data: settings.data, log: settings['log-dir'] }
    addDiskMetrics(metrics, ports.disk, { directories, server: data.serverId })
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
      addRoutes: (app) => {
        addRoutes(app, { volumes, metrics, server: () => view.current })
        addSnapshotRoutes(app, { volumes, snapshots: () => started(work.current).snapshots })
        addTaskRoutes(app, { volumes, tasks: () => started(work.current).tasks })
      },
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
    const service = await openService({ config, latencies })
    resources.defer(() => service.close())
    const snapshots = new TargetSnapshots({
      ...{ served: service.served, random: ports.random, logger },
      sessions: () => {
        const { iscsi, nvme } = service.describe()
        return iscsi.sessions.length + nvme.sessions.length
      },
    })
    const hosted = await HostedVolume.open({
      open: () => openVolume(ports, place, config, latencies),
      service,
      filling: new FillingMark(ports.disk, place.directory),
      companion: snapshots,
      latencies,
      clock,
      logger,
      onFatal,
    })
    const runner = new TaskRunner({ clock, logger, onFatal })
    const tasks = new TargetTasks({
      ...{ runner, clock, random: ports.random, version, openRepository },
      device: () => snapshots.device(),
      fill: (request) => hosted.fill(request),
    })
    work.current = { snapshots, tasks }
    volumes.add(hosted)
    view.current = { ...view.current, state: 'serving' }

    const portals = service.addresses.iscsi.map(formatHostPort)
    const nvmePortals = service.addresses.nvme.map(formatHostPort)
    const ready: ReadyLine = {
      ready: true,
      pid,
      volume: settings.volume,
      iqn: service.iqn,
      iscsi: portals[0]!,
      portals,
      nqn: service.nqn,
      nvme: nvmePortals[0]!,
      nvmePortals,
      admin: formatHostPort(admin.address),
    }
    const { volume, iqn, admin: adminAddress } = ready
    logger.info('target.ready', {
      volume,
      iqn,
      iscsi: portals.join(' '),
      nvme: nvmePortals.join(' '),
      admin: adminAddress,
    })
    return new TargetDaemon(options, { resources, service, volumes, runner, view }, ready)
  }

  /** Takes over from `read` what can change while serving; ACCESS_DENIED when that would open the service to all. */
  reload(read: TargetConfig): ConfigChanges {
    const { current } = this.#config
    const { iscsi, nvme } = current.settings
    refuseOpenService({ iscsi, nvme, access: read.access, api: adminApi(current) })
    return this.#config.reload(read, (changes) => {
      if (hasAccessChanged(changes)) this.#parts.service.setAccess(read.access)
    })
  }

  /**
   * Stops: unhealthy for probes at once, no new sessions, hosts are asked to log out until `hurry` fires or most of
   * the drain time is over, then everything acknowledged is made durable and all is closed. Returns true when
   * that was done within the drain time; false when it was over first (what was flushed before stays durable).
   */
  stop(hurry: AbortSignal): Promise<boolean> {
    const { clock, logger } = this.#options.ports
    const { resources, service, volumes, runner, view } = this.#parts
    const timeoutMs = this.#config.current.settings['drain-timeout']
    view.current = { ...view.current, state: 'draining' }
    logger.info('target.draining', { timeoutMs })
    return stopInTime({ name: 'target', timeoutMs, hurry, clock, logger }, async (drain) => {
      await service.drain(drain)
      await runner.close()
      await volumes.stop()
      await resources.disposeAsync()
    })
  }
}

/** CLOSED before the volume is open. */
function started(work: TargetWork | undefined): TargetWork {
  if (work !== undefined) return work
  throw new BlockError('CLOSED', 'the target is starting')
}

async function openVolume(
  ports: VolumePorts,
  place: VolumePlace,
  { settings }: TargetConfig,
  latencies: LatencyRecorders,
): Promise<Volume> {
  const { directory, logDirectory } = place
  const acceptLogLoss = settings['accept-log-loss']
  try {
    return await Volume.open(ports, {
      directory,
      readOnly: settings['read-only'],
      logSyncTook: latencies.logSync,
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

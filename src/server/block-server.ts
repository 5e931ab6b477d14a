/**
 * `basalt server`: replicas of volumes, served to hosts over iSCSI and NVMe/TCP while they lead, with the HTTP API and the listener
 * for other servers beside them. Opens everything in order and closes it in reverse.
 *
 *   starting ──► serving ──stop──► draining ──► (closed)
 *
 * Which volumes there are, and who leads them, is the master's to say (`--master`), or without one their authorities'
 * (`POST /assign`); without a word of theirs a server serves nothing.
 */
import type { RetryLimits } from '../backup/objects.ts'
import type { Repository } from '../backup/repository.ts'
import type { RepositorySpec } from '../backup/spec.ts'
import { formatHostPort, type HostPort } from '../base/address.ts'
import { BlockError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Net } from '../base/ports/net.ts'
import type { TlsIdentity } from '../base/tls.ts'
import type { VolumePorts } from '../blockvol/api.ts'
import type { LogLevel } from '../config/common-settings.ts'
import { type ConfigChanges, hasAccessChanged } from '../config/resolve-settings.ts'
import { type Drain, openDaemon, stopInTime } from '../daemon/life.ts'
import { RunningConfig } from '../daemon/running-config.ts'
import { tokenGate } from '../http/guards.ts'
import { HttpServer } from '../http/http-server.ts'
import { postJson } from '../http/post-json.ts'
import { addCertificateMetrics } from '../metrics/certificate-metrics.ts'
import { addEventLoopDelay } from '../metrics/event-loop-delay.ts'
import { addProcessMetrics } from '../metrics/process-metrics.ts'
import { MetricsRegistry } from '../metrics/registry.ts'
import type { ClusterMember } from './cluster/cluster-member.ts'
import type { MasterConnection } from './cluster/master-client.ts'
import { addMasterMetrics } from './cluster/master-metrics.ts'
import { openMember, type ServerPlaces, type ServerStand } from './cluster/open-member.ts'
import { compareServerConfigs, refuseOpenServer, type ServerConfig } from './config/server-config.ts'
import { DataDirectory } from './data-directory.ts'
import { addDiskMetrics } from './disk-metrics.ts'
import { addServerRoutes } from './http/server-routes.ts'
import type { ServerView } from './http/server-view.ts'
import { imageHandlers } from './images/image-service.ts'
import { ImageTickets } from './images/image-tickets.ts'
import { RemoteImage } from './images/remote-image.ts'
import { addLeadMetrics } from './lead-metrics.ts'
import { AuthorityClient } from './replica/authority-client.ts'
import type { AuthorityLink, ReplicaSide } from './replica/authority-link.ts'
import { LedCalls } from './replica/led-calls.ts'
import type { ReplicaCalls } from './replica/replica-calls.ts'
import { ReplicaHost, type ReplicaPlace } from './replica/replica-host.ts'
import type { ReplicaView, RunningReplica } from './replica/replica-view.ts'
import { volumesOf } from './replica/volumes-of.ts'
import { addReplicationMetrics } from './replication-metrics.ts'
import { PathTable } from './served/path-table.ts'
import { ServedVolumes } from './served/served-volumes.ts'
import { TaskKinds } from './tasks/task-kinds.ts'
import { TaskRunner } from './tasks/task-runner.ts'
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
  /** Reaches for nothing yet. */
  readonly openRepository: (spec: RepositorySpec, limits?: RetryLimits) => Repository
  /** Certificates for the connections with masters. */
  readonly tls: TlsIdentity | undefined
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
  /** The first address of NVMe/TCP. */
  readonly nvme: string
  readonly nvmePortals: readonly string[]
  readonly replication: string
  readonly http: string
  /** Where the master's calls are taken; null without a master. */
  readonly grpc: string | null
}

/** Settings that the master knows this server by. */
const PLACE = ['zone', 'rack', 'disk-type'] as const satisfies readonly (keyof ServerStand)[]
/** Of the time for a stop, what the master has to give the leads to others, and at most. */
const MOVE = { share: 0.3, msMax: 3000, lookEveryMs: 50 } as const
/** For an authority to answer a report. */
const REPORT = { timeoutMs: 2000, answerBytesMax: 256 * 1024 } as const

/** What is open. */
interface Parts {
  readonly resources: AsyncDisposableStack
  readonly served: ServedVolumes
  readonly member: ClusterMember | undefined
  readonly stand: { current: ServerStand }
  readonly view: { current: ServerView }
}

export class BlockServer {
  readonly ready: ServerReadyLine
  readonly #options: BlockServerOptions
  readonly #config: RunningConfig<ServerConfig>
  readonly #parts: Parts

  private constructor(options: BlockServerOptions, parts: Parts, ready: ServerReadyLine) {
    const { config, setLogLevel, ports } = options
    const { logger } = ports
    this.#options = options
    this.#config = new RunningConfig(config, { compare: compareServerConfigs, setLogLevel, logger })
    this.#parts = parts
    this.ready = ready
  }

  /** Serves when the promise resolves. Errors name the flag, the file or the address that is at fault. */
  static open(options: BlockServerOptions): Promise<BlockServer> {
    return openDaemon((resources) => BlockServer.#build(options, resources))
  }

  static async #build(options: BlockServerOptions, resources: AsyncDisposableStack): Promise<BlockServer> {
    const { config, ports, version, pid, openReplication, openRepository, tls, onFatal } = options
    const { settings } = config
    const { clock, logger } = ports
    for (const text of config.warnings) logger.warn('config.unwise', { text })

    const data = await DataDirectory.open(ports, settings.data)
    resources.defer(() => data.close())
    const server = data.serverId
    const view: { current: ServerView } = {
      current: { id: server, version, pid, startedWallMs: clock.wallMs(), state: 'starting' },
    }
    const places: ServerPlaces = {
      http: settings.http,
      replication: settings.replication,
      iscsi: settings.iscsi,
      nvme: settings.nvme,
    }
    const stand: { current: ServerStand } = { current: settings }
    const table = new PathTable()
    const member = await openMember({
      config,
      ports,
      tls,
      table,
      view: () => view.current,
      places,
      stand: () => stand.current,
      onFatal,
    })
    // the last to end but for the lock: the master hears of everything before
    resources.defer(async () => member?.close())
    const replicas: { host: ReplicaHost | undefined } = { host: undefined }
    const list = (): readonly ReplicaView[] => replicas.host?.list() ?? []
    const metrics = new MetricsRegistry()
    addProcessMetrics(metrics)
    resources.defer(addEventLoopDelay(metrics))
    addCertificateMetrics(metrics, () => ({ node: member?.tls?.cert, authority: member?.tls?.ca }))
    const directories = { data: settings.data, log: settings['log-dir'] }
    addDiskMetrics(metrics, ports.disk, { directories, server })
    const scraped = metrics.oncePerScrape(list)
    addVolumeMetrics(metrics, volumesOf(scraped), server)
    addReplicationMetrics(metrics, scraped, server)
    const means = {
      tickets: new ImageTickets({ ...ports, onFatal }),
      tasks: new TaskRunner({ clock, logger, onFatal }),
    }
    addLeadMetrics(metrics, { replicas: scraped, means, server })
    const master = (): MasterConnection | null => member?.connection() ?? null
    addMasterMetrics(metrics, master, server)
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
          master,
          assign: async (assignment) => {
            if (member !== undefined) {
              throw new BlockError('CONFLICT', 'this server takes its orders from its master')
            }
            if (replicas.host !== undefined) return replicas.host.assign(assignment)
            throw new BlockError('CLOSED', 'the server is starting')
          },
        }),
      version,
      clock,
      logger,
    })
    resources.defer(() => http.close())
    const served = await ServedVolumes.open(ports, config, member && { server, table, onFatal })
    resources.defer(() => served.close())
    const { iscsi, nvme } = served.addresses
    const replication = await openReplication({ server, config })
    resources.defer(() => replication.close())
    const host = new ReplicaHost({
      ports,
      path: data.volumesPath,
      logRoot: settings['log-dir'],
      served,
      means,
      open: (place, calls) => replication.open(place, calls),
      link: member?.beats.link ?? ((side) => smallAuthority(side, { server, clock, logger })),
      whyNoNew: () => whyNoNew(view.current, member),
      onFatal,
    })
    resources.defer(() => host.stop())
    resources.defer(() => means.tickets.close())
    resources.defer(() => means.tasks.close())
    await host.openStored()
    replicas.host = host
    Object.assign(places, { http: http.address, replication: replication.address, iscsi, nvme })
    const kinds = new TaskKinds({
      clock,
      openRepository,
      openImage: (place) => RemoteImage.open({ ...place, tls: member?.tls }),
    })
    await member?.join(host, {
      calls: new LedCalls({
        ...{ ...means, kinds, server },
        lead: (volume) => host.lead(volume),
        scrub: (volume, epoch, request) => host.scrub(volume, epoch, request),
      }),
      images: imageHandlers({ ...means, clock, logger }),
    })
    view.current = { ...view.current, state: 'serving' }

    const portals = iscsi.map(formatHostPort)
    const nvmePortals = nvme.map(formatHostPort)
    const ready: ServerReadyLine = {
      ready: true,
      pid,
      server,
      iscsi: portals[0]!,
      portals,
      nvme: nvmePortals[0]!,
      nvmePortals,
      replication: formatHostPort(replication.address),
      http: formatHostPort(http.address),
      grpc: member === undefined ? null : formatHostPort(member.address),
    }
    logger.info('server.ready', {
      server,
      iscsi: portals.join(' '),
      nvme: nvmePortals.join(' '),
      replication: ready.replication,
      http: ready.http,
      grpc: ready.grpc ?? undefined,
    })
    return new BlockServer(options, { resources, served, member, stand, view }, ready)
  }

  /** Certificates for streams to masters that are opened from now on. */
  useTls(identity: TlsIdentity): void {
    this.#parts.member?.useTls(identity)
  }

  /** Takes over from `read` what can change while serving; ACCESS_DENIED when that would open the service to all. */
  reload(read: ServerConfig): ConfigChanges {
    const { served, member, stand } = this.#parts
    refuseOpenServer({ ...this.#config.current, access: read.access })
    return this.#config.reload(read, (changes) => {
      stand.current = this.#config.current.settings
      if (PLACE.some((name) => changes.applied.includes(name))) member?.helloChanged()
      if (hasAccessChanged(changes)) served.setAccess(read.access)
    })
  }

  /**
   * Stops: unhealthy for probes at once, the master may give the leads to others, no new sessions, hosts are asked to log out until `hurry` fires or most of
   * the drain time is over, then everything is made durable and closed. True when that was done within the drain time;
   * false when it was over first (what was flushed before stays durable).
   */
  stop(hurry: AbortSignal): Promise<boolean> {
    const { clock, logger } = this.#options.ports
    const { resources, served, member, view } = this.#parts
    const timeoutMs = this.#config.current.settings['drain-timeout']
    view.current = { ...view.current, state: 'draining' }
    logger.info('server.draining', { timeoutMs })
    member?.drainingChanged()
    return stopInTime({ name: 'server', timeoutMs, hurry, clock, logger }, async (drain) => {
      await this.#moved(drain)
      await served.drain(drain)
      await resources.disposeAsync()
    })
  }

  /** Resolves when no volume is led here, or the master had its time, or is not there. */
  async #moved({ timeoutMs, signal }: Drain): Promise<void> {
    const { member } = this.#parts
    const { clock } = this.#options.ports
    const endMs = clock.monotonicMs() + Math.min(MOVE.msMax, timeoutMs * MOVE.share)
    while (member?.connection().state === 'connected' && member.leads() && !signal.aborted) {
      if (clock.monotonicMs() >= endMs) return
      await clock.sleep(MOVE.lookEveryMs)
    }
  }
}

/** Tells what a replica says over HTTP, to the authority that it heard last. */
function smallAuthority(
  { volume, authority, heartbeat, deliver }: ReplicaSide,
  by: { readonly server: string; readonly clock: Clock; readonly logger: Logger },
): AuthorityLink {
  return new AuthorityClient({
    ...by,
    volume,
    url: authority,
    post: (url, text, signal) => postJson(url, text, { ...REPORT, signal }),
    beat: heartbeat,
    deliver,
  })
}

function whyNoNew({ state }: ServerView, member: ClusterMember | undefined): string | undefined {
  if (state === 'draining') return 'the server is stopping'
  return member?.isInMaintenance === true ? 'the server is in maintenance' : undefined
}

/**
 * `basalt master`: the registry, who leads what, jobs, and the two ways in, gRPC for block servers and HTTP for people
 * and programs. Opens everything in order and closes it in reverse.
 *
 *   registry ─► records ─► links ─► cluster runtime ─► API ─► HTTP, gRPC ─► (leads)
 *
 * Nobody is promoted before a lease and its margin have passed: what an earlier master granted may run until then.
 */
import { formatHostPort } from '../base/address.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Disk } from '../base/ports/disk.ts'
import type { Random } from '../base/ports/random.ts'
import type { TlsIdentity } from '../base/tls.ts'
import { formatUuid } from '../base/uuid.ts'
import type { LogLevel } from '../config/common-settings.ts'
import type { ConfigChanges } from '../config/resolve-settings.ts'
import { openDaemon, stopInTime } from '../daemon/life.ts'
import { RunningConfig } from '../daemon/running-config.ts'
import { addCertificateMetrics } from '../metrics/certificate-metrics.ts'
import { addEventLoopDelay } from '../metrics/event-loop-delay.ts'
import { addProcessMetrics } from '../metrics/process-metrics.ts'
import { MetricsRegistry } from '../metrics/registry.ts'
import { compareMasterConfigs, type MasterConfig } from './config/master-config.ts'
import { ClusterRuntime } from './core/cluster-runtime.ts'
import { Master } from './core/master.ts'
import { observedOf } from './core/observed.ts'
import { openRecordStore } from './core/record-store.ts'
import type { RecordStore } from './core/records-view.ts'
import { SOLE_LEADERSHIP } from './election/leadership.ts'
import { MasterGrpc } from './grpc/master-grpc.ts'
import { openMasterHttp } from './http/master-http.ts'
import { addMasterMetrics } from './http/master-metrics.ts'
import { MeteredRegistry } from './http/registry-meter.ts'
import { DEFAULT_PLACEMENT } from './placement/settings.ts'
import type { TokenRecord } from './records.ts'
import { SqliteRegistry } from './registry/sqlite-registry.ts'
import { clearAccess, textOf } from './security/clear-access.ts'
import { openSealer } from './security/secrets-key.ts'
import { matchToken } from './security/tokens.ts'

export interface MasterDaemonOptions {
  readonly config: MasterConfig
  readonly ports: {
    readonly disk: Disk
    readonly clock: Clock
    readonly random: Random
    readonly logger: Logger
  }
  readonly tls: TlsIdentity | undefined
  readonly version: string
  readonly pid: number
  readonly setLogLevel: (level: LogLevel) => void
}

/** The line that a master prints when it serves. */
export interface MasterReadyLine {
  readonly ready: true
  readonly pid: number
  readonly http: string
  readonly grpc: string
  /** Id of the registry. */
  readonly registry: string
  readonly cluster: string
}

const REGISTRY_FILE = 'registry.sqlite'

export class MasterDaemon {
  readonly ready: MasterReadyLine
  readonly #options: MasterDaemonOptions
  readonly #config: RunningConfig<MasterConfig>
  readonly #resources: AsyncDisposableStack

  private constructor(options: MasterDaemonOptions, resources: AsyncDisposableStack, ready: MasterReadyLine) {
    const { config, setLogLevel, ports } = options
    const { logger } = ports
    this.#options = options
    this.#config = new RunningConfig(config, { compare: compareMasterConfigs, setLogLevel, logger })
    this.#resources = resources
    this.ready = ready
  }

  /** Serves when the promise resolves. Errors name the flag, the file or the address that is at fault. */
  static open(options: MasterDaemonOptions): Promise<MasterDaemon> {
    return openDaemon((resources) => MasterDaemon.#build(options, resources))
  }

  static async #build(options: MasterDaemonOptions, resources: AsyncDisposableStack): Promise<MasterDaemon> {
    const { config, ports, tls, version, pid } = options
    const { settings } = config
    const { clock, random, logger } = ports
    const store = await openStore(options, resources)
    const warnings = [...config.warnings]
    const sealer = await openSealer(random, {
      named: settings['secrets-key'],
      directory: settings.data,
      warnings,
    })
    for (const text of warnings) logger.warn('config.unwise', { text })

    const grpc = new MasterGrpc({
      tls,
      roleOf: async (token) => {
        const match = matchToken(store.store.view.tokens(), token, clock.wallMs())
        return match.kind === 'known' ? match.record.role : undefined
      },
      clock,
      logger,
    })
    resources.defer(() => grpc.close())
    const { links } = grpc
    const cluster = new ClusterRuntime({
      store: store.store,
      links,
      clock,
      random,
      logger,
      clearAccess: (access) => clearAccess(sealer, access),
      // one process has the file at a time, by its lock: whoever has it leads, and nobody is elected
      leadershipMs: SOLE_LEADERSHIP.leadershipMs,
    })
    resources.defer(() => cluster.close())
    const master = new Master({
      unseal: (sealed) => textOf(sealer.open(sealed)),
      store: store.store,
      cluster,
      links,
      clock,
      random,
      log: logger,
      placement: {
        ...DEFAULT_PLACEMENT,
        lostAfterMs: settings['replace-after'],
        overcommitRatio: settings.overcommit,
      },
      iqnPrefix: settings['iqn-prefix'],
      nqnPrefix: settings['nqn-prefix'],
    })
    resources.defer(() => master.close())
    const metrics = new MetricsRegistry()
    addProcessMetrics(metrics)
    resources.defer(addEventLoopDelay(metrics))
    addCertificateMetrics(metrics, () => ({
      node: tls?.cert,
      authority: tls?.ca,
      http: config.httpTls?.cert,
    }))
    resources.defer(
      addMasterMetrics(metrics, master, {
        heartbeatStreams: () => master.cluster().servers.connected,
        registry: store.registry,
        observe: () => observedOf(store.store.view, cluster.live, clock.wallMs()),
      }),
    )
    const http = await openMasterHttp({
      api: master,
      store: store.store,
      seal: (text) => sealer.seal(text),
      metrics,
      version,
      corsOrigins: settings['cors-origins'],
      ...(config.httpTls === undefined ? {} : { tls: config.httpTls }),
      clock,
      random,
      logger,
      listen: settings.http,
      flag: '--http',
    })
    resources.defer(() => http.close())
    const grpcAddress = await grpc.listen(settings.grpc, '--grpc', cluster)
    cluster.start()
    master.start()

    const ready: MasterReadyLine = {
      ready: true,
      pid,
      http: formatHostPort(http.address),
      grpc: formatHostPort(grpcAddress),
      registry: store.store.registryId,
      cluster: store.store.view.cluster.clusterId,
    }
    logger.info('master.ready', { ...ready })
    return new MasterDaemon(options, resources, ready)
  }

  /** Takes over from `read` what can change while serving. */
  reload(read: MasterConfig): ConfigChanges {
    return this.#config.reload(read)
  }

  /** Stops: no more answers and decisions, then the registry is closed. True when that was done within the drain time. */
  stop(hurry: AbortSignal): Promise<boolean> {
    const { clock, logger } = this.#options.ports
    const timeoutMs = this.#config.current.settings['drain-timeout']
    logger.info('master.stopping')
    return stopInTime({ name: 'master', timeoutMs, hurry, isOverOnHurry: true, clock, logger }, () =>
      this.#resources.disposeAsync(),
    )
  }
}

/** The records over the registry in the data directory. IN_USE names the flag and the directory. */
async function openStore(
  { config, ports }: MasterDaemonOptions,
  resources: AsyncDisposableStack,
): Promise<{ readonly store: RecordStore; readonly registry: MeteredRegistry }> {
  const { settings, initialTokens } = config
  const { disk, clock, random, logger } = ports
  const path = `${settings.data}/${REGISTRY_FILE}`
  const sqlite = await SqliteRegistry.open({ path, disk, random, clock }).catch((cause: unknown) => {
    if (!isBlockError(cause, 'IN_USE')) throw cause
    throw new BlockError(
      'IN_USE',
      `--data ${settings.data} is in use by another master; stop it, or give another directory`,
      { facts: cause.facts, cause },
    )
  })
  const registry = new MeteredRegistry(sqlite, clock)
  const clusterId = formatUuid(settings['cluster-id'])
  let store: RecordStore
  try {
    store = await openRecordStore({ registry, clock, random, clusterId })
  } catch (error) {
    await registry.close()
    throw error
  }
  resources.defer(() => store.close())
  const taken = await takeInitialTokens(store, initialTokens)
  if (taken > 0) logger.info('tokens.taken_over', { count: taken })
  return { store, registry }
}

/** Of a registry that nobody has used yet: later, a token that is not there was revoked. How many were taken. */
function takeInitialTokens(store: RecordStore, tokens: readonly TokenRecord[]): Promise<number> {
  return store.change((records) => {
    const isUsed = records.tokens().length > 0 || records.servers().length > 0
    if (isUsed || tokens.length === 0) return { writes: [], result: 0 }
    return { writes: tokens.map((record) => ({ kind: 'token' as const, record })), result: tokens.length }
  })
}

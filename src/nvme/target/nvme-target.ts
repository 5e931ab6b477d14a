/**
 * The NVMe/TCP target of a process: listeners, subsystems that come and go, discovery, and every connection to them.
 * A subsystem that is not here may be elsewhere: the discovery log names the ways to all of them.
 */
import { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import type { Timer } from '../../base/ports/clock.ts'
import type { Connection } from '../../base/ports/net.ts'
import { formatUuid } from '../../base/uuid.ts'
import { type AccessRules, mayConnectHost } from '../../frontend/access.ts'
import { ByteBudget } from '../../frontend/byte-budget.ts'
import { hostOf, LoginLimiter } from '../../frontend/login-limiter.ts'
import type { VolumePaths } from '../../frontend/paths.ts'
import type { FrontendVolume } from '../../frontend/volume.ts'
import { type PathsSource, Subsystem } from '../controller/subsystem.ts'
import type { DiscoveryEntry } from '../discovery/discovery-log.ts'
import { DiscoveryService } from '../discovery/discovery-service.ts'
import { DISCOVERY_NQN, NQN_BYTES_MAX } from '../fabrics.ts'
import { NvmeNamespace } from '../namespace/namespace.ts'
import { advertisedAddresses, type Port, parseAddress } from './addresses.ts'
import { Associations, type SubsystemNode } from './associations.ts'
import { NvmeConnection } from './connection.ts'
import { NVME_TARGET_LIMITS, type NvmeTargetLimits } from './limits.ts'
import { readEmpty } from './read-empty.ts'
import type {
  NvmeCommandObserver,
  NvmeSessionInfo,
  NvmeStandbyOptions,
  NvmeTargetOptions,
  NvmeVolumeOptions,
} from './target-types.ts'

const TICK_MS = 1000
/** How long the sockets of a standby are given to be read empty. */
const READ_EMPTY_MS = 1000
const IDLE_CHECK_MS = 20
const ID_START_LIMIT = 1 << 16
const NQN = /^nqn\.\d{4}-\d{2}\..+$/

export class NvmeTarget {
  readonly #options: NvmeTargetOptions
  readonly #limits: NvmeTargetLimits
  readonly #pool: BufferPool
  readonly #budget: ByteBudget
  readonly #limiter: LoginLimiter
  readonly #discovery: DiscoveryService
  readonly #associations: Associations
  readonly #nodes = new Map<string, SubsystemNode>()
  readonly #ports: Port[] = []
  readonly #connections = new Set<NvmeConnection>()
  readonly #unsubscribe: (() => void) | undefined
  /** Connections that are not connected to a queue yet, in the order in which they came. */
  readonly #handshakes = new Set<NvmeConnection>()
  #ticker: Timer | undefined
  #draining = false

  constructor(options: NvmeTargetOptions) {
    this.#options = options
    this.#limits = { ...NVME_TARGET_LIMITS, ...options.limits }
    this.#pool = options.pool ?? new BufferPool()
    this.#budget = new ByteBudget(this.#limits.bytesMax)
    const { clock, loginLimits, random, directory, logger } = options
    this.#limiter = new LoginLimiter({ clock, ...(loginLimits !== undefined && { limits: loginLimits }) })
    this.#discovery = new DiscoveryService({
      firstId: random.integer(ID_START_LIMIT),
      queueEntries: this.#limits.queueEntries,
      entries: (hostNqn, localAddress) => this.#entries(hostNqn, localAddress),
    })
    this.#associations = new Associations({
      clock,
      pool: this.#pool,
      limits: this.#limits,
      discovery: this.#discovery,
      authentication: options.authentication,
      isDraining: () => this.#draining,
      node: (nqn) => this.#nodes.get(nqn),
      resolve: (nqn) => options.resolve?.(nqn) ?? 'unknown',
      log: (event, facts) => logger.info(event, facts),
    })
    this.#unsubscribe = directory?.subscribe(() => this.#discovery.changed())
  }

  /** Listens at one more address; port 0 picks a port. `advertise` is what hosts are told instead. IN_USE when taken. */
  async listen(address: {
    host: string
    port: number
    advertise?: { readonly host: string; readonly port: number }
  }): Promise<{ host: string; port: number }> {
    const { host, port, advertise } = address
    const listener = await this.#options.net.listen({ host, port }, (connection) => this.#accept(connection))
    this.#ports.push({ listener, advertise })
    this.#discovery.changed()
    return { host: listener.host, port: listener.port }
  }

  /**
   * Serves `volume` as namespace 1 of `nqn`. INVALID_ARGUMENT for a bad name, CONFLICT when the subsystem is here
   * already (a standby is to be activated).
   */
  addVolume(options: NvmeVolumeOptions): void {
    const { volume, observer } = options
    const namespace = this.#namespaceOf(volume)
    this.#add(options.nqn, observer, {
      slot: options.slot ?? 0,
      paths: options.paths,
      access: undefined,
      namespace,
      atomicWriteBytesMax: 0,
    })
  }

  /** The subsystem of a volume that another server serves. Errors as `addVolume`. */
  addStandby(options: NvmeStandbyOptions): void {
    const { nqn, slot, paths, access, atomicWriteBytesMax = 0 } = options
    this.#add(nqn, undefined, { slot, paths, access, namespace: undefined, atomicWriteBytesMax })
  }

  /** Of a standby; hosts that the new rules do not admit lose their connections. NOT_FOUND. */
  setStandbyAccess(nqn: string, access: AccessRules): void {
    this.#node(nqn).subsystem.setAccess(access)
    this.#discovery.changed()
  }

  /**
   * A standby serves `volume` from now on. Its connections stay; what their sockets hold is read and refused first, which
   * takes a second at most, and who is not read empty by then is reset. Resolves when it is served, or when it was removed
   * meanwhile. NOT_FOUND; CONFLICT when it is served already.
   */
  async activate(options: {
    nqn: string
    volume: FrontendVolume
    observer?: NvmeCommandObserver
  }): Promise<void> {
    const { nqn, volume, observer } = options
    const node = this.#node(nqn)
    const { subsystem } = node
    if (subsystem.namespace !== undefined) throw new BlockError('CONFLICT', `${nqn} is served already`)
    subsystem.beginActivation()
    await readEmpty({
      clock: this.#options.clock,
      timeoutMs: READ_EMPTY_MS,
      connections: [...this.#connections].filter(({ queue }) =>
        this.#isOf(subsystem, queue.attachment?.controller.id, queue.attachment?.controller),
      ),
    })
    if (this.#nodes.get(nqn) !== node || volume.lost) return
    const namespace = this.#namespaceOf(volume)
    node.observer = observer
    subsystem.activate(namespace)
    this.#associations.served(subsystem, namespace)
    this.#discovery.changed()
  }

  /** Ends a subsystem, served or standby: its connections are reset. Resolves when nothing of them is under way. */
  async removeVolume(nqn: string): Promise<void> {
    const node = this.#nodes.get(nqn)
    if (node === undefined) return
    this.#nodes.delete(nqn)
    await node.subsystem.close('the volume was removed')
    node.subsystem.namespace?.close()
    this.#discovery.changed()
  }

  /** Resolves when nothing is under way of associations that the subsystem's rules have ended. */
  async settled(nqn: string): Promise<void> {
    await this.#nodes.get(nqn)?.subsystem.settled()
  }

  /** What all connections together hold, or have reserved, for data in flight. */
  get bytesInFlight(): number {
    return this.#budget.usedBytes
  }

  /** Every association, in the order in which they began. */
  sessions(): NvmeSessionInfo[] {
    return [...this.#associations.all()].map(({ controller, nqn, admin }) => ({
      host: controller.hostNqn,
      hostId: formatUuid(controller.hostId),
      address: admin.remoteAddress,
      subsystem: nqn,
      controllerId: controller.id,
      isDiscovery: controller.isDiscovery,
      ioQueues: controller.ioQueues,
      connectedWallMs: controller.connectedWallMs,
      commands: controller.counters.commands,
      readBytes: controller.counters.readBytes,
      writtenBytes: controller.counters.writtenBytes,
    }))
  }

  /**
   * Takes no new associations; resolves when every command that was taken has been answered, or after `timeoutMs`, or
   * when `signal` fires. Hosts cannot be asked to leave: they are cut by `close`, and use another path or come back.
   */
  async drain(options: { timeoutMs: number; signal?: AbortSignal }): Promise<void> {
    this.#draining = true
    const { clock } = this.#options
    const endMs = clock.monotonicMs() + options.timeoutMs
    while (clock.monotonicMs() < endMs && options.signal?.aborted !== true) {
      if (![...this.#connections].some(({ queue }) => queue.isBusy)) return
      await clock.sleep(IDLE_CHECK_MS)
    }
  }

  /**
   * Stops listening, drains for at most `drainMs`, and cuts what is left. Resolves when nothing is under way.
   * Idempotent.
   */
  async close(options: { drainMs?: number } = {}): Promise<void> {
    this.#draining = true
    this.#unsubscribe?.()
    await Promise.all(this.#ports.splice(0).map(({ listener }) => listener.close()))
    const drainMs = options.drainMs ?? 0
    if (drainMs > 0) await this.drain({ timeoutMs: drainMs })
    await Promise.all([...this.#connections].map((connection) => connection.reset('the target is closing')))
    await Promise.all([...this.#nodes.keys()].map((nqn) => this.removeVolume(nqn)))
    this.#ticker?.cancel()
    this.#ticker = undefined
  }

  #node(nqn: string): SubsystemNode {
    const node = this.#nodes.get(nqn)
    if (node === undefined) throw new BlockError('NOT_FOUND', `${nqn} is not here`)
    return node
  }

  #namespaceOf(volume: FrontendVolume): NvmeNamespace {
    return new NvmeNamespace({ volume, pool: this.#pool, logger: this.#options.logger })
  }

  #add(
    nqn: string,
    observer: NvmeCommandObserver | undefined,
    options: {
      slot: number
      paths: PathsSource | undefined
      access: AccessRules | undefined
      namespace: NvmeNamespace | undefined
      atomicWriteBytesMax: number
    },
  ): void {
    if (!NQN.test(nqn) || Buffer.byteLength(nqn) > NQN_BYTES_MAX || nqn === DISCOVERY_NQN) {
      throw new BlockError('INVALID_ARGUMENT', `${nqn} is no name of a subsystem`)
    }
    if (this.#nodes.has(nqn)) throw new BlockError('CONFLICT', `${nqn} is here already`)
    const firstId = this.#options.random.integer(ID_START_LIMIT)
    this.#nodes.set(nqn, { subsystem: new Subsystem({ nqn, firstId, ...options }), observer })
    this.#discovery.changed()
  }

  #isOf(subsystem: Subsystem, id: number | undefined, controller: unknown): boolean {
    return id !== undefined && subsystem.controllers.get(id) === controller
  }

  #accept(connection: Connection): void {
    const { remoteAddress: address } = connection
    const isTooOften = !this.#limiter.admit(hostOf(address))
    if (isTooOften || !this.#hasRoom()) {
      this.#options.logger.debug('nvme.connection_refused', { address, isTooOften })
      connection.destroy()
      return
    }
    const { clock, logger } = this.#options
    const accepted = new NvmeConnection(connection, {
      clock,
      logger,
      pool: this.#pool,
      budget: this.#budget,
      limits: this.#limits,
      limiter: this.#limiter,
      associations: this.#associations,
      handshakeEnded: (one) => {
        this.#handshakes.delete(one)
      },
      ended: (gone) => {
        this.#connections.delete(gone)
      },
    })
    this.#connections.add(accepted)
    this.#handshakes.add(accepted)
    this.#tickLater()
  }

  /**
   * Whether one more connection may come. When there are too many, the one that has been in its handshake for longest gives
   * way: hosts need milliseconds for theirs, and whoever only keeps places must not keep hosts out.
   */
  #hasRoom(): boolean {
    const { connectionsMax, handshakesMax } = this.#limits
    if (this.#connections.size < connectionsMax && this.#handshakes.size < handshakesMax) return true
    const [oldest] = this.#handshakes
    if (oldest === undefined) return false
    void oldest.reset('its handshake has taken longest, and others want to come')
    return this.#connections.size <= connectionsMax
  }

  /** What a host may see: the paths of the directory, and what is here alone at this target's own addresses. */
  #entries(hostNqn: string, localAddress: string): readonly DiscoveryEntry[] {
    const own = advertisedAddresses(this.#ports, localAddress)
    const entries: DiscoveryEntry[] = own.map(({ host, port }, portId) => ({
      nqn: DISCOVERY_NQN,
      host,
      port,
      portId,
    }))
    const listed = new Set<string>()
    for (const { nqn, paths } of this.#options.directory?.volumes() ?? []) {
      listed.add(nqn)
      if (this.#maySee(nqn, paths, hostNqn)) entries.push(...pathEntries(nqn, paths))
    }
    for (const [nqn, { subsystem }] of this.#nodes) {
      if (listed.has(nqn) || subsystem.admits(hostNqn) === undefined) continue
      const { paths } = subsystem
      if (paths !== undefined) entries.push(...pathEntries(nqn, paths.paths))
      else for (const [portId, { host, port }] of own.entries()) entries.push({ nqn, host, port, portId })
    }
    return entries
  }

  #maySee(nqn: string, { hosts }: VolumePaths, hostNqn: string): boolean {
    const node = this.#nodes.get(nqn)
    if (node !== undefined) return node.subsystem.admits(hostNqn) !== undefined
    return mayConnectHost({ hosts: hosts ?? 'any' }, hostNqn)
  }

  /** One timer for all connections, and none while there are none. */
  #tickLater(): void {
    this.#ticker ??= this.#options.clock.after(TICK_MS, () => {
      this.#ticker = undefined
      for (const connection of [...this.#connections]) connection.tick()
      this.#associations.tick()
      if (this.#connections.size > 0) this.#tickLater()
    })
  }
}

/** The ways to a volume; a server that is not connected to the master would only cost the host time. */
function pathEntries(nqn: string, { paths }: VolumePaths): DiscoveryEntry[] {
  return paths
    .filter(({ role }) => role !== 'unavailable')
    .flatMap(({ nvme, slot }) =>
      nvme.flatMap((text, index) => {
        const address = parseAddress(text)
        return address === undefined ? [] : [{ nqn, ...address, portId: slot * PORTS_MAX + index + 1 }]
      }),
    )
}

const PORTS_MAX = 16

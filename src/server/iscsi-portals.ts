/**
 * iSCSI of a process: the portals, and on them the volumes that are served or known. A volume that is known and not
 * served is "unavailable" here: the initiator tries again instead of giving up on a target that it takes for removed.
 */
import { formatHostPort, type HostPort } from '../base/address.ts'
import type { BufferPool } from '../base/buffer-pool.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { BlockDevice } from '../base/ports/block-device.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Net } from '../base/ports/net.ts'
import type { Random } from '../base/ports/random.ts'
import type { AccessConfig } from '../config/access-config.ts'
import type { AccessRules, ChapCredential } from '../frontend/access.ts'
import { LimitedDevice } from '../frontend/qos/limited-device.ts'
import { NO_QOS_LIMITS, OperationLimiter, type QosCounters, type QosLimits } from '../frontend/qos/limiter.ts'
import { FrontendVolume } from '../frontend/volume.ts'
import { IscsiTarget } from '../iscsi/target/iscsi-target.ts'
import type { TargetSettings } from './config/settings.ts'
import type { LatencyRecorders } from './latencies.ts'
import type { VolumeView } from './volume-host.ts'

export interface IscsiPorts {
  readonly net: Net
  readonly clock: Clock
  readonly random: Random
  readonly pool: BufferPool
  readonly logger: Logger
}

export interface IscsiConfig {
  readonly settings: Pick<
    TargetSettings,
    'iscsi' | 'iscsi-portal' | 'iqn-prefix' | 'sanitize-rate' | 'ping-timeout'
  >
  readonly access: AccessConfig
}

const US_PER_MS = 1000
/** Portal group tag of the first portal; the next ones count on. */
const FIRST_TAG = 1

export class IscsiPortals {
  /** Where it listens: one address for each portal, at least one. */
  readonly addresses: readonly HostPort[]
  readonly #target: IscsiTarget
  readonly #config: IscsiConfig
  readonly #ports: IscsiPorts
  /** By their targets' names. */
  readonly #volumes: Map<string, IscsiVolume>
  #access: AccessRules

  private constructor(
    target: IscsiTarget,
    options: {
      addresses: readonly HostPort[]
      config: IscsiConfig
      ports: IscsiPorts
      volumes: Map<string, IscsiVolume>
    },
  ) {
    this.#target = target
    this.addresses = options.addresses
    this.#config = options.config
    this.#ports = options.ports
    this.#volumes = options.volumes
    this.#access = rulesOf(options.config.access)
  }

  /** Listens where the configuration says; IN_USE and INVALID_ARGUMENT name the flag. */
  static async open(ports: IscsiPorts, config: IscsiConfig): Promise<IscsiPortals> {
    const { settings } = config
    const volumes = new Map<string, IscsiVolume>()
    const target = new IscsiTarget({
      ...ports,
      limits: { pingTimeoutSeconds: Math.ceil(settings['ping-timeout'] / 1000) },
      elsewhere: {
        find: (name) => ({ kind: volumes.has(name) ? 'unavailable' : 'unknown' }),
        targets: () => [],
      },
    })
    const addresses: HostPort[] = []
    try {
      for (const [index, address] of settings.iscsi.entries()) {
        const told = settings['iscsi-portal']?.[index]
        addresses.push(
          await target.listen({ ...address, ...(told === undefined ? {} : { advertise: told }) }),
        )
      }
    } catch (cause) {
      await target.close()
      if (!isBlockError(cause)) throw cause
      throw new BlockError(cause.code, `--iscsi ${cause.message}`, { facts: cause.facts, cause })
    }
    return new IscsiPortals(target, { addresses, config, ports, volumes })
  }

  /**
   * Makes a volume known under its name; it is served while a device is attached. `after`: what the first device of
   * this process comes after, as hosts are told; CONFLICT when the name is taken.
   */
  volume(options: {
    name: string
    latencies: LatencyRecorders
    first: 'power-loss' | 'failover'
  }): IscsiVolume {
    const { settings } = this.#config
    const iqn = `${settings['iqn-prefix']}:${options.name}`
    if (this.#volumes.has(iqn)) throw new BlockError('CONFLICT', `${iqn} is known already`)
    const volume = new IscsiVolume(this.#target, {
      ...options,
      iqn,
      portals: settings['iscsi-portal'] ?? this.addresses,
      access: () => this.#access,
      ports: this.#ports,
      sanitizeBytesPerSecond: settings['sanitize-rate'],
      forget: () => this.#volumes.delete(iqn),
    })
    this.#volumes.set(iqn, volume)
    return volume
  }

  /** New rules; sessions that they do not admit end. */
  setAccess(access: AccessConfig): void {
    this.#access = rulesOf(access)
    for (const volume of this.#volumes.values()) volume.accessChanged()
  }

  /** As `FrontEnd.drain`, for all volumes at once. */
  drain(options: { timeoutMs: number; signal: AbortSignal }): Promise<void> {
    return this.#target.drain(options)
  }

  async close(): Promise<void> {
    await this.#target.close()
    for (const volume of [...this.#volumes.values()]) await volume.remove()
  }
}

/** Rules of one volume; what is null is as the server's own configuration says. */
export interface OwnAccess {
  readonly initiators: readonly string[] | null
  readonly chap: ChapCredential | null
}

interface IscsiVolumeOptions {
  readonly iqn: string
  readonly portals: readonly HostPort[]
  readonly access: () => AccessRules
  readonly latencies: LatencyRecorders
  readonly first: 'power-loss' | 'failover'
  readonly ports: IscsiPorts
  readonly sanitizeBytesPerSecond: number
  readonly forget: () => void
}

/** One volume on the portals of its process. */
export class IscsiVolume {
  readonly iqn: string
  readonly #target: IscsiTarget
  readonly #options: IscsiVolumeOptions
  #volume: FrontendVolume | undefined
  #openings = 0
  #own: OwnAccess = { initiators: null, chap: null }
  #limits = NO_QOS_LIMITS
  #limiter: OperationLimiter | undefined
  /** Of the openings before the current one. */
  #earlierQos: Omit<QosCounters, 'waiting'> = { throttledOperations: 0, waitedMs: 0, refusedOperations: 0 }

  constructor(target: IscsiTarget, options: IscsiVolumeOptions) {
    this.#target = target
    this.#options = options
    this.iqn = options.iqn
  }

  /** Since the volume is known here. */
  get qosCounters(): QosCounters {
    const now = this.#limiter?.counters
    const { throttledOperations, waitedMs, refusedOperations } = this.#earlierQos
    return {
      throttledOperations: throttledOperations + (now?.throttledOperations ?? 0),
      waitedMs: waitedMs + (now?.waitedMs ?? 0),
      refusedOperations: refusedOperations + (now?.refusedOperations ?? 0),
      waiting: now?.waiting ?? 0,
    }
  }

  attach(device: BlockDevice): void {
    const { first, ports, sanitizeBytesPerSecond, latencies } = this.#options
    const { clock, logger } = ports
    const limiter = new OperationLimiter({ clock })
    limiter.setLimits(this.#limits)
    this.#limiter = limiter
    const volume = new FrontendVolume({
      device: new LimitedDevice(device, limiter),
      access: this.#access(),
      after: this.#openings++ === 0 ? first : 'failover',
      clock,
      logger,
      sanitizeBytesPerSecond,
    })
    this.#target.addVolume({
      iqn: this.iqn,
      volume,
      firstPort: FIRST_TAG,
      observer: {
        command: (kind, durationMs) => latencies[kind].record(durationMs * US_PER_MS),
      },
    })
    this.#volume = volume
  }

  /** Resolves when its connections are reset and nothing that came from them is under way. */
  async detach(): Promise<void> {
    // what waits for its turn would be waited for
    this.#limiter?.close()
    await this.#target.removeVolume(this.iqn)
    this.#volume?.close()
    this.#volume = undefined
    this.#earlierQos = this.qosCounters
    this.#limiter = undefined
  }

  /** Its name is not known any more. */
  async remove(): Promise<void> {
    await this.detach()
    this.#options.forget()
  }

  /** Rules of this volume; sessions that they do not admit end. */
  setOwnAccess(own: OwnAccess): void {
    this.#own = own
    this.accessChanged()
  }

  /** The rules for all volumes are others now. */
  accessChanged(): void {
    this.#volume?.setAccess(this.#access())
  }

  #access(): AccessRules {
    const common = this.#options.access()
    const { initiators, chap } = this.#own
    return {
      ...common,
      initiators: initiators ?? common.initiators,
      chap: chap === null ? common.chap : [chap],
    }
  }

  /** Hosts that are logged in. */
  get sessions(): number {
    return this.#target.sessions().filter(({ target }) => target === this.iqn).length
  }

  /** In force at once, and for every device that is attached from now on. */
  setQos(limits: QosLimits): void {
    this.#limits = limits
    this.#limiter?.setLimits(limits)
  }

  describe(): VolumeView['iscsi'] {
    const sessions = this.#target.sessions().filter(({ target }) => target === this.iqn)
    return {
      iqn: this.iqn,
      portals: this.#options.portals.map((portal, index) => ({
        address: formatHostPort(portal),
        portalGroupTag: FIRST_TAG + index,
      })),
      sessions: sessions.map(({ initiator, address, portalGroupTag = FIRST_TAG, connectedWallMs }) => ({
        initiator,
        address,
        portalGroupTag,
        connectedWallMs,
      })),
    }
  }
}

/** What the operator left out is open; outside loopback the configuration has refused that already. */
const rulesOf = ({ chap, initiators }: AccessConfig): AccessRules => ({
  initiators: initiators ?? 'any',
  chap: chap === undefined ? [] : [chap],
  hosts: 'any',
  dhchap: [],
})

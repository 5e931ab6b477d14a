/**
 * iSCSI as the front end of one volume. While the volume is not open its name is known and "unavailable" here: the
 * initiator tries again instead of giving up on a target that it takes for removed.
 */
import { formatHostPort, type HostPort } from '../base/address.ts'
import type { BufferPool } from '../base/buffer-pool.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { BlockDevice } from '../base/ports/block-device.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Net } from '../base/ports/net.ts'
import type { Random } from '../base/ports/random.ts'
import type { AccessRules } from '../frontend/access.ts'
import { FrontendVolume } from '../frontend/volume.ts'
import { IscsiTarget } from '../iscsi/target/iscsi-target.ts'
import type { AccessConfig } from './config/access-config.ts'
import type { TargetConfig } from './config/target-config.ts'
import type { LatencyRecorders } from './latencies.ts'
import type { TargetFrontEnd } from './target-daemon.ts'
import type { VolumeView } from './volume-host.ts'

export interface IscsiFrontEndPorts {
  readonly net: Net
  readonly clock: Clock
  readonly random: Random
  readonly pool: BufferPool
  readonly logger: Logger
}

const US_PER_MS = 1000
/** Portal group tag of the first portal; the next ones count on. */
const FIRST_TAG = 1

export class IscsiFrontEnd implements TargetFrontEnd {
  readonly iqn: string
  readonly addresses: readonly HostPort[]
  readonly #target: IscsiTarget
  readonly #portals: readonly HostPort[]
  readonly #latencies: LatencyRecorders
  readonly #ports: Pick<IscsiFrontEndPorts, 'clock' | 'logger'>
  readonly #sanitizeBytesPerSecond: number
  #access: AccessRules
  #volume: FrontendVolume | undefined
  #openings = 0

  private constructor(
    target: IscsiTarget,
    options: {
      iqn: string
      addresses: readonly HostPort[]
      portals: readonly HostPort[]
      access: AccessRules
      latencies: LatencyRecorders
      ports: Pick<IscsiFrontEndPorts, 'clock' | 'logger'>
      sanitizeBytesPerSecond: number
    },
  ) {
    this.#target = target
    this.iqn = options.iqn
    this.addresses = options.addresses
    this.#portals = options.portals
    this.#access = options.access
    this.#latencies = options.latencies
    this.#ports = options.ports
    this.#sanitizeBytesPerSecond = options.sanitizeBytesPerSecond
  }

  /** Listens where the configuration says; IN_USE and INVALID_ARGUMENT name the flag. */
  static async open(
    ports: IscsiFrontEndPorts,
    options: { config: TargetConfig; latencies: LatencyRecorders },
  ): Promise<IscsiFrontEnd> {
    const { config, latencies } = options
    const { settings, access } = config
    const iqn = `${settings['iqn-prefix']}:${settings.volume}`
    const advertise = settings['iscsi-portal']
    const target = new IscsiTarget({
      ...ports,
      limits: { pingTimeoutSeconds: Math.ceil(settings['ping-timeout'] / 1000) },
      resolve: (name) => ({ kind: name === iqn ? 'unavailable' : 'unknown' }),
    })
    const addresses: HostPort[] = []
    try {
      for (const [index, address] of settings.iscsi.entries()) {
        const told = advertise?.[index]
        addresses.push(
          await target.listen({ ...address, ...(told === undefined ? {} : { advertise: told }) }),
        )
      }
    } catch (cause) {
      await target.close()
      if (!isBlockError(cause)) throw cause
      throw new BlockError(cause.code, `--iscsi ${cause.message}`, { facts: cause.facts, cause })
    }
    const portals = advertise ?? addresses
    return new IscsiFrontEnd(target, {
      iqn,
      addresses,
      portals,
      access: rulesOf(access),
      latencies,
      ports,
      sanitizeBytesPerSecond: settings['sanitize-rate'],
    })
  }

  async attach(device: BlockDevice): Promise<void> {
    // A server that starts has lost power as far as hosts can tell; one that reopens a volume has not.
    const after = this.#openings++ === 0 ? 'power-loss' : 'failover'
    const { clock, logger } = this.#ports
    const volume = new FrontendVolume({
      device,
      access: this.#access,
      after,
      clock,
      logger,
      sanitizeBytesPerSecond: this.#sanitizeBytesPerSecond,
    })
    const latencies = this.#latencies
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

  async detach(): Promise<void> {
    await this.#target.removeVolume(this.iqn)
    this.#volume?.close()
    this.#volume = undefined
  }

  drain(options: { timeoutMs: number; signal: AbortSignal }): Promise<void> {
    return this.#target.drain(options)
  }

  setAccess(access: AccessConfig): void {
    this.#access = rulesOf(access)
    this.#volume?.setAccess(this.#access)
  }

  describe(): VolumeView['iscsi'] {
    const sessions = this.#target.sessions().filter(({ target }) => target === this.iqn)
    return {
      iqn: this.iqn,
      portals: this.#portals.map((portal, index) => ({
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

  async close(): Promise<void> {
    await this.#target.close()
    this.#volume?.close()
    this.#volume = undefined
  }
}

/** What the operator left out is open; outside loopback the configuration has refused that already. */
const rulesOf = ({ chap, initiators }: AccessConfig): AccessRules => ({
  initiators: initiators ?? 'any',
  chap: chap === undefined ? [] : [chap],
})

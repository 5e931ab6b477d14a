/** iSCSI as a front end: the portals of this process, and on them the volumes that are served or known. */
import { formatHostPort, type HostPort } from '../../base/address.ts'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { FrontendVolume } from '../../frontend/volume.ts'
import { IscsiTarget } from '../../iscsi/target/iscsi-target.ts'
import type { TargetSettings } from '../config/settings.ts'
import type { IscsiView } from '../volume-host.ts'
import type {
  DrainLimit,
  FrontEnd,
  FrontEndPorts,
  FrontEndVolume,
  FrontEndVolumeOptions,
} from './front-end.ts'

export type IscsiSettings = Pick<TargetSettings, 'iscsi' | 'iscsi-portal' | 'iqn-prefix' | 'ping-timeout'>

/** Portal group tag of the first portal; the next ones count on. */
const FIRST_TAG = 1

export class IscsiFrontEnd implements FrontEnd<IscsiView> {
  readonly addresses: readonly HostPort[]
  readonly #target: IscsiTarget
  readonly #settings: IscsiSettings
  /** IQNs of the volumes that are known. */
  readonly #known: Set<string>

  private constructor(
    target: IscsiTarget,
    options: { addresses: readonly HostPort[]; settings: IscsiSettings; known: Set<string> },
  ) {
    this.#target = target
    this.addresses = options.addresses
    this.#settings = options.settings
    this.#known = options.known
  }

  /** Listens where the configuration says; IN_USE and INVALID_ARGUMENT name the flag. */
  static async open(ports: FrontEndPorts, settings: IscsiSettings): Promise<IscsiFrontEnd> {
    const known = new Set<string>()
    const target = new IscsiTarget({
      ...ports,
      limits: { pingTimeoutSeconds: Math.ceil(settings['ping-timeout'] / 1000) },
      elsewhere: {
        find: (name) => ({ kind: known.has(name) ? 'unavailable' : 'unknown' }),
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
    return new IscsiFrontEnd(target, { addresses, settings, known })
  }

  volume(options: FrontEndVolumeOptions): FrontEndVolume<IscsiView> {
    const iqn = `${this.#settings['iqn-prefix']}:${options.name}`
    this.#known.add(iqn)
    return new IscsiVolume(this.#target, {
      iqn,
      portals: this.#settings['iscsi-portal'] ?? this.addresses,
      command: options.command,
      forget: () => this.#known.delete(iqn),
    })
  }

  drain(limit: DrainLimit): Promise<void> {
    return this.#target.drain(limit)
  }

  close(): Promise<void> {
    return this.#target.close()
  }
}

interface IscsiVolumeOptions extends Pick<FrontEndVolumeOptions, 'command'> {
  readonly iqn: string
  readonly portals: readonly HostPort[]
  readonly forget: () => void
}

/** One volume on the portals of its process. */
class IscsiVolume implements FrontEndVolume<IscsiView> {
  readonly name: string
  readonly #target: IscsiTarget
  readonly #o: IscsiVolumeOptions

  constructor(target: IscsiTarget, options: IscsiVolumeOptions) {
    this.#target = target
    this.#o = options
    this.name = options.iqn
  }

  async attach(volume: FrontendVolume): Promise<void> {
    const { iqn, command } = this.#o
    this.#target.addVolume({ iqn, volume, firstPort: FIRST_TAG, observer: { command } })
  }

  detach(): Promise<void> {
    return this.#target.removeVolume(this.#o.iqn)
  }

  forget(): void {
    this.#o.forget()
  }

  get sessions(): number {
    return this.#sessions().length
  }

  describe(): IscsiView {
    const { iqn, portals } = this.#o
    return {
      iqn,
      portals: portals.map((portal, index) => ({
        address: formatHostPort(portal),
        portalGroupTag: FIRST_TAG + index,
      })),
      sessions: this.#sessions().map(
        ({ initiator, address, portalGroupTag = FIRST_TAG, connectedWallMs }) => ({
          initiator,
          address,
          portalGroupTag,
          connectedWallMs,
        }),
      ),
    }
  }

  #sessions() {
    return this.#target.sessions().filter(({ target }) => target === this.#o.iqn)
  }
}

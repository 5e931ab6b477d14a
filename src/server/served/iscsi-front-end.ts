/**
 * iSCSI as a front end: the portals of this process, and on them the volumes that are served, stand by or are known. A
 * volume that hosts use on one path at a time has the same port at every server, and is a target where it is served; others
 * send initiators there. Of a multipath volume every server with a replica is a target, with ports of its own.
 */
import { formatHostPort, type HostPort } from '../../base/address.ts'
import { BlockError, isBlockError } from '../../base/errors.ts'
import { ElsewhereTable, elsewhereOf } from '../../iscsi/target/elsewhere.ts'
import { IscsiTarget } from '../../iscsi/target/iscsi-target.ts'
import type { TargetSettings } from '../config/settings.ts'
import type { IscsiView } from '../volume-host.ts'
import type {
  DrainLimit,
  FrontEnd,
  FrontEndPorts,
  FrontEndVolume,
  FrontEndVolumeOptions,
  KnownVolume,
} from './front-end.ts'
import { IscsiVolume } from './iscsi-volume.ts'

export type IscsiSettings = Pick<TargetSettings, 'iscsi' | 'iscsi-portal' | 'iqn-prefix' | 'ping-timeout'>

interface IscsiFrontEndOptions {
  readonly settings: IscsiSettings
  /** Id of this server in its cluster; undefined: there is none. */
  readonly server: string | undefined
}

export class IscsiFrontEnd implements FrontEnd<IscsiView> {
  readonly addresses: readonly HostPort[]
  readonly #o: IscsiFrontEndOptions
  readonly #target: IscsiTarget
  readonly #places: Places

  private constructor(
    options: IscsiFrontEndOptions,
    parts: { target: IscsiTarget; addresses: readonly HostPort[]; places: Places },
  ) {
    this.#o = options
    this.#target = parts.target
    this.addresses = parts.addresses
    this.#places = parts.places
  }

  /** Listens where the configuration says; IN_USE and INVALID_ARGUMENT name the flag. */
  static async open(ports: FrontEndPorts, options: IscsiFrontEndOptions): Promise<IscsiFrontEnd> {
    const { settings, server } = options
    const places: Places = {
      known: new Set(),
      elsewhere: new ElsewhereTable({ prefix: `${settings['iqn-prefix']}:` }),
    }
    // without a cluster every volume is here
    if (server === undefined) places.elsewhere.setWhole()
    const target = new IscsiTarget({
      ...ports,
      limits: { pingTimeoutSeconds: Math.ceil(settings['ping-timeout'] / 1000) },
      elsewhere: {
        find: (iqn) => {
          const verdict = places.elsewhere.find(iqn)
          return verdict.kind === 'unknown' && places.known.has(iqn) ? { kind: 'unavailable' } : verdict
        },
        targets: () => places.elsewhere.targets(),
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
    return new IscsiFrontEnd(options, { target, addresses, places })
  }

  volume(options: FrontEndVolumeOptions): FrontEndVolume<IscsiView> {
    const { settings, server } = this.#o
    const iqn = this.#iqnOf(options.name)
    this.#places.known.add(iqn)
    return new IscsiVolume(this.#target, {
      ...options,
      iqn,
      server,
      portals: (settings['iscsi-portal'] ?? this.addresses).map(formatHostPort),
      forget: () => this.#places.known.delete(iqn),
    })
  }

  know(name: string, known: KnownVolume | undefined): void {
    const { elsewhere } = this.#places
    const iqn = this.#iqnOf(name)
    if (known === undefined) {
      elsewhere.delete(iqn)
      return
    }
    const { paths, access } = known
    // it is asked when nothing is served here: nobody is sent to where he came from
    const others = paths.paths.filter(({ server }) => server !== this.#o.server)
    const options = { iqn, initiators: access.initiators }
    const { address } = elsewhereOf({ ...paths, paths: others }, options)
    elsewhere.set({ ...elsewhereOf(paths, options), address })
  }

  knowsAll(isWhole: boolean): void {
    this.#places.elsewhere.setWhole(isWhole)
  }

  drain(limit: DrainLimit): Promise<void> {
    return this.#target.drain(limit)
  }

  close(): Promise<void> {
    return this.#target.close()
  }

  #iqnOf(name: string): string {
    return `${this.#o.settings['iqn-prefix']}:${name}`
  }
}

interface Places {
  /** IQNs of the volumes that are hosted here, served or not. */
  readonly known: Set<string>
  readonly elsewhere: ElsewhereTable
}

/**
 * iSCSI as a front end: the portals of this process, and on them the volumes that are served, stand by or are known. A
 * volume that hosts use on one path at a time has the same port at every server, and is a target where it is served; others
 * send initiators there. Of a multipath volume every server with a replica is a target, with ports of its own.
 */
import { formatHostPort, type HostPort } from '../../base/address.ts'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { TargetVerdict } from '../../iscsi/login/directory.ts'
import { ElsewhereTable, elsewhereOf } from '../../iscsi/target/elsewhere.ts'
import { IscsiTarget } from '../../iscsi/target/iscsi-target.ts'
import type { TargetSettings } from '../config/settings.ts'
import { volumePartOf } from '../snapshots/snapshot-identity.ts'
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
    const places = new Places(`${settings['iqn-prefix']}:`)
    // without a cluster every volume is here
    if (server === undefined) places.elsewhere.setWhole()
    const target = new IscsiTarget({
      ...ports,
      limits: { pingTimeoutSeconds: Math.ceil(settings['ping-timeout'] / 1000) },
      elsewhere: {
        find: (iqn) => places.find(iqn),
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
    const { elsewhere, primaries } = this.#places
    const iqn = this.#iqnOf(name)
    if (known === undefined) {
      elsewhere.delete(iqn)
      primaries.delete(iqn)
      return
    }
    const { paths, access } = known
    const primary = paths.paths.find(({ role }) => role === 'active')
    primaries.set(iqn, primary?.server === this.#o.server ? undefined : primary?.iscsi[0])
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

/** What is known of targets that are not served here. */
class Places {
  /** IQNs of the volumes that are hosted here, served or not. */
  readonly known = new Set<string>()
  readonly elsewhere: ElsewhereTable
  /** Portals of the servers that serve volumes, by the volumes' IQNs; undefined: nobody, or this one. */
  readonly primaries = new Map<string, string | undefined>()

  constructor(prefix: string) {
    this.elsewhere = new ElsewhereTable({ prefix })
  }

  find(iqn: string): Exclude<TargetVerdict, { kind: 'here' }> {
    const volume = volumePartOf(iqn)
    if (volume !== undefined) return this.#findSnapshot(volume)
    const verdict = this.elsewhere.find(iqn)
    return verdict.kind === 'unknown' && this.known.has(iqn) ? { kind: 'unavailable' } : verdict
  }

  /**
   * A snapshot is where its volume is served, and nowhere else. There it may be offered again in a moment, after a failover;
   * who asks for one that is not comes again for nothing, which is better than giving up on one that is mounted.
   */
  #findSnapshot(volume: string): Exclude<TargetVerdict, { kind: 'here' }> {
    const verdict = this.find(volume)
    if (verdict.kind !== 'moved' && verdict.kind !== 'unavailable') return verdict
    const address = this.primaries.get(volume)
    return address === undefined
      ? { ...verdict, kind: 'unavailable' }
      : { ...verdict, kind: 'moved', address }
  }
}

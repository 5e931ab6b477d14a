/**
 * NVMe/TCP as a front end: the addresses of this process, and on them the subsystems of the volumes that are served or stand
 * by, and the discovery controller, which lists the paths of every volume of the cluster. A host is sent nowhere else: it
 * learns of other paths by discovery.
 */
import { formatHostPort, type HostPort } from '../../base/address.ts'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { VolumePaths } from '../../frontend/paths.ts'
import { DhchapAuthentication } from '../../nvme/auth/authentication.ts'
import { NvmeTarget } from '../../nvme/target/nvme-target.ts'
import type { NvmeDirectory } from '../../nvme/target/target-types.ts'
import type { TargetSettings } from '../config/settings.ts'
import { volumePartOf } from '../snapshots/snapshot-identity.ts'
import type { NvmeView } from '../volume-host.ts'
import type {
  DrainLimit,
  FrontEnd,
  FrontEndPorts,
  FrontEndVolume,
  FrontEndVolumeOptions,
  KnownVolume,
} from './front-end.ts'
import { NvmeVolume } from './nvme-volume.ts'

export type NvmeSettings = Pick<TargetSettings, 'nvme' | 'nvme-portal' | 'nqn-prefix'>

interface NvmeFrontEndOptions {
  readonly settings: NvmeSettings
  /** Id of this server in its cluster; undefined: there is none. */
  readonly server: string | undefined
}

export class NvmeFrontEnd implements FrontEnd<NvmeView> {
  readonly addresses: readonly HostPort[]
  readonly #o: NvmeFrontEndOptions
  readonly #target: NvmeTarget
  readonly #places: Places

  private constructor(
    options: NvmeFrontEndOptions,
    parts: { target: NvmeTarget; addresses: readonly HostPort[]; places: Places },
  ) {
    this.#o = options
    this.#target = parts.target
    this.addresses = parts.addresses
    this.#places = parts.places
  }

  /** Listens where the configuration says; IN_USE and INVALID_ARGUMENT name the flag. */
  static async open(ports: FrontEndPorts, options: NvmeFrontEndOptions): Promise<NvmeFrontEnd> {
    const { settings, server } = options
    const places = new Places(`${settings['nqn-prefix']}:`, server)
    const target = new NvmeTarget({
      ...ports,
      ...(server === undefined ? {} : { directory: places }),
      resolve: (nqn) => places.resolve(nqn),
      authentication: new DhchapAuthentication(ports),
    })
    const addresses: HostPort[] = []
    try {
      for (const [index, address] of settings.nvme.entries()) {
        const told = settings['nvme-portal']?.[index]
        addresses.push(
          await target.listen({ ...address, ...(told === undefined ? {} : { advertise: told }) }),
        )
      }
    } catch (cause) {
      await target.close()
      if (!isBlockError(cause)) throw cause
      throw new BlockError(cause.code, `--nvme ${cause.message}`, { facts: cause.facts, cause })
    }
    return new NvmeFrontEnd(options, { target, addresses, places })
  }

  volume(options: FrontEndVolumeOptions): FrontEndVolume<NvmeView> {
    const { settings, server } = this.#o
    const nqn = this.#nqnOf(options.name)
    this.#places.hosted.add(nqn)
    return new NvmeVolume(this.#target, {
      ...options,
      nqn,
      server,
      portals: (settings['nvme-portal'] ?? this.addresses).map(formatHostPort),
      forget: () => this.#places.hosted.delete(nqn),
    })
  }

  know(name: string, known: KnownVolume | undefined): void {
    this.#places.know(this.#nqnOf(name), known)
  }

  knowsAll(isWhole: boolean): void {
    this.#places.isWhole = isWhole
  }

  drain(limit: DrainLimit): Promise<void> {
    return this.#target.drain(limit)
  }

  close(): Promise<void> {
    return this.#target.close()
  }

  #nqnOf(name: string): string {
    return `${this.#o.settings['nqn-prefix']}:${name}`
  }
}

/** What is known of subsystems that are not here, or not only here. */
class Places implements NvmeDirectory {
  /** Subsystems of the volumes that are hosted here, served or not. */
  readonly hosted = new Set<string>()
  readonly #prefix: string
  readonly #server: string | undefined
  readonly #known = new Map<string, VolumePaths>()
  readonly #listeners = new Set<() => void>()
  isWhole: boolean

  constructor(prefix: string, server: string | undefined) {
    this.#prefix = prefix
    this.#server = server
    // without a cluster every volume is here
    this.isWhole = server === undefined
  }

  *volumes(): Iterable<{ readonly nqn: string; readonly paths: VolumePaths }> {
    for (const [nqn, paths] of this.#known) yield { nqn, paths }
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  know(nqn: string, known: KnownVolume | undefined): void {
    if (known === undefined) this.#known.delete(nqn)
    else {
      const { hosts } = known.access
      this.#known.set(nqn, { ...known.paths, hosts: hosts === 'any' ? null : hosts })
    }
    for (const listener of [...this.#listeners]) listener()
  }

  /** What is hosted here is being opened; a volume whose paths are all elsewhere is none of this server's. */
  resolve(nqn: string): 'later' | 'unknown' {
    const volume = volumePartOf(nqn)
    // where its volume is, or comes, it may be offered again in a moment
    if (volume !== undefined) return this.resolve(volume)
    if (this.hosted.has(nqn)) return 'later'
    const known = this.#known.get(nqn)
    if (known === undefined) return this.isWhole || !nqn.startsWith(this.#prefix) ? 'unknown' : 'later'
    return known.paths.some(({ server }) => server === this.#server) ? 'later' : 'unknown'
  }
}

/**
 * The volumes of a process as its hosts see them: the front ends, and on them the volumes that are served, stand by or are
 * known. A volume that is known and served nowhere is "unavailable" here: the host tries again instead of giving up on a
 * volume that it takes for removed.
 */
import { BlockError } from '../../base/errors.ts'
import { type AccessConfig, rulesOf } from '../../config/access-config.ts'
import type { AccessRules } from '../../frontend/access.ts'
import type { VolumePaths } from '../../frontend/paths.ts'
import type { TargetSettings } from '../config/settings.ts'
import type { LatencyRecorders } from '../latencies.ts'
import type { CommandKind, IscsiView, NvmeView } from '../volume-host.ts'
import type {
  DrainLimit,
  FrontEnd,
  FrontEndAddresses,
  FrontEndPorts,
  KnownVolume,
  StandbyMeans,
} from './front-end.ts'
import { IscsiFrontEnd, type IscsiSettings } from './iscsi-front-end.ts'
import { NoNvme } from './no-nvme.ts'
import { NvmeFrontEnd, type NvmeSettings } from './nvme-front-end.ts'
import type { PathTable } from './path-table.ts'
import { ServedVolume } from './served-volume.ts'

export interface ServedVolumesConfig {
  readonly settings: IscsiSettings & NvmeSettings & Pick<TargetSettings, 'sanitize-rate'>
  readonly access: AccessConfig
}

/** The cluster that a server belongs to. */
export interface ServedCluster {
  /** Id of this server. */
  readonly server: string
  readonly table: PathTable
  /** A broken invariant: the process has to stop. */
  readonly onFatal: (error: unknown) => void
}

export interface VolumeToServe {
  readonly name: string
  /** UUID; undefined where there is no cluster. */
  readonly volume?: string
  readonly latencies: LatencyRecorders
  /** What the first device of this process comes after, as hosts are told. */
  readonly first: 'power-loss' | 'failover'
  /** Absent: it is never a standby path. */
  readonly standby?: StandbyMeans
}

const US_PER_MS = 1000

export class ServedVolumes {
  readonly #ports: FrontEndPorts
  readonly #config: ServedVolumesConfig
  readonly #cluster: ServedCluster | undefined
  readonly #iscsi: FrontEnd<IscsiView>
  readonly #nvme: FrontEnd<NvmeView>
  readonly #frontEnds: readonly FrontEnd<unknown>[]
  readonly #volumes = new Map<string, ServedVolume>()
  #access: AccessRules
  #unsubscribe: () => void = () => undefined

  private constructor(options: {
    readonly ports: FrontEndPorts
    readonly config: ServedVolumesConfig
    readonly cluster: ServedCluster | undefined
    readonly iscsi: FrontEnd<IscsiView>
    readonly nvme: FrontEnd<NvmeView>
  }) {
    const { ports, config, cluster, iscsi, nvme } = options
    this.#ports = ports
    this.#config = config
    this.#cluster = cluster
    this.#iscsi = iscsi
    this.#nvme = nvme
    this.#frontEnds = [iscsi, nvme]
    this.#access = rulesOf(config.access)
    if (cluster !== undefined) this.#follow(cluster.table)
  }

  /**
   * Listens where the configuration says; IN_USE and INVALID_ARGUMENT name the flag. Without a cluster, names that are not
   * served are unknown.
   */
  static async open(
    ports: FrontEndPorts,
    config: ServedVolumesConfig,
    cluster?: ServedCluster,
  ): Promise<ServedVolumes> {
    const options = { settings: config.settings, server: cluster?.server }
    const iscsi = await IscsiFrontEnd.open(ports, options)
    try {
      const { nvme: listen, 'nqn-prefix': prefix } = config.settings
      const nvme = listen.length === 0 ? new NoNvme(prefix) : await NvmeFrontEnd.open(ports, options)
      return new ServedVolumes({ ports, config, cluster, iscsi, nvme })
    } catch (error) {
      await iscsi.close()
      throw error
    }
  }

  /** Where each front end listens: one address for each portal, at least one. */
  get addresses(): FrontEndAddresses {
    return { iscsi: this.#iscsi.addresses, nvme: this.#nvme.addresses }
  }

  /** Makes a volume known under its name; it is served while a device is attached. CONFLICT when the name is taken. */
  volume(options: VolumeToServe): ServedVolume {
    const { name, volume: uuid, latencies, first, standby } = options
    if (this.#volumes.has(name)) throw new BlockError('CONFLICT', `volume ${name} is known already`)
    const { clock, logger } = this.#ports
    const command = (kind: CommandKind, durationMs: number): void =>
      latencies[kind].record(durationMs * US_PER_MS)
    const offered = { name, access: this.#access, standby, command }
    const volume = new ServedVolume({
      volume: uuid,
      iscsi: this.#iscsi.volume(offered),
      nvme: this.#nvme.volume(offered),
      standby,
      first,
      access: () => this.#access,
      clock,
      logger,
      sanitizeBytesPerSecond: this.#config.settings['sanitize-rate'],
      forget: () => this.#volumes.delete(name),
    })
    this.#volumes.set(name, volume)
    this.#tellPaths(volume, this.#cluster?.table.get(name))
    return volume
  }

  /** New rules; sessions that they do not admit end. */
  setAccess(access: AccessConfig): void {
    this.#access = rulesOf(access)
    for (const volume of this.#volumes.values()) volume.accessChanged()
    for (const paths of this.#cluster?.table.all() ?? []) this.#know(paths.name, paths)
  }

  /** As `FrontEnd.drain`, for all volumes at once. */
  async drain(limit: DrainLimit): Promise<void> {
    await Promise.all(this.#frontEnds.map((frontEnd) => frontEnd.drain(limit)))
  }

  async close(): Promise<void> {
    this.#unsubscribe()
    await Promise.all(this.#frontEnds.map((frontEnd) => frontEnd.close()))
    for (const volume of [...this.#volumes.values()]) await volume.remove()
  }

  #follow(table: PathTable): void {
    this.#unsubscribe = table.subscribe({
      changed: ({ name, paths }) => {
        this.#know(name, paths)
        const volume = this.#volumes.get(name)
        if (volume !== undefined) this.#tellPaths(volume, paths)
      },
      whole: (isWhole) => {
        for (const frontEnd of this.#frontEnds) frontEnd.knowsAll(isWhole)
      },
    })
  }

  #know(name: string, paths: VolumePaths | undefined): void {
    const known = paths === undefined ? undefined : this.#known(paths)
    for (const frontEnd of this.#frontEnds) frontEnd.know(name, known)
  }

  /** Of whom nothing is said, this server's own rules say whether he may know. */
  #known(paths: VolumePaths): KnownVolume {
    const { initiators, hosts } = this.#access
    return {
      paths,
      access: { initiators: paths.initiators ?? initiators, hosts: paths.hosts ?? hosts },
    }
  }

  #tellPaths(volume: ServedVolume, paths: VolumePaths | undefined): void {
    volume.setPaths(paths).catch((error: unknown) => this.#cluster?.onFatal(error))
  }
}

/**
 * The volumes of a process as its hosts see them: the front ends, and on them the volumes that are served or known. A
 * volume that is known and not served is "unavailable" here: the host tries again instead of giving up on a volume that it
 * takes for removed.
 */
import type { HostPort } from '../../base/address.ts'
import { BlockError } from '../../base/errors.ts'
import type { AccessConfig } from '../../config/access-config.ts'
import type { AccessRules } from '../../frontend/access.ts'
import type { TargetSettings } from '../config/settings.ts'
import type { LatencyRecorders } from '../latencies.ts'
import type { CommandKind, IscsiView } from '../volume-host.ts'
import type { DrainLimit, FrontEnd, FrontEndPorts } from './front-end.ts'
import { IscsiFrontEnd, type IscsiSettings } from './iscsi-front-end.ts'
import { ServedVolume } from './served-volume.ts'

export interface ServedVolumesConfig {
  readonly settings: IscsiSettings & Pick<TargetSettings, 'sanitize-rate'>
  readonly access: AccessConfig
}

const US_PER_MS = 1000

export class ServedVolumes {
  readonly #ports: FrontEndPorts
  readonly #config: ServedVolumesConfig
  readonly #iscsi: FrontEnd<IscsiView>
  readonly #volumes = new Map<string, ServedVolume>()
  #access: AccessRules

  private constructor(ports: FrontEndPorts, config: ServedVolumesConfig, iscsi: FrontEnd<IscsiView>) {
    this.#ports = ports
    this.#config = config
    this.#iscsi = iscsi
    this.#access = rulesOf(config.access)
  }

  /** Listens where the configuration says; IN_USE and INVALID_ARGUMENT name the flag. */
  static async open(ports: FrontEndPorts, config: ServedVolumesConfig): Promise<ServedVolumes> {
    return new ServedVolumes(ports, config, await IscsiFrontEnd.open(ports, config.settings))
  }

  /** Where each front end listens: one address for each portal, at least one. */
  get addresses(): { readonly iscsi: readonly HostPort[] } {
    return { iscsi: this.#iscsi.addresses }
  }

  /**
   * Makes a volume known under its name; it is served while a device is attached. `first`: what the first device of this
   * process comes after, as hosts are told; CONFLICT when the name is taken.
   */
  volume(options: {
    readonly name: string
    readonly latencies: LatencyRecorders
    readonly first: 'power-loss' | 'failover'
  }): ServedVolume {
    const { name, latencies, first } = options
    if (this.#volumes.has(name)) throw new BlockError('CONFLICT', `volume ${name} is known already`)
    const { clock, logger } = this.#ports
    const command = (kind: CommandKind, durationMs: number): void =>
      latencies[kind].record(durationMs * US_PER_MS)
    const volume = new ServedVolume({
      iscsi: this.#iscsi.volume({ name, command }),
      first,
      access: () => this.#access,
      clock,
      logger,
      sanitizeBytesPerSecond: this.#config.settings['sanitize-rate'],
      forget: () => this.#volumes.delete(name),
    })
    this.#volumes.set(name, volume)
    return volume
  }

  /** New rules; sessions that they do not admit end. */
  setAccess(access: AccessConfig): void {
    this.#access = rulesOf(access)
    for (const volume of this.#volumes.values()) volume.accessChanged()
  }

  /** As `FrontEnd.drain`, for all volumes at once. */
  drain(limit: DrainLimit): Promise<void> {
    return this.#iscsi.drain(limit)
  }

  async close(): Promise<void> {
    await this.#iscsi.close()
    for (const volume of [...this.#volumes.values()]) await volume.remove()
  }
}

/** What the operator left out is open; outside loopback the configuration has refused that already. */
const rulesOf = ({ chap, initiators }: AccessConfig): AccessRules => ({
  initiators: initiators ?? 'any',
  chap: chap === undefined ? [] : [chap],
  hosts: 'any',
  dhchap: [],
})

/** iSCSI as the front end of a target's one volume. */
import type { HostPort } from '../base/address.ts'
import type { BlockDevice } from '../base/ports/block-device.ts'
import type { AccessConfig } from '../config/access-config.ts'
import type { TargetConfig } from './config/target-config.ts'
import { IscsiPortals, type IscsiPorts, type IscsiVolume } from './iscsi-portals.ts'
import type { LatencyRecorders } from './latencies.ts'
import type { TargetFrontEnd } from './target-daemon.ts'
import type { VolumeView } from './volume-host.ts'

export class IscsiFrontEnd implements TargetFrontEnd {
  readonly #portals: IscsiPortals
  readonly #volume: IscsiVolume

  private constructor(portals: IscsiPortals, volume: IscsiVolume) {
    this.#portals = portals
    this.#volume = volume
  }

  /** Listens where the configuration says; IN_USE and INVALID_ARGUMENT name the flag. */
  static async open(
    ports: IscsiPorts,
    { config, latencies }: { config: TargetConfig; latencies: LatencyRecorders },
  ): Promise<IscsiFrontEnd> {
    const portals = await IscsiPortals.open(ports, config)
    // A server that starts has lost power as far as hosts can tell.
    const name = config.settings.volume
    return new IscsiFrontEnd(portals, portals.volume({ name, latencies, first: 'power-loss' }))
  }

  get iqn(): string {
    return this.#volume.iqn
  }

  get addresses(): readonly HostPort[] {
    return this.#portals.addresses
  }

  async attach(device: BlockDevice): Promise<void> {
    this.#volume.attach(device)
  }

  detach(): Promise<void> {
    return this.#volume.detach()
  }

  drain(options: { timeoutMs: number; signal: AbortSignal }): Promise<void> {
    return this.#portals.drain(options)
  }

  setAccess(access: AccessConfig): void {
    this.#portals.setAccess(access)
  }

  describe(): VolumeView['iscsi'] {
    return this.#volume.describe()
  }

  close(): Promise<void> {
    return this.#portals.close()
  }
}

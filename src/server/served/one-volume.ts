/** The one volume of a target as its hosts see it, with the front ends that are there for it alone. */
import type { BlockDevice } from '../../base/ports/block-device.ts'
import type { AccessConfig } from '../../config/access-config.ts'
import type { TargetConfig } from '../config/target-config.ts'
import type { LatencyRecorders } from '../latencies.ts'
import type { TargetService } from '../target-daemon.ts'
import type { FrontEndsView } from '../volume-host.ts'
import type { DrainLimit, FrontEndAddresses, FrontEndPorts } from './front-end.ts'
import type { ServedVolume } from './served-volume.ts'
import { ServedVolumes } from './served-volumes.ts'

export class OneVolume implements TargetService {
  readonly #volumes: ServedVolumes
  readonly #volume: ServedVolume

  private constructor(volumes: ServedVolumes, volume: ServedVolume) {
    this.#volumes = volumes
    this.#volume = volume
  }

  /** Listens where the configuration says; IN_USE and INVALID_ARGUMENT name the flag. */
  static async open(
    ports: FrontEndPorts,
    { config, latencies }: { config: TargetConfig; latencies: LatencyRecorders },
  ): Promise<OneVolume> {
    const volumes = await ServedVolumes.open(ports, config)
    // A server that starts has lost power as far as hosts can tell.
    const name = config.settings.volume
    return new OneVolume(volumes, volumes.volume({ name, latencies, first: 'power-loss' }))
  }

  /** Makes other volumes known beside it: snapshots that are exposed. */
  get served(): Pick<ServedVolumes, 'volume'> {
    return this.#volumes
  }

  get iqn(): string {
    return this.#volume.iqn
  }

  get nqn(): string {
    return this.#volume.nqn
  }

  get addresses(): FrontEndAddresses {
    return this.#volumes.addresses
  }

  attach(device: BlockDevice): Promise<void> {
    return this.#volume.attach(device)
  }

  detach(): Promise<void> {
    return this.#volume.detach()
  }

  drain(limit: DrainLimit): Promise<void> {
    return this.#volumes.drain(limit)
  }

  setAccess(access: AccessConfig): void {
    this.#volumes.setAccess(access)
  }

  describe(): FrontEndsView {
    return this.#volume.describe()
  }

  close(): Promise<void> {
    return this.#volumes.close()
  }
}

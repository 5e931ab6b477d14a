/** Publishing volumes to nodes, as people and programs ask for it: recorded first, answered when servers go by it. */
import type { Clock } from '../../base/ports/clock.ts'
import type { Caller, MasterApi, PublishWish, VolumeView } from '../master-api.ts'
import type { Cluster } from './cluster.ts'
import { publishVolume, type Unseal, unpublishVolume } from './publication-requests.ts'
import type { Change, RecordStore, RecordsView } from './records-view.ts'
import { rulesConfirmed } from './rules-confirmed.ts'
import type { RequestContext } from './volume-requests.ts'

export interface PublicationPorts {
  readonly store: RecordStore
  readonly cluster: Cluster
  readonly clock: Clock
  readonly unseal: Unseal
  /** A change of the records that somebody asked for. */
  ask<T>(caller: Caller, decide: (records: RecordsView, context: RequestContext) => Change<T>): Promise<T>
  volume(uuid: string): VolumeView
}

export class Publications implements Pick<MasterApi, 'publishVolume' | 'unpublishVolume'> {
  readonly #ports: PublicationPorts

  constructor(ports: PublicationPorts) {
    this.#ports = ports
  }

  async publishVolume(caller: Caller, name: string, wish: PublishWish): Promise<VolumeView> {
    const { ask, volume, unseal } = this.#ports
    const uuid = await ask(caller, (records, context) =>
      publishVolume(records, name, wish, { ...context, unseal }),
    )
    await this.#rulesHold(uuid)
    return volume(uuid)
  }

  async unpublishVolume(caller: Caller, name: string, node: string): Promise<void> {
    const { ask } = this.#ports
    await this.#rulesHold(
      await ask(caller, (records, context) => unpublishVolume(records, name, node, context)),
    )
  }

  async #rulesHold(uuid: string): Promise<void> {
    const { store, cluster, clock } = this.#ports
    const { live, leads } = cluster
    leads.wake(uuid)
    await rulesConfirmed(uuid, { records: store.view, live, leads }, clock)
  }
}

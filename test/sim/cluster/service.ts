/**
 * Where hosts are served: the device of whoever leads, read as a whole and judged before the first host sees it, and the
 * production iSCSI target on it.
 */
import { isBlockError } from '../../../src/base/errors.ts'
import type { BlockDevice } from '../../../src/base/ports/block-device.ts'
import type { Epoch } from '../../../src/base/units.ts'
import { OPEN_ACCESS } from '../../../src/frontend/access.ts'
import { FrontendVolume } from '../../../src/frontend/volume.ts'
import { IscsiTarget } from '../../../src/iscsi/target/iscsi-target.ts'
import type { LedDevice } from '../../../src/replication/device.ts'
import type { Loss } from '../../cluster/checker.ts'
import type { Scheduler } from '../scheduler.ts'
import { Attachment } from './attachment.ts'
import type { History } from './history.ts'
import type { Path } from './hosts.ts'
import { JudgedDevice } from './judged-device.ts'
import type { ClusterProfile } from './profile.ts'
import { readVolume } from './read-volume.ts'
import type { SimServer } from './server.ts'
import type { RunLog } from './timeline.ts'

const ISCSI_PORT = 3260
const IQN = 'iqn.2026-01.example:v'

export interface ServiceWorld {
  readonly scheduler: Scheduler
  readonly log: RunLog
  readonly profile: ClusterProfile
  readonly history: History
  readonly mayDamage: boolean
  sleep(forMs: number): Promise<void>
  broken(error: unknown): void
}

export class Service {
  readonly #world: ServiceWorld
  readonly #takeLoss: (epoch: Epoch) => Loss
  /** A path is over. */
  readonly #over: (path: Path) => void
  readonly #targets = new Map<SimServer, { target: IscsiTarget; life: unknown }>()
  #path: Path | undefined

  constructor(world: ServiceWorld, takeLoss: (epoch: Epoch) => Loss, over: (path: Path) => void) {
    this.#world = world
    this.#takeLoss = takeLoss
    this.#over = over
  }

  /** Where hosts are served now. */
  get path(): Path | undefined {
    return this.#path
  }

  leads(server: SimServer, device: LedDevice): void {
    const { log, history } = this.#world
    const { epoch } = device
    log.note(server.name, `leads epoch ${epoch.number}`)
    const { running } = server
    const opening = server.replica?.heartbeat().opening
    if (running === undefined) return
    history.leads(epoch, `${server.name} ${opening}`)
    const attachment = new Attachment(device, running.process.life)
    this.#verify(server, epoch, attachment, device).catch((error: unknown) => this.#world.broken(error))
  }

  halted(server: SimServer): void {
    if (this.#path?.server !== server.name) return
    this.#over(this.#path)
    this.#path = undefined
    const attached = this.#targets.get(server)
    if (attached !== undefined && attached.life === server.running?.process.life)
      void attached.target.removeVolume(IQN)
  }

  /** Hosts are served when the whole volume has been read, and holds what it must. */
  async #verify(server: SimServer, epoch: Epoch, device: Attachment, led: LedDevice): Promise<void> {
    const { history, log, profile } = this.#world
    const values = await readVolume(device, this.#world)
    if (values === undefined) return
    const model = history.begin(epoch, this.#takeLoss(epoch), values)
    log.note(server.name, `serves epoch ${epoch.number}`)
    const portal = { host: server.address, port: ISCSI_PORT }
    if (this.#path !== undefined) this.#over(this.#path)
    this.#path = { server: server.name, epoch, device, model, portal, iqn: IQN }
    if (profile.iscsiClients > 0) await this.#serveIscsi(server, new JudgedDevice(led, model))
  }

  async #serveIscsi(server: SimServer, device: BlockDevice): Promise<void> {
    const { running } = server
    if (running === undefined) return
    const { process, net } = running
    let attached = this.#targets.get(server)
    if (attached?.life !== process.life) {
      const target = new IscsiTarget({
        ...process,
        net,
        elsewhere: { find: () => ({ kind: 'unavailable' }), targets: () => [] },
      })
      await target.listen({ host: server.address, port: ISCSI_PORT })
      attached = { target, life: process.life }
      this.#targets.set(server, attached)
      running.closing.push(() => target.close())
    }
    await attached.target.removeVolume(IQN)
    const { clock, logger } = process
    try {
      const volume = new FrontendVolume({ device, access: OPEN_ACCESS, after: 'failover', clock, logger })
      running.closing.push(async () => volume.close())
      attached.target.addVolume({ iqn: IQN, volume })
    } catch (error) {
      if (!isBlockError(error)) throw error
    }
  }
}

/** The production iSCSI target of every server: of the one that serves, and of those that send hosts there. */
import { formatHostPort } from '../../../../src/base/address.ts'
import { isBlockError } from '../../../../src/base/errors.ts'
import type { BlockDevice } from '../../../../src/base/ports/block-device.ts'
import { OPEN_ACCESS } from '../../../../src/frontend/access.ts'
import { FrontendVolume } from '../../../../src/frontend/volume.ts'
import { IscsiTarget } from '../../../../src/iscsi/target/iscsi-target.ts'
import type { SimServer } from '../server.ts'
import type { Running } from '../server-world.ts'

const ISCSI_PORT = 3260
export const IQN = 'iqn.2026-01.example:v'

export class SimTargets {
  readonly #targets = new Map<Running, IscsiTarget>()
  /** Where hosts are served, as far as servers have heard: the name of the server. */
  readonly #active: () => SimServer | undefined

  constructor(active: () => SimServer | undefined) {
    this.#active = active
  }

  /** Where hosts reach a server: a network of their own, where addresses stay. */
  static portalOf(server: SimServer): { host: string; port: number } {
    return { host: `${server.name}.san`, port: ISCSI_PORT }
  }

  /** A process begins. */
  async open(server: SimServer, running: Running): Promise<void> {
    const { process, net } = running
    const target = new IscsiTarget({
      ...process,
      net,
      resolve: () => {
        const active = this.#active()
        return active === undefined || active === server
          ? { kind: 'unavailable' }
          : { kind: 'moved', address: formatHostPort(SimTargets.portalOf(active)) }
      },
    })
    this.#targets.set(running, target)
    running.closing.push(async () => {
      this.#targets.delete(running)
      await target.close()
    })
    await target.listen(SimTargets.portalOf(server))
  }

  async serve(running: Running, device: BlockDevice): Promise<void> {
    const target = this.#targets.get(running)
    if (target === undefined) return
    await target.removeVolume(IQN)
    const { clock, logger } = running.process
    try {
      const volume = new FrontendVolume({ device, access: OPEN_ACCESS, after: 'failover', clock, logger })
      running.closing.push(async () => volume.close())
      target.addVolume({ iqn: IQN, volume })
    } catch (error) {
      if (!isBlockError(error)) throw error
    }
  }

  halted(running: Running): void {
    void this.#targets.get(running)?.removeVolume(IQN)
  }
}

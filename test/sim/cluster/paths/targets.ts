/** The production iSCSI target of every server: of the one that serves, and of those that send hosts there. */
import { formatHostPort } from '../../../../src/base/address.ts'
import { isBlockError } from '../../../../src/base/errors.ts'
import type { BlockDevice } from '../../../../src/base/ports/block-device.ts'
import { OPEN_ACCESS } from '../../../../src/frontend/access.ts'
import { LimitedDevice } from '../../../../src/frontend/qos/limited-device.ts'
import { OperationLimiter, type QosLimits } from '../../../../src/frontend/qos/limiter.ts'
import { FrontendVolume } from '../../../../src/frontend/volume.ts'
import { IscsiTarget } from '../../../../src/iscsi/target/iscsi-target.ts'
import type { SimServer } from '../server.ts'
import type { Running } from '../server-world.ts'

const ISCSI_PORT = 3260
export const IQN = 'iqn.2026-01.example:v'

export class SimTargets {
  readonly #targets = new Map<Running, IscsiTarget>()
  readonly #limiters = new Map<IscsiTarget, OperationLimiter>()
  /** Where hosts are served, as far as servers have heard: the name of the server. */
  readonly #active: () => SimServer | undefined
  readonly #limits: QosLimits

  constructor(active: () => SimServer | undefined, limits: QosLimits) {
    this.#active = active
    this.#limits = limits
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
      elsewhere: {
        find: () => {
          const active = this.#active()
          return active === undefined || active === server
            ? { kind: 'unavailable' }
            : { kind: 'moved', address: formatHostPort(SimTargets.portalOf(active)) }
        },
        targets: () => [],
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
    await this.#remove(target)
    const { clock, logger } = running.process
    try {
      const limiter = new OperationLimiter({ clock })
      limiter.setLimits(this.#limits)
      this.#limiters.set(target, limiter)
      running.closing.push(async () => limiter.close())
      const limited = new LimitedDevice(device, limiter)
      const volume = new FrontendVolume({
        device: limited,
        access: OPEN_ACCESS,
        after: 'failover',
        clock,
        logger,
      })
      running.closing.push(async () => volume.close())
      target.addVolume({ iqn: IQN, volume })
    } catch (error) {
      if (!isBlockError(error)) throw error
    }
  }

  halted(running: Running): void {
    const target = this.#targets.get(running)
    if (target !== undefined) void this.#remove(target)
  }

  #remove(target: IscsiTarget): Promise<void> {
    // what waits for its turn would be waited for
    this.#limiters.get(target)?.close()
    return target.removeVolume(IQN)
  }
}

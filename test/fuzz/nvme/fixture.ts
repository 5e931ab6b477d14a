/** A target with a volume for hostile hosts and one of somebody else, over any network. */
import { BufferPool } from '../../../src/base/buffer-pool.ts'
import { silentLogger } from '../../../src/base/log.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { Net } from '../../../src/base/ports/net.ts'
import { MIB } from '../../../src/base/units.ts'
import type { FrontendVolume } from '../../../src/frontend/volume.ts'
import { NvmeBlockClient } from '../../../src/nvme/initiator/block-client.ts'
import { NvmeHostController } from '../../../src/nvme/initiator/host-controller.ts'
import type { NvmeTargetLimits } from '../../../src/nvme/target/limits.ts'
import { NvmeTarget } from '../../../src/nvme/target/nvme-target.ts'
import { volumeOver } from '../../e2e/iscsi/fixture.ts'
import { MemoryDevice } from '../../e2e/iscsi/memory-device.ts'
import { SeededRandom } from '../../sim/random.ts'
import { Witness } from '../support/witness.ts'

export const FUZZED = 'nqn.2026-11.io.basalt:fuzz'
const OTHERS = 'nqn.2026-11.io.basalt:others'
export const HOSTILE = {
  hostNqn: 'nqn.2026-11.org.example:hostile',
  hostId: Uint8Array.from({ length: 16 }, (_, i) => 0xe0 + i),
}
const WITNESS = {
  hostNqn: 'nqn.2026-11.org.example:witness',
  hostId: Uint8Array.from({ length: 16 }, (_, i) => 0x10 + i),
}
/** Without these, the limit on logins of one address would answer all. */
const NO_LOGIN_LIMITS = { burst: 1e9, perSecond: 1e9, failureCost: 0, addressesMax: 16 }

export class FuzzedTarget {
  readonly target: NvmeTarget
  readonly pool = new BufferPool()
  /** What the hostile ones write to; small, for its content is memory that this test counts. */
  readonly device = new MemoryDevice({ sizeBytes: 8 * MIB })
  readonly portal: { host: string; port: number }
  readonly #net: Net
  readonly #clock: Clock
  readonly #volumes: FrontendVolume[]
  #hostile: Promise<NvmeHostController> | undefined
  #renewing: Promise<NvmeHostController> | undefined
  #others: NvmeHostController | undefined

  private constructor(options: {
    net: Net
    clock: Clock
    target: NvmeTarget
    volumes: FrontendVolume[]
    portal: { host: string; port: number }
    device: MemoryDevice
    pool: BufferPool
  }) {
    this.#net = options.net
    this.#clock = options.clock
    this.target = options.target
    this.device = options.device
    this.pool = options.pool
    this.portal = options.portal
    this.#volumes = options.volumes
  }

  static async start(options: {
    net: Net
    clock: Clock
    seed: number
    address: { host: string; port: number }
    limits: Partial<NvmeTargetLimits>
  }): Promise<FuzzedTarget> {
    const { net, clock, seed, limits } = options
    const pool = new BufferPool()
    const device = new MemoryDevice({ sizeBytes: 8 * MIB })
    const random = new SeededRandom(seed, 1)
    const loginLimits = NO_LOGIN_LIMITS
    const target = new NvmeTarget({ net, clock, random, logger: silentLogger, pool, loginLimits, limits })
    const volumes = [volumeOver(device), volumeOver(new MemoryDevice({ sizeBytes: 64 * MIB }))]
    target.addVolume({ nqn: FUZZED, volume: volumes[0]! })
    target.addVolume({ nqn: OTHERS, volume: volumes[1]! })
    const portal = await target.listen(options.address)
    return new FuzzedTarget({ net, clock, target, volumes, portal, device, pool })
  }

  /** Controllers that are connected when only the two that belong here are. */
  static readonly CONTROLLERS_KEPT = 2

  async witness(random: SeededRandom): Promise<Witness> {
    this.#others = await this.#connect(WITNESS, OTHERS, 1)
    const client = new NvmeBlockClient(this.#others)
    return new Witness(
      {
        write: (lba, blocks, data) => client.write({ lba, blocks }, data),
        read: (lba, blocks, target) => client.read({ lba, blocks }, target),
      },
      random,
    )
  }

  /** The id of an enabled controller of the hostile host; another one when that is gone. */
  async hostileController(): Promise<number> {
    const before = await this.#hostile
    if (before?.isOpen !== true) this.#hostile = this.#renewed(before)
    return (await this.#hostile)!.controllerId
  }

  async close(): Promise<void> {
    const hostile = await this.#hostile
    hostile?.close()
    await this.#others?.disconnect()
    await this.target.close()
    for (const volume of this.#volumes) volume.close()
    if (this.pool.lentBytes !== 0) {
      throw new Error(`${this.pool.lentBytes} bytes of buffers were not given back`)
    }
  }

  /** Of those who ask at the same time one connects. */
  #renewed(before: NvmeHostController | undefined): Promise<NvmeHostController> {
    if (this.#renewing === undefined) {
      before?.close()
      this.#renewing = this.#connect(HOSTILE, FUZZED, 0).finally(() => {
        this.#renewing = undefined
      })
    }
    return this.#renewing
  }

  #connect(
    host: { hostNqn: string; hostId: Uint8Array },
    subsystemNqn: string,
    queues: number,
  ): Promise<NvmeHostController> {
    const ports = { net: this.#net, clock: this.#clock, portal: this.portal }
    return NvmeHostController.connect({ ...ports, ...host, subsystemNqn, queues, keepAliveMs: 0 })
  }
}

/** A target of our own for the suite: one scratch volume in memory, in this process. */
import type { HostPort } from '../../../src/base/address.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { MIB } from '../../../src/base/units.ts'
import { OPEN_ACCESS } from '../../../src/frontend/access.ts'
import { FrontendVolume } from '../../../src/frontend/volume.ts'
import { RealClock } from '../../../src/io/clock.ts'
import { RealNet } from '../../../src/io/net.ts'
import { RealRandom } from '../../../src/io/random.ts'
import { plainSyscalls } from '../../../src/io/syscalls.ts'
import { NvmeTarget } from '../../../src/nvme/target/nvme-target.ts'
import { MemoryDevice } from '../../e2e/iscsi/memory-device.ts'
import type { StandbyOwner, TargetOwner } from './case.ts'
import { TwoPaths } from './two-paths.ts'

export const NQN = 'nqn.2026-11.io.basalt:scratch'

export const net = new RealNet()
export const clock = new RealClock({ syscalls: plainSyscalls })
const random = new RealRandom()

const SIZE_BYTES = 64 * MIB

export class OwnTarget implements TargetOwner {
  readonly target: NvmeTarget
  readonly device: MemoryDevice
  readonly portal: HostPort
  readonly #volume: FrontendVolume

  private constructor(target: NvmeTarget, device: MemoryDevice, volume: FrontendVolume, portal: HostPort) {
    this.target = target
    this.device = device
    this.#volume = volume
    this.portal = portal
  }

  static async start(logicalBlockBytes: 512 | 4096 = 512): Promise<OwnTarget> {
    const target = new NvmeTarget({ net, clock, random, logger: silentLogger })
    const device = new MemoryDevice({ sizeBytes: SIZE_BYTES, logicalBlockBytes, atomicWriteBytesMax: MIB })
    const volume = volumeOver(device)
    target.addVolume({ nqn: NQN, volume })
    const portal = await target.listen({ host: '127.0.0.1', port: 0 })
    return new OwnTarget(target, device, volume, portal)
  }

  async addVolume(nqn: string): Promise<() => Promise<void>> {
    const volume = volumeOver(new MemoryDevice({ sizeBytes: MIB, uuid: random.bytes(16) }))
    this.target.addVolume({ nqn, volume })
    return async () => {
      await this.target.removeVolume(nqn)
      volume.close()
    }
  }

  async addStandby(nqn: string): Promise<StandbyOwner> {
    const device = new MemoryDevice({ sizeBytes: MIB, uuid: random.bytes(16) })
    const volume = volumeOver(device)
    const paths = new TwoPaths(device)
    paths.become('active', 'standby')
    this.target.addStandby({ nqn, paths, access: OPEN_ACCESS, slot: 1 })
    return {
      become: (role) => paths.become(role === 'standby' ? 'active' : 'transitioning', role),
      activate: async () => {
        paths.become('unavailable', 'active')
        await this.target.activate({ nqn, volume })
      },
      remove: async () => {
        await this.target.removeVolume(nqn)
        volume.close()
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.target.close()
    this.#volume.close()
  }
}

const volumeOver = (device: MemoryDevice): FrontendVolume =>
  new FrontendVolume({ device, access: OPEN_ACCESS, after: 'power-loss', clock, logger: silentLogger })

/**
 * An NVMe/TCP target in memory, with one volume unless told otherwise, and hosts that connect to it: the network within
 * the process, a device that can be held, time that can be moved.
 */

import { BufferPool } from '../../../src/base/buffer-pool.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { formatUuid } from '../../../src/base/uuid.ts'
import { type AccessRules, OPEN_ACCESS } from '../../../src/frontend/access.ts'
import type { PathRole, VolumePaths } from '../../../src/frontend/paths.ts'
import { FrontendVolume } from '../../../src/frontend/volume.ts'
import { type NvmeConnectOptions, NvmeHostController } from '../../../src/nvme/initiator/host-controller.ts'
import { NvmeTarget } from '../../../src/nvme/target/nvme-target.ts'
import type { NvmeTargetOptions, PathsSource } from '../../../src/nvme/target/target-types.ts'
import { SeededRandom } from '../../sim/random.ts'
import { MemoryNet } from '../../support/memory-net.ts'
import { ManualClock } from '../iscsi/manual-clock.ts'
import { MemoryDevice } from '../iscsi/memory-device.ts'

export const NQN = 'nqn.2026-11.io.basalt:disk'
export const HOST_NQN = 'nqn.2026-11.org.example:host-1'
export const PORTAL = { host: '10.0.0.2', port: 4420 }

/** Paths that a test changes. */
export class TestPaths implements PathsSource {
  paths: VolumePaths
  readonly #listeners = new Set<() => void>()

  constructor(uuid: Uint8Array, sizeBytes: number, roles: readonly PathRole[]) {
    this.paths = {
      volume: formatUuid(uuid),
      name: 'disk',
      sizeBytes,
      logicalBlockBytes: 512,
      isMultipath: true,
      initiators: null,
      hosts: null,
      paths: roles.map((role, slot) => ({
        server: `server-${slot}`,
        slot,
        role,
        iscsi: [],
        nvme: [`10.0.0.${slot + 2}:4420`],
      })),
    }
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  setRoles(roles: readonly PathRole[]): void {
    const paths = this.paths.paths.map((path, i) => ({ ...path, role: roles[i]! }))
    this.change({ paths })
  }

  change(facts: Partial<VolumePaths>): void {
    this.paths = { ...this.paths, ...facts }
    for (const listener of [...this.#listeners]) listener()
  }
}

export class NvmeTargetHarness {
  readonly clock = new ManualClock()
  readonly net = new MemoryNet()
  readonly pool = new BufferPool()
  readonly device: MemoryDevice
  readonly volume: FrontendVolume
  readonly target: NvmeTarget

  constructor(
    options: Partial<NvmeTargetOptions> & { access?: AccessRules; atomicWriteBytesMax?: number } = {},
  ) {
    const { access = OPEN_ACCESS, atomicWriteBytesMax = 0, ...rest } = options
    this.device = new MemoryDevice({ sizeBytes: 16 * 1024 * 1024, atomicWriteBytesMax })
    this.volume = new FrontendVolume({
      device: this.device,
      access,
      after: 'failover',
      clock: this.clock,
      logger: silentLogger,
    })
    this.target = new NvmeTarget({
      net: this.net,
      clock: this.clock,
      random: new SeededRandom(7),
      logger: silentLogger,
      pool: this.pool,
      ...rest,
    })
  }

  /** Listens, and serves the volume. */
  async serve(): Promise<this> {
    await this.target.listen(PORTAL)
    this.target.addVolume({ nqn: NQN, volume: this.volume })
    return this
  }

  connect(options: Partial<NvmeConnectOptions> = {}): Promise<NvmeHostController> {
    return NvmeHostController.connect({
      net: this.net,
      clock: this.clock,
      portal: PORTAL,
      subsystemNqn: NQN,
      hostNqn: HOST_NQN,
      hostId: new Uint8Array(16).fill(1),
      keepAliveMs: 0,
      ...options,
    })
  }
}

/** A later turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

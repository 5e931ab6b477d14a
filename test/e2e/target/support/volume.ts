/** Real volumes on the real disk for tests of what hosts them, and a service that admits nobody. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BufferPool } from '../../../../src/base/buffer-pool.ts'
import { type Logger, silentLogger } from '../../../../src/base/log.ts'
import type { BlockDevice } from '../../../../src/base/ports/block-device.ts'
import type { Disk } from '../../../../src/base/ports/disk.ts'
import { MIB } from '../../../../src/base/units.ts'
import { randomUuid } from '../../../../src/base/uuid.ts'
import type { VolumePorts } from '../../../../src/blockvol/api.ts'
import { createVolume } from '../../../../src/blockvol/create.ts'
import { RealClock } from '../../../../src/io/clock.ts'
import { RealDisk } from '../../../../src/io/disk.ts'
import { RealRandom } from '../../../../src/io/random.ts'
import { loadSyscalls } from '../../../../src/io/syscalls.ts'
import type { VolumeService } from '../../../../src/server/served/front-end.ts'
import type { FrontEndsView } from '../../../../src/server/volume-host.ts'

/** A directory of its own, until it is removed. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'basalt-target-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export function realPorts(options: { disk?: Disk; logger?: Logger } = {}): VolumePorts {
  const syscalls = loadSyscalls()
  return {
    disk: options.disk ?? new RealDisk({ syscalls }),
    clock: new RealClock({ syscalls }),
    random: new RealRandom(),
    pool: new BufferPool(),
    logger: options.logger ?? silentLogger,
  }
}

/** Makes a 16 MiB volume in `directory`. */
export const makeVolume = (ports: VolumePorts, directory: string, name = 'vol1'): Promise<void> =>
  createVolume(ports, {
    directory,
    uuid: randomUuid(ports.random),
    name,
    sizeBytes: 16 * MIB,
    logicalBlockBytes: 512,
  })

/** Records what it is told, in order. */
export class RecordingService implements VolumeService {
  readonly events: string[] = []
  device: BlockDevice | undefined
  #attached: (() => void) | undefined

  /** Resolves when the next device is attached. */
  nextAttach(): Promise<void> {
    return new Promise((resolve) => {
      this.#attached = resolve
    })
  }

  async attach(device: BlockDevice): Promise<void> {
    this.events.push('attach')
    this.device = device
    this.#attached?.()
  }

  async detach(): Promise<void> {
    this.events.push('detach')
    this.device = undefined
  }

  describe(): FrontEndsView {
    const portals = [{ address: '127.0.0.1:3260', portalGroupTag: 1 }]
    return {
      iscsi: { iqn: 'iqn.2026-11.io.basalt:vol1', portals, sessions: [], sessionsBegun: 0 },
      nvme: {
        nqn: 'nqn.2026-11.io.basalt:vol1',
        portals: [{ address: '127.0.0.1:4420' }],
        sessions: [],
        sessionsBegun: 0,
      },
    }
  }
}

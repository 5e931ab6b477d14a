/** The paths of a volume on two servers, as both are told by their master. */
import type { BlockDevice } from '../../../src/base/ports/block-device.ts'
import { formatUuid } from '../../../src/base/uuid.ts'
import type { PathRole, VolumePaths } from '../../../src/frontend/paths.ts'

export class TwoPaths {
  readonly #device: BlockDevice
  readonly #listeners = new Set<() => void>()
  #roles: readonly PathRole[] = ['active', 'standby']

  constructor(device: BlockDevice) {
    this.#device = device
  }

  get paths(): VolumePaths {
    const { uuid, name, sizeBytes, logicalBlockBytes } = this.#device
    return {
      ...{ volume: formatUuid(uuid), name, sizeBytes, logicalBlockBytes },
      ...{ isMultipath: true, initiators: null, hosts: null },
      paths: this.#roles.map((role, slot) => ({ server: `s${slot}`, slot, role, iscsi: [], nvme: [] })),
    }
  }

  /** What the paths of slot 0 and slot 1 are from now on. */
  become(...roles: readonly [PathRole, PathRole]): void {
    this.#roles = roles
    for (const listener of [...this.#listeners]) listener()
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

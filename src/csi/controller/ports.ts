/** What the calls of the controller work with. */
import type { Clock } from '../../base/ports/clock.ts'
import type { CloneSnapshots } from './clone-snapshots.ts'
import type { MasterPort } from './master-port.ts'

export interface ControllerPorts {
  readonly master: MasterPort
  readonly clock: Clock
  readonly cloneSnapshots: CloneSnapshots
  /** The only node that volumes are published to; null: any, and their limits are the orchestrator's to keep. */
  readonly onlyNode: OnlyNode | null
}

export interface OnlyNode {
  readonly id: string
  /** Volumes that it may have at once; 0: any number. */
  readonly volumesMax: number
}

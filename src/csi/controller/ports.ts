/** What the calls of the controller work with. */
import type { Clock } from '../../base/ports/clock.ts'
import type { CloneSnapshots } from './clone-snapshots.ts'
import type { MasterPort } from './master-port.ts'

export interface ControllerPorts {
  readonly master: MasterPort
  readonly clock: Clock
  readonly cloneSnapshots: CloneSnapshots
  /** The only node that volumes are published to; null: any. */
  readonly onlyNode: string | null
}

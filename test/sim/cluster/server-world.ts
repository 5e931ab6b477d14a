/** A process of a simulated server, and what it needs of the world around it. */
import { isBlockError } from '../../../src/base/errors.ts'
import type { Net } from '../../../src/base/ports/net.ts'
import type { Epoch } from '../../../src/base/units.ts'
import { createVolume } from '../../../src/blockvol/create.ts'
import type { LedDevice } from '../../../src/replication/device.ts'
import type { ReplicationListener } from '../../../src/replication/listener.ts'
import type { Replica } from '../../../src/replication/replica.ts'
import type { PathTable } from '../../../src/server/served/path-table.ts'
import type { Bounds } from '../../../src/v2engine/policy.ts'
import type { SimProcess } from '../machine.ts'
import type { Scheduler } from '../scheduler.ts'
import type { MemberLink } from './master/sim-master.ts'
import type { SimNetwork } from './net.ts'
import type { ClusterProfile } from './profile.ts'
import type { SimServer } from './server.ts'
import type { RunLog } from './timeline.ts'

const VOLUME_UUID = new Uint8Array(16).fill(9)

/** What a server needs of the world. */
export interface ServerWorld {
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly log: RunLog
  readonly profile: ClusterProfile
  readonly bounds: Bounds
  readonly isCalm: boolean
  /** The way of a process to the master. */
  linkOf(server: SimServer, running: Running): MemberLink
  /** A process is about to open its replica. */
  started(server: SimServer, running: Running): Promise<void>
  /** Hosts may be served here. */
  leads(server: SimServer, device: LedDevice): void
  /** They may not any more. */
  halted(server: SimServer): void
  /** In which a replica is made now that the volume is older. */
  epochMade(): Epoch
  /** A violated invariant that no promise carries. */
  broken(error: unknown): void
  /** Whether power or disk may be lost here, now. */
  mayLosePower(server: SimServer): boolean
  /** Called at each call of the disk's port; true: the process dies here. */
  diesAt(server: SimServer, call: string, path: string): boolean
}

/** One process. */
export interface Running {
  readonly process: SimProcess
  readonly net: Net
  replica: Replica | undefined
  listener: ReplicationListener | undefined
  /** What the master tells of the paths of volumes. */
  readonly table: PathTable
  /** Undefined while it is made. */
  link: MemberLink | undefined
  /** What else is closed with it, last first. */
  readonly closing: (() => Promise<void>)[]
  closed: Promise<void> | undefined
}

/** The volume's directory, made if it is not there. */
export async function ensureVolume(
  process: SimProcess,
  directory: string,
  shape: ClusterProfile['shape'],
): Promise<void> {
  try {
    await createVolume(process, { directory, uuid: VOLUME_UUID, name: 'v', ...shape })
  } catch (error) {
    if (!isBlockError(error, 'CONFLICT')) throw error
  }
}

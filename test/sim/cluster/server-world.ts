/** A process of a simulated server, and what it needs of the world around it. */
import type { Net } from '../../../src/base/ports/net.ts'
import type { Epoch } from '../../../src/base/units.ts'
import type { LedDevice } from '../../../src/replication/device.ts'
import type { ReplicationListener } from '../../../src/replication/listener.ts'
import type { Replica } from '../../../src/replication/replica.ts'
import type { ServerId } from '../../../src/v2engine/identity.ts'
import type { ToAuthority } from '../../../src/v2engine/messages.ts'
import type { Bounds } from '../../../src/v2engine/policy.ts'
import type { Heartbeat } from '../../cluster/authority.ts'
import type { SimProcess } from '../machine.ts'
import type { Scheduler } from '../scheduler.ts'
import type { SimNetwork } from './net.ts'
import type { ClusterProfile } from './profile.ts'
import type { SimServer } from './server.ts'
import type { RunLog } from './timeline.ts'

/** What a server needs of the world. */
export interface ServerWorld {
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly log: RunLog
  readonly profile: ClusterProfile
  readonly bounds: Bounds
  readonly isCalm: boolean
  toAuthority(from: ServerId, message: ToAuthority): void
  beat(from: ServerId, beat: Heartbeat): void
  /** Hosts may be served here. */
  leads(server: SimServer, device: LedDevice): void
  /** They may not any more. */
  halted(server: SimServer): void
  registryEpoch(): Epoch
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
  /** What else is closed with it, last first. */
  readonly closing: (() => Promise<void>)[]
  closed: Promise<void> | undefined
}

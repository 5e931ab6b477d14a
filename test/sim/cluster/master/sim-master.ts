/**
 * What the simulated cluster needs of its master, whichever it is: the real one in random runs, a shell over its reducer
 * where a directed scenario steers decisions that the real one takes by itself.
 */
import type { ServerId } from '../../../../src/v2engine/identity.ts'
import type { AuthorityMessage, Replica, ToAuthority } from '../../../../src/v2engine/messages.ts'
import type { Bounds } from '../../../../src/v2engine/policy.ts'
import type { Heartbeat, Registry } from '../../../cluster/authority.ts'
import type { Scheduler } from '../../scheduler.ts'
import type { ControlChannel, MasterName } from '../control.ts'
import type { SimNetwork } from '../net.ts'
import type { ClusterProfile } from '../profile.ts'
import type { SimServer } from '../server.ts'
import type { Running } from '../server-world.ts'
import type { RunLog } from '../timeline.ts'

/** What a master needs of the world. */
export interface MasterWorld {
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly control: ControlChannel
  readonly log: RunLog
  readonly profile: ClusterProfile
  readonly bounds: Bounds
  readonly servers: ReadonlyMap<ServerId, SimServer>
  /** Hosts are served at this server. */
  isServedAt(server: string): boolean
  /** A message reaches a server. */
  delivered(to: ServerId, message: AuthorityMessage): void
  /** A beat reaches the master. */
  heard(from: ServerId, beat: Heartbeat): void
  /** A promotion is durable; nobody has heard of it. */
  promoted(registry: Registry): void
  /** A recovery is forced: what only those knew who cannot say it any more may be lost. */
  forced(): void
  broken(error: unknown): void
}

/** The way from one process of a server to the master. */
export interface MemberLink {
  /** The replica is open. */
  opened(): void
  send(message: ToAuthority): void
  /** The server's address changed. */
  moved(): void
  /** The process closes, and says nothing any more. */
  close(): void
}

export interface SimMaster {
  /** What is durable of the volume's lead; the same object always. */
  readonly registry: Registry
  readonly replicas: readonly Replica[]
  readonly names: readonly MasterName[]
  readonly isUp: boolean
  readonly isOperatorNeeded: boolean
  /** Nothing else goes wrong meanwhile: an operator restores and recovers. */
  readonly isBeingRecovered: boolean
  /** In which a replica is made now. */
  readonly epochMade: Registry['epoch']
  start(): void
  linkOf(server: SimServer, running: Running): MemberLink
  /** One of them, if there are several. */
  crash(): void
  /** Whatever does not run runs again, unless it ended for good. */
  restart(): void
  /** Asks for a planned move. */
  move(to: ServerId): void
  /** An operator's promotion, unforced. False: not now. */
  promote(): boolean
  addressChanged(server: SimServer): void
  /** No fault begins by itself any more. */
  calm(): void
  /** The run is over: it dies and stays dead. */
  end(): void
}

/**
 * The way between a replica and whoever decides for its volume: the master by the server's stream, or a small authority
 * over HTTP. The replica does not know which it is.
 */
import type { Epoch } from '../../base/units.ts'
import type { ReplicaBeat } from '../../master/links.ts'
import type { Opening } from '../../v2engine/identity.ts'
import type { AuthorityMessage, ToAuthority } from '../../v2engine/messages.ts'

export interface Heartbeat {
  readonly opening: Opening
  /** Of this server's clock: a grant that answers it counts from here. */
  readonly askedAtMs: number
  /** The epoch that the replica leads. */
  readonly leads: Epoch | null
}

/** What a beat says of a replica, but for its messages. */
export type ReplicaReport = Omit<ReplicaBeat, 'messages'>

/** A replica, as who carries its messages sees it. */
export interface ReplicaSide {
  /** UUID. */
  readonly volume: string
  /** URL of the authority that was heard last; undefined when none was. */
  authority(): string | undefined
  /** Undefined while it is not open. */
  heartbeat(): Heartbeat | undefined
  report(): ReplicaReport
  /** Dropped while it is not open. */
  deliver(message: AuthorityMessage): void
}

export interface AuthorityLink {
  start(): void
  /** Told soon; an older message of its kind that has not been told is dropped. */
  send(message: ToAuthority): void
  /** There is something new to tell: it is told at once. */
  hurry(): void
  /** The opening is over: what it said is not told any more. */
  clear(): void
  close(): Promise<void>
}

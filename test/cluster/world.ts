/** What the servers of a cluster share, and what travels between them. */
import type { Epoch } from '../../src/base/units.ts'
import type { Happening } from '../../src/v2engine/events.ts'
import type { ConnectionId, ServerId, SessionRef } from '../../src/v2engine/identity.ts'
import type { PeerMessage, ToAuthority } from '../../src/v2engine/messages.ts'
import type { Bounds } from '../../src/v2engine/policy.ts'
import type { ReplicaState } from '../../src/v2engine/state.ts'
import type { SeededRandom } from '../sim/random.ts'
import type { Checker, Loss } from './checker.ts'
import type { Network } from './network.ts'
import type { ModelNode } from './node.ts'
import type { Entry, Lineage, ModelStorage } from './storage.ts'
import type { Timeline } from './timeline.ts'

interface BlockCopy {
  readonly block: number
  readonly content: { readonly lsn: number; readonly value: number } | null
}

export type Frame =
  | { readonly kind: 'message'; readonly message: PeerMessage; readonly data: Data | null }
  | { readonly kind: 'blocks'; readonly session: SessionRef; readonly blocks: readonly BlockCopy[] }
  /** What the base is of, for the checkers: no real frame. */
  | { readonly kind: 'lineage'; readonly session: SessionRef; readonly lineage: Lineage | null }

/** What travels beside a message. */
interface Data {
  readonly entries: readonly Entry[]
  readonly unknown: readonly number[]
}

export interface World {
  readonly timeline: Timeline
  readonly network: Network<Frame>
  readonly random: SeededRandom
  readonly checker: Checker
  readonly bounds: Bounds
  readonly stats: Map<string, number>
  readonly trace: ((line: string) => void) | null
  readonly node: (server: string) => ModelNode | undefined
  readonly toAuthority: (from: ServerId, message: ToAuthority) => void
  /** A primary has come to serve, and with it what its promotion may have lost is lost. */
  readonly takeLoss: (epoch: Epoch) => Loss
  /** What the registry holds. */
  readonly epoch: () => Epoch
  nextValue: number
  /** Hosts write. */
  isLoaded: boolean
  isCalm: boolean
  /** Log space is given back when the checkpoint has passed it. */
  isFreeingLog: boolean
}

/** A server as its parts see it. What is asked for later does not happen if its process ends before. */
export interface Owner {
  readonly server: ServerId
  readonly storage: ModelStorage
  readonly world: World
  readonly state: ReplicaState | null
  clock(): number
  event(happening: Happening): void
  report(): void
  later(delayMs: number, run: () => void): void
  frame(server: ServerId, connection: ConnectionId, frame: Frame): void
  linkTo(server: ServerId): ConnectionId | undefined
}

export function count(world: World, what: string): void {
  world.stats.set(what, (world.stats.get(what) ?? 0) + 1)
}

export function note(world: World, line: string): void {
  world.trace?.(`${String(Math.floor(world.timeline.nowMs)).padStart(6)} ${line}`)
}

export const show = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part % 1000n}` : part))

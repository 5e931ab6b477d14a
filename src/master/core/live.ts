/**
 * What servers said last, in memory only: it is gone when the master restarts, and no promotion rests on it. Times are
 * of the master's boot clock.
 */
import type { ReplicaBeat, ServerBeat, ServerHello } from '../links.ts'

export interface LiveServer {
  readonly hello: ServerHello
  /** A stream is open, and a beat came within the bound. */
  readonly isConnected: boolean
  readonly heardMs: number
  /** Since when it is not connected; null while it is. */
  readonly lostSinceMs: number | null
  /** Null until the first beat of this stream. */
  readonly beat: Omit<ServerBeat, 'replicas' | 'isFull'> | null
  /** A full beat came on this stream: what is not in `replicas` is not there. */
  readonly isComplete: boolean
  /** By volume. */
  readonly replicas: ReadonlyMap<string, ReplicaBeat>
}

export interface LiveCluster {
  /** Undefined: not heard of since this master runs. */
  server(id: string): LiveServer | undefined
  replica(volume: string, server: string): ReplicaBeat | undefined
  /** Called when something changed that jobs and health may wait for; returns the call that ends it. */
  subscribe(listener: (changed: { readonly server?: string; readonly volume?: string }) => void): () => void
}

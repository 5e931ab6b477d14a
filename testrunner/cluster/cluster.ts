/** The product under test: its daemons on the machines of a place, and its API. */
import type { ApiClient } from '../../src/client/http/api-client.ts'
import type { Machine, SaveEvidence } from '../backends/backend.ts'

export interface Cluster {
  /** To whichever master leads; with patience for an election. */
  readonly api: ApiClient
  readonly daemons: ReadonlyMap<string, Daemon>
  readonly servers: readonly Daemon[]
  readonly masters: readonly Daemon[]
  /** The master's URL as machines use it, for the CLI. */
  readonly masterUrl: string
  /** Variables with which `machine.basalt` finds the master and may enter: address, and a token where one is needed. */
  readonly environment: Readonly<Record<string, string>>
  /** Resolves when so many servers are connected and the master answers. */
  ready(signal: AbortSignal): Promise<void>
  /** Log and state of each daemon, into the bundle. */
  collect(save: SaveEvidence): Promise<void>
  stop(): Promise<void>
}

/** One process of the product, with flags that outlive it. */
export interface Daemon {
  /** Of its machine: m1, s1, … */
  readonly name: string
  readonly kind: 'master' | 'server'
  readonly machine: Machine
  /** A server's id in the cluster, once it served. */
  readonly id: string | null
  readonly isRunning: boolean
  /** Where its HTTP API is for the runner. */
  readonly httpUrl: string
  /** What requests there must carry; empty where everybody on the machine may ask. */
  readonly httpHeaders: Readonly<Record<string, string>>
  readonly dataPath: string
  /** Resolves when it serves. Rejects with the end of its log when it ends before. */
  start(signal: AbortSignal): Promise<void>
  kill(): Promise<void>
  /** SIGTERM; its exit code. */
  stop(): Promise<number | null>
  /** SIGSTOP and SIGCONT. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Lines of its log so far, the last 64 KiB. */
  log(): Promise<string>
  /** The exposition of /metrics. */
  metrics(): Promise<string>
}

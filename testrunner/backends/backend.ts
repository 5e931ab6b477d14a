/**
 * Where scenarios run. A backend opens a place for one scenario: machines that reach each other, each with a folder and
 * programs of its own, and a network between them that can be harmed. A place belongs to one scenario; two places opened at
 * once do not meet.
 */
import type { Need } from '../model/need.ts'
import type { Topology } from '../model/scenario.ts'
import type { ValueMap } from '../model/value.ts'

export const BACKENDS = ['local', 'netns', 'vm', 'ssh'] as const
export type BackendName = (typeof BACKENDS)[number]

export interface Backend {
  readonly name: BackendName
  /** What is missing here of `needs`; empty when they can be met. Rejects with BlockError when the backend as such cannot work here. */
  missing(needs: readonly Need[]): Promise<readonly Need[]>
  /** `signal` ends the attempt; nothing of it stays. */
  open(request: PlaceRequest, signal: AbortSignal): Promise<Place>
}

export interface PlaceRequest {
  /** For names of things that outlive a crash of the runner: processes, interfaces, folders. `[a-z0-9-]`, at most 20 characters. */
  readonly runId: string
  readonly topology: Topology
  /** A folder of this machine that the place may fill. */
  readonly directory: string
  log(text: string): void
}

export interface Place {
  /** m1…, s1…, h1…, in this order. On some backends several names are one computer. */
  readonly machines: ReadonlyMap<string, Machine>
  readonly network: Network
  /** How hosts get at volumes here: initiators in the runner's process, or a kernel's on the machines h1…. */
  readonly hostKind: 'user' | 'kernel'
  /** How many times longer things may take here than on `local`: timeouts of scenarios are multiplied by it. At least 1. */
  readonly slowness: number
  /** What a report tells of it: kernel, addresses, versions. */
  readonly facts: ValueMap
  /** Evidence of the place's own, into the bundle of a run that failed. */
  collect?(save: SaveEvidence): Promise<void>
  /** Heals, ends every process and removes everything that `open` and its machines made, unless `keepFiles`. Never rejects; tells `log` what it could not remove. */
  close(keepFiles: boolean): Promise<void>
}

export type SaveEvidence = (path: string, content: Uint8Array, about: string) => Promise<void>

export interface Machine {
  readonly name: string
  /** The address at which other machines, and the runner, reach its programs. */
  readonly address: string
  /** The product's command there: argv to put before `server`, `volume list`, … */
  readonly basalt: readonly string[]
  /** The product's Node there: argv to put before a script of TypeScript. */
  readonly node: readonly string[]
  /** An absolute path in the run's folder on this machine. Parents are made by `putFile` and by programs. */
  path(...parts: readonly string[]): string
  /** Ports that nobody uses there now and that stay reserved for the run. */
  ports(count: number): Promise<readonly number[]>
  /**
   * Starts a program that goes on until it is told to end, or the runner dies, however it dies. Resolves when it was
   * started. Rejects with BlockError NOT_FOUND when there is no such program.
   */
  spawn(command: readonly string[], options?: SpawnOptions): Promise<Program>
  /** Runs a program to its end. Does not reject for an exit code. Aborting `signal` kills it. */
  run(command: readonly string[], options?: RunOptions): Promise<Ran>
  putFile(path: string, content: string | Uint8Array, mode?: number): Promise<void>
  /** Its last `bytesMax` bytes. Rejects with NOT_FOUND. */
  getFile(path: string, bytesMax: number): Promise<Uint8Array>
  /** With everything below; not an error when it is not there. */
  remove(path: string): Promise<void>
}

export interface SpawnOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** Its standard error goes to this file of the machine, appended; else it is kept in `stderrTail`. */
  readonly logPath?: string
  readonly asRoot?: boolean
}

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  readonly asRoot?: boolean
  readonly environment?: Readonly<Record<string, string>>
}

export interface Ran {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly isTimedOut: boolean
}

export interface Program {
  readonly stdin: NodeJS.WritableStream
  readonly stdout: NodeJS.ReadableStream
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** Up to 64 KiB of its standard error; empty with `logPath`. */
  stderrTail(): string
  /** SIGTERM, SIGKILL, SIGSTOP, SIGCONT to the program and what it started. No error when it is gone. */
  signal(name: NodeJS.Signals): Promise<void>
}

/** What lies between machines. Ends of links are names of machines; `*` is every other one. */
export interface Network {
  /**
   * Nothing gets from `from` to `to` any more, in flight or new, nor answers; `isOneWay`: only this direction. Connections
   * are not reset: they go silent, as with a pulled cable.
   */
  cut(from: string, to: string, isOneWay?: boolean): Promise<void>
  /** Each packet, or chunk, from and to `machine` is late or lost as told. Replaces what was told before of the same machine. */
  impair(machine: string, impairment: Impairment): Promise<void>
  /** Ends every cut and impairment, or those of one machine. */
  heal(machine?: string): Promise<void>
  /**
   * The address and port that other machines and hosts use for `port` of `machine`: its own, or one that a proxy listens on
   * where the kernel cannot harm the link. What daemons tell others must be this one. Ask once for each port, before it is told.
   * `audience`: who is told, where machines and hosts do not reach it by the same address; machines unless given.
   */
  reach(
    machine: string,
    port: number,
    audience?: 'machines' | 'hosts',
  ): Promise<{ readonly host: string; readonly port: number }>
}

export interface Impairment {
  readonly delayMs: number
  readonly jitterMs: number
  /** 0 to 100. A proxy, which has no packets, makes a lost one late by a retransmission. */
  readonly lossPercent: number
  /** Null for no limit. */
  readonly bytesPerSecond: number | null
}

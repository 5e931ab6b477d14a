/**
 * A disk with the patience of a kernel that queues while it has no path: a command that got no answer, or "not now", is given
 * again over whatever path there is, and whoever gave it sees an error only for what a file system would see. When a call has
 * ended its buffers are its caller's again, also after an abort: the path is dropped then, and what was under way with it.
 */
import { BlockError, type BlockErrorCode, isBlockError } from '../../../src/base/errors.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { Disk, Transport } from '../disk.ts'
import type { PathFinder } from './paths.ts'

const AGAIN_MS = 20

export interface Capacity {
  readonly blocks: number
  readonly logicalBlockBytes: number
}

/** The commands of one protocol over a path. Offsets and lengths in bytes. */
export interface PathCommands<P> {
  capacity(path: P): Promise<Capacity>
  read(path: P, offsetBytes: number, target: Uint8Array): Promise<void>
  write(path: P, offsetBytes: number, data: Uint8Array): Promise<void>
  flush(path: P): Promise<void>
  trim(path: P, offsetBytes: number, lengthBytes: number): Promise<void>
}

export interface DiskFacts {
  readonly volume: string
  readonly host: string
  readonly transport: Transport
  readonly isReadOnly: boolean
}

/** Errors of a command that a kernel keeps to itself. A path that is not there yet may not even know the volume. */
const PASSING: readonly BlockErrorCode[] = ['BUSY', 'DISCONNECTED', 'NOT_FOUND', 'TIMED_OUT', 'ABORTED']
/** While a path is looked for, servers that do not agree yet send a host in circles, too. */
const PASSING_AT_LOGIN: readonly BlockErrorCode[] = [...PASSING, 'PROTOCOL', 'CONFLICT']

export class PatientDisk<P> implements Disk {
  readonly volume: string
  readonly host: string
  readonly transport: Transport
  readonly devicePath = null
  readonly #isReadOnly: boolean
  readonly #clock: Clock
  readonly #finder: PathFinder<P>
  readonly #commands: PathCommands<P>
  readonly #onDetach: () => void
  #path: Promise<P> | undefined
  #capacity: Capacity = { blocks: 0, logicalBlockBytes: 512 }
  #isDetached = false

  private constructor(facts: DiskFacts, parts: PatientDiskParts<P>) {
    this.volume = facts.volume
    this.host = facts.host
    this.transport = facts.transport
    this.#isReadOnly = facts.isReadOnly
    this.#clock = parts.clock
    this.#finder = parts.finder
    this.#commands = parts.commands
    this.#onDetach = parts.onDetach
  }

  /** Waits until a path leads to it. Rejects with ACCESS_DENIED, or ABORTED with what kept it. */
  static async open<P>(
    facts: DiskFacts,
    parts: PatientDiskParts<P>,
    signal: AbortSignal,
  ): Promise<PatientDisk<P>> {
    const disk = new PatientDisk(facts, parts)
    try {
      await disk.refresh(signal)
      return disk
    } catch (error) {
      await disk.detach()
      throw error
    }
  }

  get sizeBytes(): number {
    return this.#capacity.blocks * this.#capacity.logicalBlockBytes
  }

  get logicalBlockBytes(): number {
    return this.#capacity.logicalBlockBytes
  }

  async read(offsetBytes: number, lengthBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const target = new Uint8Array(lengthBytes)
    await this.#run(signal, (path) => this.#commands.read(path, offsetBytes, target))
    return target
  }

  async write(offsetBytes: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#refuseReadOnly()
    await this.#run(signal, (path) => this.#commands.write(path, offsetBytes, data))
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#run(signal, (path) => this.#commands.flush(path))
  }

  async trim(offsetBytes: number, lengthBytes: number, signal: AbortSignal): Promise<void> {
    this.#refuseReadOnly()
    await this.#run(signal, (path) => this.#commands.trim(path, offsetBytes, lengthBytes))
  }

  async refresh(signal: AbortSignal): Promise<void> {
    this.#capacity = await this.#run(signal, (path) => this.#commands.capacity(path))
  }

  async detach(): Promise<void> {
    if (this.#isDetached) return
    this.#isDetached = true
    await this.#finder.close()
    this.#onDetach()
  }

  async #run<T>(signal: AbortSignal, command: (path: P) => Promise<T>): Promise<T> {
    let last: BlockError | undefined
    for (;;) {
      this.#refuseEnded(signal, last)
      this.#path ??= this.#finder.find()
      const finding = this.#path
      let path: P | undefined
      try {
        path = await unlessAborted(finding, signal)
        return await this.#settled(path, command(path), signal)
      } catch (error) {
        this.#refuseEnded(signal, isBlockError(error) ? error : last)
        if (path === undefined) this.#forget(finding)
        const passing = path === undefined ? PASSING_AT_LOGIN : PASSING
        if (!isBlockError(error) || !passing.includes(error.code)) throw error
        last = error
        if (path !== undefined && this.#finder.lost(path, error)) this.#forget(finding)
      }
      await this.#clock.sleep(AGAIN_MS)
    }
  }

  /** The end of `command`; an abort drops its path, so that it comes soon. */
  async #settled<T>(path: P, command: Promise<T>, signal: AbortSignal): Promise<T> {
    const abort = (): void => this.#finder.drop(path)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    try {
      return await command
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  #forget(finding: Promise<P>): void {
    if (this.#path === finding) this.#path = undefined
  }

  #refuseEnded(signal: AbortSignal, last: BlockError | undefined): void {
    if (this.#isDetached) throw new BlockError('CLOSED', `${this.volume} was detached from ${this.host}`)
    if (!signal.aborted) return
    const why = last === undefined ? '' : `; the last answer was: ${last.message}`
    throw new BlockError('ABORTED', `the command on ${this.volume} was given up${why}`, {
      cause: last ?? signal.reason,
    })
  }

  #refuseReadOnly(): void {
    if (this.#isReadOnly) throw new BlockError('READ_ONLY', `${this.volume} is attached read-only`)
  }
}

export interface PatientDiskParts<P> {
  readonly clock: Clock
  readonly finder: PathFinder<P>
  readonly commands: PathCommands<P>
  onDetach(): void
}

/** `promise`, or ABORTED when `signal` aborts before; what it comes to later is its other users'. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(new BlockError('ABORTED', 'no path was waited for any more'))
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

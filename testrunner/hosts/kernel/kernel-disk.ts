/**
 * A disk of a machine's kernel: commands go to one program there, which stays. Waiting for paths is the kernel's, so that
 * nothing is given again here. A command that is given up may still be carried out.
 */
import { constants } from 'node:os'
import { BlockError, type BlockErrorCode } from '../../../src/base/errors.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { Machine, Program } from '../../backends/backend.ts'
import type { Disk, Transport } from '../disk.ts'
import {
  answerReader,
  DATA_BYTES_MAX,
  DISK_COMMANDS,
  type DiskAnswer,
  type DiskCommand,
  encodeRequest,
} from './disk-program.ts'

/** What the kernel tells a file system, as errors of ours. Anything else is DISK. */
const CODES: ReadonlyMap<number, BlockErrorCode> = new Map<number, BlockErrorCode>([
  [constants.errno.ENOSPC, 'NO_SPACE'],
  [constants.errno.EROFS, 'READ_ONLY'],
  [constants.errno.EPERM, 'READ_ONLY'],
  [constants.errno.EBADF, 'READ_ONLY'],
  [constants.errno.ENODATA, 'MEDIUM'],
  [constants.errno.EINVAL, 'INVALID_ARGUMENT'],
  [constants.errno.ENXIO, 'NOT_FOUND'],
  [constants.errno.ENODEV, 'NOT_FOUND'],
  [constants.errno.ETIMEDOUT, 'TIMED_OUT'],
  // EBADE, which Node does not name
  [52, 'RESERVATION_CONFLICT'],
])

const EXIT_MS = 5000
const THREADS = 64

export interface KernelDiskFacts {
  readonly volume: string
  readonly host: string
  readonly transport: Transport
  readonly devicePath: string
}

export interface KernelDiskParts {
  readonly clock: Clock
  /** The disk program, with its device. */
  readonly command: readonly string[]
  /** Makes the kernel ask for the size again. */
  rescan(signal: AbortSignal): Promise<void>
  /** Takes the disk away. Never rejects. */
  release(): Promise<void>
}

interface Waiter {
  answered(answer: DiskAnswer): void
  failed(error: BlockError): void
}

export class KernelDisk implements Disk {
  readonly volume: string
  readonly host: string
  readonly transport: Transport
  readonly devicePath: string
  readonly #program: Program
  readonly #parts: KernelDiskParts
  readonly #waiting = new Map<number, Waiter>()
  #nextId = 1
  #end: BlockError | undefined
  #sizeBytes = 0
  #logicalBlockBytes = 512
  #detaching: Promise<void> | undefined

  private constructor(facts: KernelDiskFacts, program: Program, parts: KernelDiskParts) {
    this.volume = facts.volume
    this.host = facts.host
    this.transport = facts.transport
    this.devicePath = facts.devicePath
    this.#program = program
    this.#parts = parts
    const read = answerReader((answer) => this.#answered(answer))
    program.stdout.on('data', (chunk: Uint8Array) => this.#read(read, chunk))
    // what was written to a program that is gone is told by its end
    program.stdin.on('error', () => undefined)
    void program.exited.then(({ code, signal }) => {
      const words = program.stderrTail().trim()
      this.#ended(`the disk program ended (${code ?? signal})${words === '' ? '' : `: ${words}`}`)
    })
  }

  /** Starts the program. Rejects with DISCONNECTED and its words when it cannot open the device. */
  static async open(
    machine: Machine,
    facts: KernelDiskFacts,
    parts: KernelDiskParts,
    signal: AbortSignal,
  ): Promise<KernelDisk> {
    // commands wait in threads while there is no path, and must not keep others from being given
    const environment = { UV_THREADPOOL_SIZE: `${THREADS}` }
    const program = await machine.spawn(parts.command, { asRoot: true, environment })
    const disk = new KernelDisk(facts, program, parts)
    try {
      await disk.#ask(signal)
      return disk
    } catch (error) {
      await program.signal('SIGKILL')
      throw error
    }
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get logicalBlockBytes(): number {
    return this.#logicalBlockBytes
  }

  async read(offsetBytes: number, lengthBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const data = new Uint8Array(lengthBytes)
    for (let at = 0; at < lengthBytes; at += DATA_BYTES_MAX) {
      const part = Math.min(DATA_BYTES_MAX, lengthBytes - at)
      const answer = await this.#command('read', { offsetBytes: offsetBytes + at, lengthBytes: part }, signal)
      data.set(answer.data, at)
    }
    return data
  }

  async write(offsetBytes: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    for (let at = 0; at < data.byteLength; at += DATA_BYTES_MAX) {
      const part = data.subarray(at, Math.min(at + DATA_BYTES_MAX, data.byteLength))
      const place = { offsetBytes: offsetBytes + at, lengthBytes: part.byteLength }
      // copied: the pipe may hold it for longer than the caller waits
      await this.#command('write', { ...place, data: new Uint8Array(part) }, signal)
    }
  }

  async flush(signal: AbortSignal): Promise<void> {
    await this.#command('flush', {}, signal)
  }

  async trim(offsetBytes: number, lengthBytes: number, signal: AbortSignal): Promise<void> {
    await this.#command('trim', { offsetBytes, lengthBytes }, signal)
  }

  async refresh(signal: AbortSignal): Promise<void> {
    await this.#parts.rescan(signal)
    await this.#ask(signal)
  }

  detach(): Promise<void> {
    this.#detaching ??= this.#detach()
    return this.#detaching
  }

  async #detach(): Promise<void> {
    this.#ended(`${this.volume} was detached from ${this.host}`, 'CLOSED')
    await this.#program.signal('SIGKILL')
    // one that hangs in the kernel ends when the disk is taken away below it
    await Promise.race([this.#program.exited, this.#parts.clock.sleep(EXIT_MS)])
    await this.#parts.release()
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { value, logicalBlockBytes } = await this.#command('size', {}, signal)
    this.#sizeBytes = value
    this.#logicalBlockBytes = logicalBlockBytes
  }

  #command(
    kind: DiskCommand,
    {
      offsetBytes = 0,
      lengthBytes = 0,
      data,
    }: { offsetBytes?: number; lengthBytes?: number; data?: Uint8Array },
    signal: AbortSignal,
  ): Promise<DiskAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) return reject(this.#end)
      if (signal.aborted) return reject(givenUp(this.volume, signal))
      const id = this.#nextId++ >>> 0
      const abort = (): void => {
        this.#waiting.delete(id)
        reject(givenUp(this.volume, signal))
      }
      const over = (): void => {
        this.#waiting.delete(id)
        signal.removeEventListener('abort', abort)
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.set(id, {
        answered: (answer) => {
          over()
          if (answer.errno === 0) resolve(answer)
          else reject(errorOf(`${kind} of ${this.devicePath}`, answer))
        },
        failed: (error) => {
          over()
          reject(error)
        },
      })
      this.#program.stdin.write(encodeRequest({ id, kind: DISK_COMMANDS[kind], offsetBytes, lengthBytes }))
      if (data !== undefined) this.#program.stdin.write(data)
    })
  }

  #read(read: (chunk: Uint8Array) => void, chunk: Uint8Array): void {
    try {
      read(chunk)
    } catch (error) {
      this.#ended(`what came from the disk program is none of its words: ${String(error)}`, 'PROTOCOL')
    }
  }

  /** One that nobody waits for any more is let go. */
  #answered(answer: DiskAnswer): void {
    this.#waiting.get(answer.id)?.answered(answer)
  }

  #ended(message: string, code: BlockErrorCode = 'DISCONNECTED'): void {
    this.#end ??= new BlockError(code, message)
    for (const { failed } of [...this.#waiting.values()]) failed(this.#end)
  }
}

const givenUp = (volume: string, signal: AbortSignal): BlockError =>
  new BlockError('ABORTED', `the command on ${volume} was given up`, { cause: signal.reason })

function errorOf(what: string, { errno, data }: DiskAnswer): BlockError {
  const words = new TextDecoder().decode(data)
  return new BlockError(CODES.get(errno) ?? 'DISK', `${what}: ${words}`, { facts: { errno } })
}

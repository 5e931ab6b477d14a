/**
 * Many extents of a file written by one system call: Linux native asynchronous I/O (io_submit), made on a thread
 * of the pool. For buffered files the kernel does the writes one after the other inside that call, straight
 * from the caller's buffers: no copy, no promise and no trip between threads per extent.
 *
 * Extents that touch go as one vectored write. A run that the kernel took only in part, or not at all, is handed
 * back to be written the ordinary way, which completes it or reports the error.
 */
import { constants } from 'node:os'
import { assert } from '../base/assert.ts'
import type { Extent } from '../base/ports/disk.ts'
import { MIB } from '../base/units.ts'
import { AIO_EVENT_BYTES, type Syscalls } from './syscalls.ts'
import { systemError } from './system-error.ts'

/** Bounds of one submission: it occupies a thread of the pool, and may wait while the kernel throttles. */
const RUNS_MAX = 256
const VECTORS_MAX = 1024
const BATCH_BYTES_MAX = 8 * MIB

/**
 * `struct iocb`, 64 bytes, as 32-bit words: data 0, rw_flags 3, lio_opcode and reqprio 4, fildes 5, buf 6,
 * nbytes 8, offset 10, reserved 12, flags 14, resfd 15.
 */
const IOCB_WORDS = 16
const IOCB_CMD_PWRITEV = 8
/** Errors that say "not this way" rather than "not at all". */
const TRY_PLAINLY: ReadonlySet<number> = new Set([
  constants.errno.EINVAL,
  constants.errno.EOPNOTSUPP,
  constants.errno.EAGAIN,
  constants.errno.EINTR,
])
const TWO_32 = 0x1_0000_0000

/** Extents `[start, end)` touch each other and make one write. */
export interface ExtentRun {
  readonly start: number
  readonly end: number
}

interface Submitted extends ExtentRun {
  readonly lengthBytes: number
}

export class ExtentWriter {
  readonly #syscalls: Syscalls
  readonly #context: number
  readonly #iocbs = new Uint32Array(new ArrayBuffer(RUNS_MAX * IOCB_WORDS * 4))
  readonly #pointers = new Uint32Array(new ArrayBuffer(RUNS_MAX * 8))
  readonly #vectors = new Uint32Array(new ArrayBuffer(VECTORS_MAX * 16))
  readonly #events = new Int32Array(new ArrayBuffer(RUNS_MAX * AIO_EVENT_BYTES))
  /** Keeps the buffers alive while the kernel has only their addresses. */
  #lent: readonly Extent[] | undefined

  private constructor(syscalls: Syscalls, context: number) {
    this.#syscalls = syscalls
    this.#context = context
    const first = syscalls.address(bytesOf(this.#iocbs))
    for (let i = 0; i < RUNS_MAX; i++) {
      const address = first + i * IOCB_WORDS * 4
      this.#pointers[2 * i] = address
      this.#pointers[2 * i + 1] = address / TWO_32
    }
  }

  /** Undefined where the kernel does not offer this. */
  static open(syscalls: Syscalls): ExtentWriter | undefined {
    const context = syscalls.aioSetup(RUNS_MAX)
    return context === 0 ? undefined : new ExtentWriter(syscalls, context)
  }

  /**
   * Writes extents from `start` on, as many as one submission holds. Returns the index behind the last one and
   * the runs among them that still have to be written. Throws a system error. One call at a time.
   */
  async write(
    fd: number,
    extents: readonly Extent[],
    start: number,
  ): Promise<{ end: number; unwritten: ExtentRun[] }> {
    assert(this.#lent === undefined, 'an extent writer writes for one caller at a time')
    this.#lent = extents
    try {
      const runs = this.#prepare(fd, extents, start)
      const pointers = this.#syscalls.address(bytesOf(this.#pointers))
      const taken = Math.max(await this.#syscalls.aioSubmit(this.#context, runs.length, pointers), 0)
      const events = this.#syscalls.address(bytesOf(this.#events))
      await this.#syscalls.aioCollect(this.#context, taken, events)
      return { end: runs.at(-1)?.end ?? start, unwritten: this.#unwritten(runs, taken) }
    } finally {
      this.#lent = undefined
    }
  }

  /** Fills the control blocks; returns the run of each. */
  #prepare(fd: number, extents: readonly Extent[], start: number): Submitted[] {
    const runs: Submitted[] = []
    const vectors = this.#vectors
    const vectorsAddress = this.#syscalls.address(bytesOf(vectors))
    let vector = 0
    let batchBytes = 0
    for (let index = start; index < extents.length && runs.length < RUNS_MAX; ) {
      const { offsetBytes } = extents[index]!
      const firstIndex = index
      const firstVector = vector
      let lengthBytes = 0
      while (index < extents.length && vector < VECTORS_MAX) {
        const { data, offsetBytes: at } = extents[index]!
        if (at !== offsetBytes + lengthBytes) break
        if (batchBytes > 0 && batchBytes + data.byteLength > BATCH_BYTES_MAX) break
        const address = this.#syscalls.address(data)
        vectors[4 * vector] = address
        vectors[4 * vector + 1] = address / TWO_32
        vectors[4 * vector + 2] = data.byteLength
        vectors[4 * vector + 3] = 0
        vector++
        lengthBytes += data.byteLength
        batchBytes += data.byteLength
        index++
      }
      if (index === firstIndex) break
      this.#setIocb(runs.length, fd, vectorsAddress + 16 * firstVector, vector - firstVector, offsetBytes)
      runs.push({ start: firstIndex, end: index, lengthBytes })
    }
    return runs
  }

  #setIocb(index: number, fd: number, vectors: number, count: number, offsetBytes: number): void {
    const at = index * IOCB_WORDS
    const words = this.#iocbs
    words.fill(0, at, at + IOCB_WORDS)
    words[at] = index
    words[at + 4] = IOCB_CMD_PWRITEV
    words[at + 5] = fd
    words[at + 6] = vectors
    words[at + 7] = vectors / TWO_32
    words[at + 8] = count
    words[at + 10] = offsetBytes
    words[at + 11] = offsetBytes / TWO_32
  }

  /** Runs that were not taken or stopped short; throws when one failed. */
  #unwritten(runs: readonly Submitted[], taken: number): ExtentRun[] {
    const unwritten: ExtentRun[] = runs.slice(taken)
    for (let i = 0; i < taken; i++) {
      const at = (i * AIO_EVENT_BYTES) / 4
      const run = runs[this.#events[at]!]!
      // The result is 64 bits wide; a batch is far below 2^31, and a negative errno is small.
      const result = this.#events[at + 4]!
      if (result < 0 && !TRY_PLAINLY.has(-result)) throw systemError(-result, 'io_submit')
      if (result !== run.lengthBytes) unwritten.push(run)
    }
    return unwritten
  }
}

const bytesOf = (words: Uint32Array | Int32Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength)

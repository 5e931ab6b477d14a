/**
 * The system calls that Node does not offer, by way of koffi; no other file knows koffi. Where koffi cannot be
 * loaded (another platform, no prebuilt library) `plainSyscalls` says "not supported" to everything, and the
 * callers have a plain way for each: an ordinary read, zeros instead of a hole, a lock file instead of a lock.
 *
 * Calls that may wait for the disk run on Node's thread pool; the synchronous ones never wait. `readNow` is the
 * hot path of cached reads: no allocation, no bigint, addresses of buffers found in a weak map.
 */
import { createRequire } from 'node:module'
import { constants, uptime } from 'node:os'
import { systemError } from './system-error.ts'

export interface Syscalls {
  /** False for `plainSyscalls`. */
  readonly native: boolean
  /** Fills `target` from the page cache; false when any byte is not there (`target` is then undefined). */
  readNow(fd: number, target: Uint8Array, offsetBytes: number): boolean
  /**
   * Sends `buffers` on a socket as far as it takes them now; returns the bytes taken, 0 also for every error: the
   * ordinary way to write meets the same error and tells it.
   */
  sendNow(fd: number, buffers: readonly Uint8Array[]): number
  /** Milliseconds of CLOCK_BOOTTIME. */
  bootMs(): number
  /** Gives the range's space back, keeping the size. False when the file system cannot. */
  punchHole(fd: number, offsetBytes: number, lengthBytes: number): Promise<boolean>
  /** Reserves space, extending the file. False when the file system cannot. */
  allocate(fd: number, offsetBytes: number, lengthBytes: number): Promise<boolean>
  /** Drops clean pages of the range from the page cache. False when it cannot. */
  dropCache(fd: number, offsetBytes: number, lengthBytes: number): Promise<boolean>
  /** Has the kernel begin to write out dirty pages of the range; does not wait for them. False when it cannot. */
  startWriteback(fd: number, offsetBytes: number, lengthBytes: number): Promise<boolean>
  /** Takes an exclusive `flock` without waiting. */
  tryLock(fd: number): 'locked' | 'held' | 'unsupported'
  /** Address of the first byte; stays valid while the buffer is referenced and not detached. 0 when unknown. */
  address(bytes: Uint8Array): number
  /** Makes a context for native asynchronous I/O (io_setup) of up to `entries` operations; 0 when refused. */
  aioSetup(entries: number): number
  /** io_submit of `count` control blocks; returns how many were taken, −1 when not even the first was. */
  aioSubmit(context: number, count: number, controlBlocks: number): Promise<number>
  /** io_getevents: waits for exactly `count` events and stores them at `events`; returns how many it stored. */
  aioCollect(context: number, count: number, events: number): Promise<number>
}

const { errno: ERRNO } = constants
const RWF_NOWAIT = 8
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const FALLOC_FL_KEEP_SIZE = 1
const FALLOC_FL_PUNCH_HOLE = 2
const POSIX_FADV_DONTNEED = 4
const SYNC_FILE_RANGE_WRITE = 2
const LOCK_EX = 2
const LOCK_NB = 4
const CLOCK_BOOTTIME = 7
const TWO_32 = 0x1_0000_0000

/** Buffers that one `sendmsg` is given; more follow in another. */
const VECTORS_MAX = 256

/** Calls on the thread pool at one time; koffi refuses calls beyond a bound of its own (256). */
const POOL_CALLS_MAX = 64

/** Numbers of io_setup, io_getevents and io_submit, which the C library does not wrap. */
const AIO_NUMBERS: Readonly<Record<string, { setup: number; getEvents: number; submit: number }>> = {
  x64: { setup: 206, getEvents: 208, submit: 209 },
  arm64: { setup: 0, getEvents: 4, submit: 2 },
}

export const plainSyscalls: Syscalls = {
  native: false,
  readNow: () => false,
  sendNow: () => 0,
  bootMs: () => uptime() * 1000,
  punchHole: () => Promise.resolve(false),
  allocate: () => Promise.resolve(false),
  dropCache: () => Promise.resolve(false),
  startWriteback: () => Promise.resolve(false),
  tryLock: () => 'unsupported',
  address: () => 0,
  aioSetup: () => 0,
  aioSubmit: () => Promise.resolve(-1),
  aioCollect: () => Promise.resolve(0),
}

/**
 * The system calls of this platform, or `plainSyscalls` where they cannot be had; `onUnavailable` then hears why.
 */
export function loadSyscalls(onUnavailable?: (reason: unknown) => void): Syscalls {
  try {
    const aio = AIO_NUMBERS[process.arch]
    if (process.platform !== 'linux' || aio === undefined) {
      throw new Error(`no system calls known for ${process.platform} on ${process.arch}`)
    }
    return new NativeSyscalls(loadKoffi(), aio)
  } catch (reason) {
    // Whatever koffi or its dynamic linker throws, the plain ways work.
    onUnavailable?.(reason)
    return plainSyscalls
  }
}

/** A C function as koffi gives it; all arguments and results here are integers that a double holds exactly. */
interface NativeFunction {
  (...args: readonly number[]): number
  async(...args: readonly (number | PoolCallback)[]): void
}
type PoolCallback = (error: Error | null, result: number) => void

/** The part of koffi that is used. */
interface Koffi {
  load(path: null): { func(name: string, result: string, args: readonly string[]): NativeFunction }
  address(value: ArrayBufferLike): bigint
  errno(): number
}

const loadKoffi = (): Koffi => createRequire(import.meta.url)('koffi') as typeof import('koffi')

class NativeSyscalls implements Syscalls {
  readonly native = true
  readonly #koffi: Koffi
  readonly #aio: { setup: number; getEvents: number; submit: number }
  readonly #preadv2: NativeFunction
  readonly #sendmsg: NativeFunction
  readonly #fallocate: NativeFunction
  readonly #fadvise: NativeFunction
  readonly #flock: NativeFunction
  readonly #syncFileRange: NativeFunction
  readonly #clockGettime: NativeFunction
  readonly #syscall: NativeFunction
  /** Address of the first byte of each buffer ever used. */
  readonly #bases = new WeakMap<ArrayBufferLike, number>()
  /** One `struct iovec`: base and length, 64 bits each. */
  readonly #iovec = new Uint32Array(new ArrayBuffer(16))
  readonly #iovecAddress: number
  /** Of `sendNow`: `struct iovec` one after the other, and the `struct msghdr` that names them. */
  readonly #sendVectors = new Uint32Array(new ArrayBuffer(VECTORS_MAX * 16))
  readonly #message = new Uint32Array(new ArrayBuffer(56))
  readonly #messageAddress: number
  /** One `struct timespec`: seconds and nanoseconds, 64 bits each. */
  readonly #timespec = new Uint32Array(new ArrayBuffer(16))
  readonly #timespecAddress: number
  /** A `struct timespec` of zero: do not wait. */
  readonly #noWait = new Uint32Array(new ArrayBuffer(16))
  #poolCalls = 0
  readonly #waiting: (() => void)[] = []

  constructor(koffi: Koffi, aio: { setup: number; getEvents: number; submit: number }) {
    const libc = koffi.load(null)
    this.#koffi = koffi
    this.#aio = aio
    this.#preadv2 = libc.func('preadv2', 'int64_t', ['int', 'uint64_t', 'int', 'int64_t', 'int'])
    this.#sendmsg = libc.func('sendmsg', 'int64_t', ['int', 'uint64_t', 'int'])
    this.#fallocate = libc.func('fallocate', 'int', ['int', 'int', 'int64_t', 'int64_t'])
    this.#fadvise = libc.func('posix_fadvise', 'int', ['int', 'int64_t', 'int64_t', 'int'])
    this.#flock = libc.func('flock', 'int', ['int', 'int'])
    this.#syncFileRange = libc.func('sync_file_range', 'int', ['int', 'int64_t', 'int64_t', 'int'])
    this.#clockGettime = libc.func('clock_gettime', 'int', ['int', 'uint64_t'])
    const word = 'uint64_t'
    this.#syscall = libc.func('syscall', 'int64_t', ['int64_t', word, word, word, word, word])
    this.#iovecAddress = Number(koffi.address(this.#iovec.buffer))
    this.#messageAddress = Number(koffi.address(this.#message.buffer))
    const sendVectors = Number(koffi.address(this.#sendVectors.buffer))
    this.#message[4] = sendVectors
    this.#message[5] = sendVectors / TWO_32
    this.#timespecAddress = Number(koffi.address(this.#timespec.buffer))
  }

  readNow(fd: number, target: Uint8Array, offsetBytes: number): boolean {
    const lengthBytes = target.byteLength
    if (lengthBytes === 0) return true
    const address = this.address(target)
    const iovec = this.#iovec
    // Storing a double into a u32 keeps its low 32 bits; user addresses are below 2^48.
    iovec[0] = address
    iovec[1] = address / TWO_32
    iovec[2] = lengthBytes
    iovec[3] = lengthBytes / TWO_32
    for (;;) {
      const got = this.#preadv2(fd, this.#iovecAddress, 1, offsetBytes, RWF_NOWAIT)
      if (got === lengthBytes) return true
      // Short (partly cached, or the end of the file), EAGAIN (not cached), EOPNOTSUPP, or an error: the
      // ordinary read waits, or tells.
      if (got !== -1 || this.#koffi.errno() !== ERRNO.EINTR) return false
    }
  }

  sendNow(fd: number, buffers: readonly Uint8Array[]): number {
    let sentBytes = 0
    for (let first = 0; first < buffers.length; first += VECTORS_MAX) {
      const count = Math.min(buffers.length - first, VECTORS_MAX)
      const lengthBytes = this.#setSendVectors(buffers, first, count)
      // The message's count of vectors: 64 bits, of which the upper half stays zero.
      this.#message[6] = count
      let taken: number
      do taken = this.#sendmsg(fd, this.#messageAddress, MSG_DONTWAIT | MSG_NOSIGNAL)
      while (taken === -1 && this.#koffi.errno() === ERRNO.EINTR)
      if (taken > 0) sentBytes += taken
      if (taken !== lengthBytes) break
    }
    return sentBytes
  }

  /** Returns the bytes of all of them. */
  #setSendVectors(buffers: readonly Uint8Array[], first: number, count: number): number {
    const vectors = this.#sendVectors
    let lengthBytes = 0
    for (let i = 0; i < count; i++) {
      const buffer = buffers[first + i]!
      const address = this.address(buffer)
      vectors[4 * i] = address
      vectors[4 * i + 1] = address / TWO_32
      vectors[4 * i + 2] = buffer.byteLength
      vectors[4 * i + 3] = 0
      lengthBytes += buffer.byteLength
    }
    return lengthBytes
  }

  bootMs(): number {
    const timespec = this.#timespec
    this.#clockGettime(CLOCK_BOOTTIME, this.#timespecAddress)
    const seconds = timespec[1]! * TWO_32 + timespec[0]!
    return seconds * 1000 + timespec[2]! / 1e6
  }

  punchHole(fd: number, offsetBytes: number, lengthBytes: number): Promise<boolean> {
    return this.#changeSpace(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offsetBytes, lengthBytes)
  }

  allocate(fd: number, offsetBytes: number, lengthBytes: number): Promise<boolean> {
    return this.#changeSpace(fd, 0, offsetBytes, lengthBytes)
  }

  async dropCache(fd: number, offsetBytes: number, lengthBytes: number): Promise<boolean> {
    const args = [fd, offsetBytes, lengthBytes, POSIX_FADV_DONTNEED]
    // posix_fadvise returns the error itself and leaves errno alone.
    return (await this.#onPool(this.#fadvise, args)).result === 0
  }

  async startWriteback(fd: number, offsetBytes: number, lengthBytes: number): Promise<boolean> {
    const args = [fd, offsetBytes, lengthBytes, SYNC_FILE_RANGE_WRITE]
    return (await this.#onPool(this.#syncFileRange, args)).result === 0
  }

  tryLock(fd: number): 'locked' | 'held' | 'unsupported' {
    for (;;) {
      if (this.#flock(fd, LOCK_EX | LOCK_NB) === 0) return 'locked'
      const errno = this.#koffi.errno()
      if (errno === ERRNO.EWOULDBLOCK) return 'held'
      if (errno !== ERRNO.EINTR) return 'unsupported'
    }
  }

  address(bytes: Uint8Array): number {
    const { buffer } = bytes
    let base = this.#bases.get(buffer)
    if (base === undefined) {
      base = Number(this.#koffi.address(buffer))
      this.#bases.set(buffer, base)
    }
    return base + bytes.byteOffset
  }

  aioSetup(entries: number): number {
    const context = new Uint32Array(new ArrayBuffer(8))
    const address = Number(this.#koffi.address(context.buffer))
    if (this.#syscall(this.#aio.setup, entries, address, 0, 0, 0) !== 0) return 0
    return context[1]! * TWO_32 + context[0]!
  }

  async aioSubmit(context: number, count: number, controlBlocks: number): Promise<number> {
    return (await this.#onPool(this.#syscall, [this.#aio.submit, context, count, controlBlocks, 0, 0])).result
  }

  async aioCollect(context: number, count: number, events: number): Promise<number> {
    // Buffered writes are complete when io_submit returns, so that the first look nearly always finds them all.
    const noWait = Number(this.#koffi.address(this.#noWait.buffer))
    const { getEvents } = this.#aio
    const first = Math.max(this.#syscall(getEvents, context, count, count, events, noWait), 0)
    let collected = first
    while (collected < count) {
      const left = count - collected
      const at = events + collected * AIO_EVENT_BYTES
      const { result, errno } = await this.#onPool(this.#syscall, [getEvents, context, left, left, at, 0])
      if (result === -1 && errno !== ERRNO.EINTR) throw systemError(errno, 'io_getevents')
      collected += Math.max(result, 0)
    }
    return collected
  }

  async #changeSpace(fd: number, mode: number, offsetBytes: number, lengthBytes: number): Promise<boolean> {
    for (;;) {
      const { result, errno } = await this.#onPool(this.#fallocate, [fd, mode, offsetBytes, lengthBytes])
      if (result === 0) return true
      if (errno === ERRNO.EOPNOTSUPP || errno === ERRNO.ENOSYS) return false
      if (errno !== ERRNO.EINTR) throw systemError(errno, 'fallocate')
    }
  }

  /** Makes the call on a thread of the pool. koffi carries errno from that thread into the callback. */
  async #onPool(call: NativeFunction, args: readonly number[]): Promise<{ result: number; errno: number }> {
    if (this.#poolCalls >= POOL_CALLS_MAX) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    } else {
      this.#poolCalls++
    }
    try {
      return await new Promise((resolve, reject) => {
        call.async(...args, (error: Error | null, result: number) => {
          const errno = this.#koffi.errno()
          if (error === null) resolve({ result, errno })
          else reject(error)
        })
      })
    } finally {
      // The place goes to the one who waited longest, or is given up.
      const next = this.#waiting.shift()
      if (next === undefined) this.#poolCalls--
      else next()
    }
  }
}

/** `struct io_event`: data, obj, res and res2, 64 bits each. */
export const AIO_EVENT_BYTES = 32

/**
 * One open file on the real disk, on a raw descriptor. The descriptor is closed only when no operation uses it
 * any more: its number is given to the next file that is opened, and a late write must not land there.
 *
 * Costs: `readNow` is one system call on this thread; everything else is one trip to the thread pool per call,
 * `writeMany` one per several hundred extents.
 */
import fs from 'node:fs'
import { promisify } from 'node:util'
import { assert } from '../base/assert.ts'
import { BlockError } from '../base/errors.ts'
import type { DiskFile, Extent } from '../base/ports/disk.ts'
import { MIB } from '../base/units.ts'
import type { BusyPoll } from './busy-poll.ts'
import { readDirect } from './direct-read.ts'
import { EarlyWriteback } from './early-writeback.ts'
import type { ExtentRun, ExtentWriter } from './extent-writer.ts'
import { readFully, writeFully } from './raw-io.ts'
import type { ResourcePool } from './resource-pool.ts'
import type { Syscalls } from './syscalls.ts'
import { diskError, isSystemError } from './system-error.ts'

const openRaw = promisify(fs.open)
const closeRaw = promisify(fs.close)
const statRaw = promisify(fs.fstat)
const truncateRaw = promisify(fs.ftruncate)
const datasyncRaw = promisify(fs.fdatasync)

/** Writes on their way at one time when `writeMany` has to use ordinary writes. */
const PLAIN_WRITES_MAX = 16
const ZEROS_BYTES = MIB

/** What the files of one disk share. */
export interface FileResources {
  readonly syscalls: Syscalls
  readonly bounceBuffers: ResourcePool<Uint8Array>
  /** Give undefined where the kernel does not offer it. */
  readonly extentWriters: ResourcePool<ExtentWriter | undefined>
  readonly busyPoll: BusyPoll | undefined
}

export class RealFile implements DiskFile {
  readonly path: string
  readonly #fd: number
  readonly #shared: FileResources
  readonly #syscalls: Syscalls
  /** The second descriptor, for `readUncached`; undefined inside when the file system refuses O_DIRECT. */
  #direct: Promise<number | undefined> | undefined
  readonly #writeback: EarlyWriteback
  #operations = 0
  #closing: Promise<void> | undefined
  #idle: (() => void) | undefined

  constructor(options: { path: string; fd: number; shared: FileResources }) {
    this.path = options.path
    this.#fd = options.fd
    this.#shared = options.shared
    this.#syscalls = options.shared.syscalls
    this.#writeback = new EarlyWriteback(this.#syscalls)
  }

  readNow(target: Uint8Array, offsetBytes: number): boolean {
    if (this.#closing !== undefined) throw this.#closedError()
    return this.#syscalls.readNow(this.#fd, target, offsetBytes)
  }

  read(target: Uint8Array, offsetBytes: number): Promise<number> {
    return this.#run(() => readFully(this.#fd, target, offsetBytes))
  }

  readUncached(target: Uint8Array, offsetBytes: number): Promise<number> {
    return this.#run(async () => {
      this.#direct ??= this.#openDirect()
      const direct = await this.#direct
      if (direct !== undefined) {
        const got = await this.#readDirect(direct, target, offsetBytes)
        if (got !== undefined) return got
      }
      // Dirty pages are not dropped, so they have to be written first.
      await datasyncRaw(this.#fd)
      await this.#syscalls.dropCache(this.#fd, offsetBytes, target.byteLength)
      return await readFully(this.#fd, target, offsetBytes)
    })
  }

  write(buffers: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    return this.#run(async () => {
      await writeFully(this.#fd, buffers, offsetBytes)
      let lengthBytes = 0
      for (const buffer of buffers) lengthBytes += buffer.byteLength
      this.#wrote(offsetBytes, lengthBytes)
    })
  }

  #wrote(offsetBytes: number, lengthBytes: number): void {
    const step = this.#writeback.wrote(this.#fd, offsetBytes, lengthBytes)
    // the descriptor stays open until it is done; that it could not be begun concerns nobody
    if (step !== undefined) void this.#run(() => step).catch(() => undefined)
  }

  writeMany(extents: readonly Extent[]): Promise<void> {
    return this.#run(() =>
      this.#shared.extentWriters.use(async (writer) => {
        if (writer === undefined) return await writePlainly(this.#fd, extents)
        for (let start = 0; start < extents.length; ) {
          const { end, unwritten } = await writer.write(this.#fd, extents, start)
          assert(end > start, 'a submission takes at least one extent')
          for (const run of unwritten) await writeRun(this.#fd, extents, run)
          start = end
        }
        for (const { offsetBytes, data } of extents) this.#wrote(offsetBytes, data.byteLength)
      }),
    )
  }

  datasync(): Promise<void> {
    return this.#run(() => datasyncRaw(this.#fd))
  }

  punchHole(offsetBytes: number, lengthBytes: number): Promise<void> {
    return this.#run(async () => {
      if (lengthBytes === 0 || (await this.#syscalls.punchHole(this.#fd, offsetBytes, lengthBytes))) return
      const { size } = await statRaw(this.#fd)
      await this.#writeZeros(offsetBytes, Math.min(offsetBytes + lengthBytes, size))
    })
  }

  /**
   * Where the file system cannot reserve, what lies beyond the file's end is written with zeros; holes inside
   * the file stay holes, because filling them could overwrite what somebody else writes there meanwhile.
   */
  allocate(offsetBytes: number, lengthBytes: number): Promise<void> {
    return this.#run(async () => {
      if (lengthBytes === 0 || (await this.#syscalls.allocate(this.#fd, offsetBytes, lengthBytes))) return
      const { size } = await statRaw(this.#fd)
      await this.#writeZeros(Math.max(offsetBytes, size), offsetBytes + lengthBytes)
    })
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#run(() => truncateRaw(this.#fd, sizeBytes))
  }

  sizeBytes(): Promise<number> {
    return this.#run(async () => (await statRaw(this.#fd)).size)
  }

  allocatedBytes(): Promise<number> {
    // POSIX counts blocks of 512 bytes here, whatever the file system uses.
    return this.#run(async () => (await statRaw(this.#fd)).blocks * 512)
  }

  /** Refuses further operations at once; resolves when those on their way are done and the file is closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#operations > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
    const direct = await this.#direct
    try {
      if (direct !== undefined) await closeRaw(direct)
      await closeRaw(this.#fd)
    } catch (error) {
      throw diskError(error, this.path)
    }
  }

  /** Runs `body` while holding the descriptor; system errors become `BlockError`. */
  async #run<Result>(body: () => Promise<Result>): Promise<Result> {
    if (this.#closing !== undefined) throw this.#closedError()
    this.#operations++
    this.#shared.busyPoll?.enter()
    try {
      return await body()
    } catch (error) {
      throw diskError(error, this.path)
    } finally {
      this.#operations--
      this.#shared.busyPoll?.leave()
      if (this.#operations === 0) this.#idle?.()
    }
  }

  #closedError(): BlockError {
    return new BlockError('CLOSED', `${this.path}: the file is closed`, { facts: { path: this.path } })
  }

  async #openDirect(): Promise<number | undefined> {
    try {
      // By the descriptor, for the file may have another name by now.
      return await openRaw(`/proc/self/fd/${this.#fd}`, fs.constants.O_RDONLY | fs.constants.O_DIRECT)
    } catch (error) {
      if (isSystemError(error, 'EINVAL', 'EOPNOTSUPP')) return undefined
      this.#direct = undefined
      throw error
    }
  }

  async #readDirect(fd: number, target: Uint8Array, offsetBytes: number): Promise<number | undefined> {
    try {
      return await this.#shared.bounceBuffers.use((bounce) => readDirect(fd, bounce, target, offsetBytes))
    } catch (error) {
      // Some file systems accept the flag at open and refuse the read.
      if (isSystemError(error, 'EINVAL', 'EOPNOTSUPP')) return undefined
      throw error
    }
  }

  async #writeZeros(start: number, end: number): Promise<void> {
    if (start >= end) return
    const zeros = Buffer.alloc(Math.min(end - start, ZEROS_BYTES))
    for (let at = start; at < end; at += zeros.byteLength) {
      await writeFully(this.#fd, [zeros.subarray(0, Math.min(zeros.byteLength, end - at))], at)
    }
  }
}

/** `writeMany` by ordinary writes: several at a time, unless extents overlap and the order shows. */
async function writePlainly(fd: number, extents: readonly Extent[]): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < extents.length) {
      const run = { start: next, end: endOfRun(extents, next) }
      next = run.end
      await writeRun(fd, extents, run)
    }
  }
  const lanes = Array.from({ length: isAscending(extents) ? PLAIN_WRITES_MAX : 1 }, lane)
  // All lanes have to end before the caller hears of an error: the buffers are lent until then.
  const results = await Promise.allSettled(lanes)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

function endOfRun(extents: readonly Extent[], start: number): number {
  let end = start + 1
  while (end < extents.length) {
    const { offsetBytes, data } = extents[end - 1]!
    if (extents[end]!.offsetBytes !== offsetBytes + data.byteLength) break
    end++
  }
  return end
}

function isAscending(extents: readonly Extent[]): boolean {
  let position = 0
  for (const { offsetBytes, data } of extents) {
    if (offsetBytes < position) return false
    position = offsetBytes + data.byteLength
  }
  return true
}

function writeRun(fd: number, extents: readonly Extent[], { start, end }: ExtentRun): Promise<void> {
  const buffers = extents.slice(start, end).map((extent) => extent.data)
  return writeFully(fd, buffers, extents[start]!.offsetBytes)
}

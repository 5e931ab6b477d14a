/** The real disk behind the `Disk` port. Files are made readable by their owner only. */
import fs from 'node:fs'
import { promisify } from 'node:util'
import type { Disk, DiskFile, DiskLock } from '../base/ports/disk.ts'
import type { BusyPoll } from './busy-poll.ts'
import { makeBounceBuffer } from './direct-read.ts'
import { ExtentWriter } from './extent-writer.ts'
import { type FileResources, RealFile } from './file.ts'
import { takeLock } from './lock.ts'
import { ResourcePool } from './resource-pool.ts'
import type { Syscalls } from './syscalls.ts'
import { diskError, isSystemError } from './system-error.ts'

const openRaw = promisify(fs.open)
const { O_RDWR, O_CREAT, O_EXCL, O_RDONLY, O_DIRECTORY } = fs.constants
const OPEN_FLAGS = {
  never: O_RDWR,
  missing: O_RDWR | O_CREAT,
  new: O_RDWR | O_CREAT | O_EXCL,
} as const

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/**
 * Bounds on what one disk's files share. Two writers leave half of the thread pool to everybody else while the
 * kernel throttles them; bounce buffers are 1 MiB each.
 */
const EXTENT_WRITERS_MAX = 2
const BOUNCE_BUFFERS_MAX = 4

export class RealDisk implements Disk {
  readonly #shared: FileResources

  /** `busyPoll` is told when the thread pool works for this disk. */
  constructor(options: { syscalls: Syscalls; busyPoll?: BusyPoll }) {
    const { syscalls, busyPoll } = options
    this.#shared = {
      syscalls,
      busyPoll,
      bounceBuffers: new ResourcePool({ countMax: BOUNCE_BUFFERS_MAX, make: makeBounceBuffer }),
      extentWriters: new ResourcePool<ExtentWriter | undefined>({
        countMax: EXTENT_WRITERS_MAX,
        make: () => ExtentWriter.open(syscalls),
      }),
    }
  }

  open(path: string, options: { create: 'never' | 'missing' | 'new' }): Promise<DiskFile> {
    return onPath(path, async () => {
      const fd = await openRaw(path, OPEN_FLAGS[options.create], FILE_MODE)
      return new RealFile({ path, fd, shared: this.#shared })
    })
  }

  exists(path: string): Promise<boolean> {
    return onPath(path, async () => {
      try {
        await fs.promises.stat(path)
        return true
      } catch (error) {
        if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false
        throw error
      }
    })
  }

  makeDirectory(path: string): Promise<void> {
    return onPath(path, async () => {
      await fs.promises.mkdir(path, { recursive: true, mode: DIRECTORY_MODE })
    })
  }

  list(path: string): Promise<string[]> {
    return onPath(path, async () => (await fs.promises.readdir(path)).sort())
  }

  rename(from: string, to: string): Promise<void> {
    return onPath(from, () => fs.promises.rename(from, to))
  }

  remove(path: string): Promise<void> {
    return onPath(path, () => fs.promises.rm(path, { recursive: true, force: true }))
  }

  syncDirectory(path: string): Promise<void> {
    return onPath(path, async () => {
      const directory = await fs.promises.open(path, O_RDONLY | O_DIRECTORY)
      try {
        await directory.sync()
      } finally {
        await directory.close()
      }
    })
  }

  lock(path: string): Promise<DiskLock> {
    return takeLock(path, this.#shared.syscalls)
  }

  space(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
    return onPath(path, async () => {
      const { bavail, blocks, bsize } = await fs.promises.statfs(path)
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
    })
  }

  bootId(): Promise<string> {
    const path = '/proc/sys/kernel/random/boot_id'
    return onPath(path, async () => (await fs.promises.readFile(path, 'utf8')).trim())
  }
}

async function onPath<Result>(path: string, body: () => Promise<Result>): Promise<Result> {
  try {
    return await body()
  } catch (error) {
    throw diskError(error, path)
  }
}

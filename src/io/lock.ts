/**
 * Exclusive locks between processes, by `flock` on a lock file: the kernel ends them with the process. The file
 * names its holder for people and stays when the lock is released (removing it would let two processes lock two
 * files of one name). Where `flock` does not work, `lock-file.ts` has another way.
 *
 * A process that locks in one way respects one that locked in the other: each first announces itself and then
 * looks for the other, so that of two at the same time at least one is refused.
 */
import fs from 'node:fs/promises'
import type { DiskLock } from '../base/ports/disk.ts'
import { generationHolder, releaseGeneration, takeGeneration } from './lock-file.ts'
import { inUse, runningHolder, thisProcess } from './lock-holder.ts'
import type { Syscalls } from './syscalls.ts'
import { diskError, isSystemError } from './system-error.ts'

/** How often the lock file may be replaced while it is being locked. */
const ATTEMPTS_MAX = 10

/** Takes the lock on `path`; IN_USE, with `pid` among the facts when it is known, when somebody has it. */
export async function takeLock(path: string, syscalls: Syscalls): Promise<DiskLock> {
  return await onPath(path, async () => {
    if (!syscalls.native) return await takeByFile(path)
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const lock = await takeByKernel(path, syscalls)
      if (lock === 'unsupported') return await takeByFile(path)
      if (lock !== 'replaced') return lock
    }
    throw inUse(path, undefined)
  })
}

async function takeByKernel(
  path: string,
  syscalls: Syscalls,
): Promise<DiskLock | 'unsupported' | 'replaced'> {
  // Without O_TRUNC: the content may be the holder's.
  const file = await fs.open(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600)
  let isTaken = false
  try {
    const locked = syscalls.tryLock(file.fd)
    if (locked === 'unsupported') return 'unsupported'
    if (locked === 'held') throw inUse(path, await runningHolder(path))
    if (!(await isSameFile(file, path))) return 'replaced'
    await announce(file)
    const other = await generationHolder(path)
    if (other !== undefined) {
      await file.truncate(0)
      throw inUse(path, other)
    }
    isTaken = true
  } finally {
    if (!isTaken) await file.close()
  }
  return once(path, async () => {
    try {
      await file.truncate(0)
    } finally {
      await file.close()
    }
  })
}

async function takeByFile(path: string): Promise<DiskLock> {
  const generation = await takeGeneration(path)
  const other = await runningHolder(path)
  if (other !== undefined) {
    await releaseGeneration(generation)
    throw inUse(path, other)
  }
  return once(path, () => releaseGeneration(generation))
}

/** Writes who holds the lock. A full disk does not prevent a lock: the kernel's lock is the one that counts. */
async function announce(file: fs.FileHandle): Promise<void> {
  try {
    await file.truncate(0)
    await file.write(JSON.stringify(await thisProcess()), 0)
  } catch (error) {
    if (!isSystemError(error, 'ENOSPC', 'EDQUOT')) throw error
  }
}

/** A lock that is released once, however often that is asked for. */
function once(path: string, release: () => Promise<void>): DiskLock {
  let released: Promise<void> | undefined
  return {
    release: () => {
      released ??= onPath(path, release)
      return released
    },
  }
}

/** Whether `path` still names the open file: somebody may have removed or replaced it since. */
async function isSameFile(file: fs.FileHandle, path: string): Promise<boolean> {
  try {
    const [opened, named] = await Promise.all([file.stat(), fs.stat(path)])
    return opened.ino === named.ino && opened.dev === named.dev
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false
    throw error
  }
}

async function onPath<Result>(path: string, body: () => Promise<Result>): Promise<Result> {
  try {
    return await body()
  } catch (error) {
    throw diskError(error, path)
  }
}

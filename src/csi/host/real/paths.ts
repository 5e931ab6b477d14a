/** Paths of the host: what is there, folders and files to mount onto, and what is used of a file system. */
import { lstat, mkdir, open, rmdir, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BlockError } from '../../../base/errors.ts'
import type { PathKind, PathTools } from '../host-tools.ts'
import type { Run } from './run.ts'

const STAT_MS = 10_000

export function pathTools(run: Run): PathTools {
  return {
    pathKind,
    makeDirectory: async (path) => {
      await attempt(path, () => mkdir(path, { recursive: true, mode: 0o750 }))
    },
    makeFile: async (path) => {
      await attempt(path, async () => {
        await mkdir(dirname(path), { recursive: true, mode: 0o750 })
        await (await open(path, 'a', 0o640)).close()
      })
    },
    removePath: async (path) => {
      const kind = await pathKind(path)
      if (kind === 'missing') return
      if (kind === 'directory') return await attempt(path, () => rmdir(path))
      const isEmptyFile = kind === 'file' && (await attempt(path, () => lstat(path))).size === 0
      if (!isEmptyFile) throw new BlockError('IN_USE', `${path} is not an empty file; it is left alone`)
      await attempt(path, () => unlink(path))
    },
    usageOf: async (path) => {
      const { stdout } = await run('stat', ['-f', '-c', '%S %b %f %a %c %d', path], { timeoutMs: STAT_MS })
      const [unit = 0, blocks = 0, free = 0, available = 0, inodes = 0, freeInodes = 0] = stdout
        .trim()
        .split(' ')
        .map(Number)
      return {
        totalBytes: blocks * unit,
        usedBytes: (blocks - free) * unit,
        availableBytes: available * unit,
        totalInodes: inodes,
        usedInodes: inodes - freeInodes,
        availableInodes: freeInodes,
      }
    },
  }
}

async function pathKind(path: string): Promise<PathKind> {
  try {
    const found = await lstat(path)
    if (found.isDirectory()) return 'directory'
    return found.isFile() ? 'file' : 'other'
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'missing'
    throw error
  }
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    const isUsed = ['EBUSY', 'ENOTEMPTY', 'EEXIST'].includes(String(error.code))
    throw new BlockError(isUsed ? 'IN_USE' : 'DISK', `${path}: ${error.message}`, { cause: error })
  }
}

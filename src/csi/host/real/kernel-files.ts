/** The kernel's files: short texts that may be gone the moment after they were listed. */
import { readdir, readFile, realpath } from 'node:fs/promises'

/** Where they are read: on this host, or on one that is reached by its tools only. */
export interface KernelFiles {
  /** The text without its end of line; undefined when there is no such file, or its device is gone. */
  textOf(path: string): Promise<string | undefined>
  /** As `textOf`, for what is binary. */
  bytesOf(path: string): Promise<Buffer | undefined>
  /** Names in a folder, in order; none when it is not there. */
  namesIn(path: string): Promise<readonly string[]>
  /** Where a link leads at last; undefined when it is not there. */
  targetOf(path: string): Promise<string | undefined>
}

async function textOf(path: string): Promise<string | undefined> {
  return (await bytesOf(path))?.toString('utf8').trim()
}

async function bytesOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    return gone(error)
  }
}

async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path)).sort()
  } catch (error) {
    return gone(error) ?? []
  }
}

async function targetOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch (error) {
    return gone(error)
  }
}

export const ownFiles: KernelFiles = { textOf, bytesOf, namesIn, targetOf }

const GONE: readonly unknown[] = ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'EIO', 'EINVAL', 'EAGAIN']

function gone(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && GONE.includes(error.code)) return undefined
  throw error
}

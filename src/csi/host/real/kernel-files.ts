/** The kernel's files: short texts that may be gone the moment after they were listed. */
import { readdir, readFile, realpath } from 'node:fs/promises'

/** The text without its end of line; undefined when there is no such file, or its device is gone. */
export async function textOf(path: string): Promise<string | undefined> {
  return (await bytesOf(path))?.toString('utf8').trim()
}

/** As `textOf`, for what is binary. */
export async function bytesOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    return gone(error)
  }
}

/** Names in a folder, in order; none when it is not there. */
export async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path)).sort()
  } catch (error) {
    return gone(error) ?? []
  }
}

/** Where a link leads at last; undefined when it is not there. */
export async function targetOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch (error) {
    return gone(error)
  }
}

const GONE: readonly unknown[] = ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'EIO', 'EINVAL', 'EAGAIN']

function gone(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && GONE.includes(error.code)) return undefined
  throw error
}

/**
 * Objects as files of a directory: a mount of another machine, or a disk that is taken away. A file is written under another
 * name, synced and renamed, and its directory synced, so that an object is there as a whole or not at all.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BlockError, type BlockErrorCode } from '../../base/errors.ts'
import type { ObjectInfo, ObjectPage, ObjectStore } from '../ports.ts'

const PAGE = 1000
/** Of files that are being written; never listed. */
const UNFINISHED = '.part-'

const CODES: Readonly<Record<string, BlockErrorCode>> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'NOT_FOUND',
  EACCES: 'ACCESS_DENIED',
  EPERM: 'ACCESS_DENIED',
  EROFS: 'ACCESS_DENIED',
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
}

export class DirectoryStore implements ObjectStore {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  async put(name: string, body: Uint8Array): Promise<void> {
    await this.#write(name, async (file) => {
      await file.writeFile(body)
    })
  }

  async putStream(
    name: string,
    _sizeBytes: number,
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#write(name, async (file) => {
      for await (const piece of body) {
        signal.throwIfAborted()
        await file.writeFile(piece)
      }
    })
  }

  get(name: string, range: { offsetBytes: number; lengthBytes: number }): Promise<Uint8Array> {
    return named(name, async () => {
      const file = await open(this.#path(name), 'r')
      try {
        const { size } = await file.stat()
        const lengthBytes = Math.max(Math.min(range.lengthBytes, size - range.offsetBytes), 0)
        const target = new Uint8Array(lengthBytes)
        let read = 0
        while (read < lengthBytes) {
          const { bytesRead } = await file.read(target, read, lengthBytes - read, range.offsetBytes + read)
          if (bytesRead === 0) break
          read += bytesRead
        }
        return target.subarray(0, read)
      } finally {
        await file.close()
      }
    })
  }

  head(name: string): Promise<ObjectInfo> {
    return named(name, () => this.#info(name))
  }

  list(prefix: string, after: string): Promise<ObjectPage> {
    return named(prefix, async () => {
      const names: string[] = []
      const isLast = await this.#walk('', { prefix, after }, names)
      const objects: ObjectInfo[] = []
      for (const name of names) {
        const info = await this.#info(name).catch((error: unknown) => {
          if (codeOf(error) === 'ENOENT') return undefined
          throw error
        })
        if (info !== undefined) objects.push(info)
      }
      // a page of which everything vanished must not look like the end
      if (objects.length === 0 && !isLast) return this.list(prefix, names.at(-1)!)
      return { objects, isLast }
    })
  }

  delete(name: string): Promise<void> {
    return named(name, async () => {
      await rm(this.#path(name), { force: true })
      await syncDirectory(dirname(this.#path(name))).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error
      })
    })
  }

  async close(): Promise<void> {
    // nothing is held between calls
  }

  #path(name: string): string {
    return join(this.#root, name)
  }

  async #info(name: string): Promise<ObjectInfo> {
    const { size, mtimeMs } = await stat(this.#path(name))
    return { name, sizeBytes: size, modifiedMs: mtimeMs }
  }

  #write(name: string, fill: (file: FileHandle) => Promise<void>): Promise<void> {
    return named(name, async () => {
      const path = this.#path(name)
      await this.#makeDirectories(dirname(path))
      const unfinished = join(dirname(path), `${UNFINISHED}${randomBytes(8).toString('hex')}`)
      const file = await open(unfinished, 'wx')
      try {
        try {
          await fill(file)
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(unfinished, path)
      } catch (error) {
        await rm(unfinished, { force: true })
        throw error
      }
      await syncDirectory(dirname(path))
    })
  }

  /** The root's own parent must be there: a file system that is not mounted is not written beside. */
  async #makeDirectories(path: string): Promise<void> {
    if (!path.startsWith(this.#root)) return
    if (path !== this.#root) await this.#makeDirectories(dirname(path))
    try {
      await mkdir(path)
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return
      throw error
    }
    await syncDirectory(dirname(path))
  }

  /** Collects names in the order of their bytes; false: there are more than a page. */
  async #walk(below: string, wanted: { prefix: string; after: string }, names: string[]): Promise<boolean> {
    const entries = await readdir(join(this.#root, below), { withFileTypes: true }).catch(
      (error: unknown) => {
        if (codeOf(error) === 'ENOENT') return []
        throw error
      },
    )
    // a directory sorts as its name with a slash, as the names of its objects do
    const sorted = entries
      .filter(({ name }) => !name.startsWith(UNFINISHED))
      .map((entry) => ({ entry, key: `${below}${entry.name}${entry.isDirectory() ? '/' : ''}` }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
    const { prefix, after } = wanted
    for (const { entry, key } of sorted) {
      if (entry.isDirectory()) {
        const mayHold = key.startsWith(prefix) || prefix.startsWith(key)
        const isBehind = key > after || after.startsWith(key)
        if (mayHold && isBehind && !(await this.#walk(key, wanted, names))) return false
        continue
      }
      if (!key.startsWith(prefix) || key <= after) continue
      if (names.length >= PAGE) return false
      names.push(key)
    }
    return true
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined

/** Runs `work`; what the system says against it becomes a `BlockError` that names the object. */
async function named<T>(object: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined || error instanceof BlockError) throw error
    throw new BlockError(CODES[code] ?? 'DISK', `object ${object}: ${(error as Error).message}`, {
      facts: { object },
      cause: error,
    })
  }
}

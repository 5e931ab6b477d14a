/**
 * The data directory of one server: `lock` while it is in use, `server.json` with the server's identity, and
 * `volumes/`. The identity is a UUID made at the first start: addresses and host names change, it does not.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Disk, DiskLock } from '../base/ports/disk.ts'
import type { Random } from '../base/ports/random.ts'
import { formatUuid, parseUuid, randomUuid } from '../base/uuid.ts'
import { readSmallFile, replaceSmallFile } from './small-file.ts'

/** Version 1: `{ version, id }`. */
const SERVER_FILE_VERSION = 1
const SERVER_FILE = 'server.json'
const SERVER_FILE_BYTES_MAX = 4096

export class DataDirectory {
  readonly path: string
  readonly serverId: string
  readonly #lock: DiskLock

  private constructor(path: string, serverId: string, lock: DiskLock) {
    this.path = path
    this.serverId = serverId
    this.#lock = lock
  }

  /** Makes what is missing and takes the lock. IN_USE names the directory and, where known, the process. */
  static async open(ports: { disk: Disk; random: Random }, path: string): Promise<DataDirectory> {
    const { disk, random } = ports
    await disk.makeDirectory(`${path}/volumes`)
    const lock = await disk.lock(`${path}/lock`).catch((cause: unknown) => {
      if (!isBlockError(cause, 'IN_USE')) throw cause
      const { pid } = cause.facts
      throw new BlockError(
        'IN_USE',
        `--data ${path} is in use by ${pid === undefined ? 'another process' : `process ${pid}`}; stop it, or give another directory`,
        { facts: { path, pid }, cause },
      )
    })
    try {
      return new DataDirectory(path, await serverIdOf(disk, random, path), lock)
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  get volumesPath(): string {
    return `${this.path}/volumes`
  }

  async close(): Promise<void> {
    await this.#lock.release()
  }
}

async function serverIdOf(disk: Disk, random: Random, directory: string): Promise<string> {
  const path = `${directory}/${SERVER_FILE}`
  const stored = await readSmallFile(disk, path, SERVER_FILE_BYTES_MAX)
  if (stored !== undefined) return parseServerFile(stored, path)
  const id = formatUuid(randomUuid(random))
  const text = `${JSON.stringify({ version: SERVER_FILE_VERSION, id })}\n`
  await replaceSmallFile(disk, directory, SERVER_FILE, text)
  return id
}

function parseServerFile(text: string, path: string): string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw corrupt(path, cause)
  }
  const { version, id } = (value ?? {}) as { version?: unknown; id?: unknown }
  if (typeof version === 'number' && version !== SERVER_FILE_VERSION) {
    throw new BlockError(
      'UNKNOWN_FORMAT',
      `${path} has version ${version} and this program knows ${SERVER_FILE_VERSION}; use the release that wrote it`,
      { facts: { path } },
    )
  }
  if (version !== SERVER_FILE_VERSION || typeof id !== 'string' || parseUuid(id) === undefined)
    throw corrupt(path)
  return id
}

const corrupt = (path: string, cause?: unknown): BlockError =>
  new BlockError(
    'CORRUPT',
    `${path} is damaged; restore it, or remove it to give the server a new identity`,
    {
      facts: { path },
      cause,
    },
  )

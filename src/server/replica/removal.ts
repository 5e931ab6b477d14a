/**
 * How a replica's files leave. A mark beside its directory says that it is gone; once that is durable there is no such
 * replica, whatever happens: the files are deleted behind it. What a crash left of them is deleted after the next start,
 * what the disk refused to delete whenever it is asked for. The mark goes last, so a directory without one is whole.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Disk } from '../../base/ports/disk.ts'
import { parseUuid } from '../../base/uuid.ts'

const GONE = '.gone-'

export interface RemovalOptions {
  readonly disk: Disk
  readonly logger: Logger
  /** The directory of the volumes' directories. */
  readonly path: string
  /** Of the logs' directories, when they lie elsewhere. */
  readonly logRoot: string | undefined
}

export class Removal {
  readonly #o: RemovalOptions
  /** By volume, what is being deleted; what could not be stays here. */
  readonly #leaving = new Map<string, Promise<void>>()
  /** What could not be deleted. */
  readonly #failed = new Set<string>()
  #last: Promise<void> = Promise.resolve()

  constructor(options: RemovalOptions) {
    this.#o = options
  }

  /** Before anything is opened: what was leaving when the process ended goes on leaving. */
  async resume(): Promise<void> {
    for (const name of await this.#o.disk.list(this.#o.path)) {
      const uuid = name.startsWith(GONE) ? name.slice(GONE.length) : ''
      if (parseUuid(uuid) !== undefined) this.#delete(uuid)
    }
  }

  /** What lies there is no replica any more. */
  isLeaving(uuid: string): boolean {
    return this.#leaving.has(uuid)
  }

  /** There is no replica of this volume any more when the promise resolves. No file of it may be in use. */
  async mark(uuid: string): Promise<void> {
    const { disk, path } = this.#o
    const file = await disk.open(`${path}/${GONE}${uuid}`, { create: 'missing' })
    await file.close()
    await disk.syncDirectory(path)
    this.#delete(uuid)
  }

  /**
   * Resolves when nothing of the replica is left, at once when it is not leaving. What could not be deleted before is tried
   * once more; DISK when it cannot be now.
   */
  async gone(uuid: string): Promise<void> {
    if (this.#failed.delete(uuid)) this.#delete(uuid)
    await this.#leaving.get(uuid)
  }

  /** Resolves when nothing is being deleted. */
  async settled(): Promise<void> {
    await this.#last
  }

  /** One after the other, for a deletion may be much work for the disk. */
  #delete(uuid: string): void {
    const { logger } = this.#o
    const deleted = this.#last.then(() => this.#deleteFiles(uuid))
    this.#leaving.set(uuid, deleted)
    this.#last = deleted.then(
      () => {
        this.#leaving.delete(uuid)
        logger.info('replica.deleted', { volume: uuid })
      },
      (error: unknown) => {
        this.#failed.add(uuid)
        const code = isBlockError(error) ? error.code : undefined
        logger.error('replica.delete_failed', { volume: uuid, code }, error)
      },
    )
  }

  async #deleteFiles(uuid: string): Promise<void> {
    const { disk, path, logRoot } = this.#o
    try {
      if (logRoot !== undefined && (await disk.exists(`${logRoot}/${uuid}`))) {
        await disk.remove(`${logRoot}/${uuid}`)
        await disk.syncDirectory(logRoot)
      }
      await disk.remove(`${path}/${uuid}`)
      await disk.syncDirectory(path)
      await disk.remove(`${path}/${GONE}${uuid}`)
      await disk.syncDirectory(path)
    } catch (cause) {
      if (!isBlockError(cause)) throw cause
      const text = `what is left of replica ${uuid} could not be deleted, which is tried again: ${cause.message}`
      throw new BlockError('DISK', text, { facts: { volume: uuid }, cause })
    }
  }
}
